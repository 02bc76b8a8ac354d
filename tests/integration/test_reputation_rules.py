#!/usr/bin/env python3
"""Rules of docs/reputation.md on the running server, from what other servers answer to the state of who caused it, and of nobody else.

The counts are made small, so that a few messages will do; shares, kinds and what they lead to are as shipped. Rules about volume,
complaints, sign-ins, tenants of bad accounts and clients have tests of their own.
"""
import smtplib

from burst import burst, transaction
from harness import TestCase, free_port, main, wait_until

SITES = [f"127.0.0.{n}" for n in (2, 4, 5, 6)]     # sN.test leads to each
ANSWERS = {
    "address": "550 5.7.1 Your IP has a poor reputation",
    "domain": "554 Your access to this mail system has been rejected due to poor reputation of a domain used in message transfer",
    "content": "550 5.7.1 [CS] Message blocked. Please refer to https://console.mailchannels.net/insights?id=x for details",
    "gone": "550 5.1.1 user unknown",
}


class Rules(TestCase):
    def setUp(self):
        super().setUp()
        self.server = server = self.node(listen=["127.0.0.1", "127.83.0.1", "127.83.0.2"], reputation="")
        self.keep_in_memory(server)
        server.start()
        self.ports = [free_port(ip) for ip in SITES]
        answers = [o for name, answer in ANSWERS.items() for o in ("--rcpt", f"{name}={answer}")]
        self.remote = self.sink(*(f"{ip}:{port}" for ip, port in zip(SITES, self.ports)), options=["--no-data", *answers])
        for n, (ip, port) in enumerate(zip(SITES, self.ports)):
            server.cli("route", "add", f"s{n}.test", "--host", ip, "--port", port)
        self.clients = {}
        for tenant, address in (("bad", "127.83.0.1"), ("good", "127.83.0.2")):
            server.cli("tenant", "add", tenant, "--plan", "normal")
            server.cli("domain", "add", f"{tenant}.test", "--tenant", tenant)
            server.cli("address", "add", address, "--tenant", tenant, "--helo", f"mx.{tenant}.test")
        for n in range(4):
            self.add_account(f"a{n}@bad.test")
        self.add_account("ann@good.test")
        # As many good ones as the shares of others' rules are taken of.
        self.send("ann@good.test", [f"friend{n}@s0.test" for n in range(5)])

    def add_account(self, account):
        self.clients[account] = f"127.0.1.{len(self.clients) + 1}"
        self.server.cli("account", "add", account)
        self.server.cli("account", "set", account, "--client-networks", self.clients[account] + "/32")
        self.server.cli("limit", "set", "--account", account, "--messages", "none", "--recipients", "none")

    def rule(self, name, count, *options):
        self.server.cli("reputation", "policy", "--rule", name, "--count", count, *options)

    def send(self, account, recipients):
        taken = burst(("127.83.0.2" if "good" in account else "127.83.0.1", self.server.smtp), self.clients[account],
                      [transaction(account, [r]) for r in recipients])
        self.assertEqual(taken, len(recipients))

    def unknown(self, account, numbers):
        """Local recipients that do not exist, each in a session of its own."""
        for n in numbers:
            with smtplib.SMTP("127.83.0.1", self.server.smtp, "pc.test", 20, (self.clients[account], 0)) as session:
                session.ehlo()
                session.mail(account)
                self.assertEqual(session.rcpt(f"nobody{n}@bad.test")[0], 550)

    def states(self):
        return {(row["kind"], row["name"]): row["state"] for row in self.server.json("reputation", "list")}

    def wait_for(self, expected, rule):
        """These and nobody else; `rule` opened the case."""
        wait_until(lambda: self.states() == expected or expected.items() <= self.states().items(), f"{expected}; it is {self.states()}")
        self.assertEqual(self.states(), expected)
        self.assertIn(rule, {case["rule"] for case in self.server.json("case", "list", "--status", "open")})

    def site(self, n):
        return f"route:{SITES[n]}:{self.ports[n]}"

    def test_the_plan_of_an_account_is_known_after_a_restart(self):
        self.rule("account-unknown-recipients", 2)
        self.rule("account-unknown-recipients", 1000, "--plan", "bulk")
        self.server.cli("account", "set", "a0@bad.test", "--plan", "bulk")
        for account in ("a0@bad.test", "a1@bad.test"):
            self.server.cli("queue", "hold", "--account", account, "--and-future")
            self.send(account, [f"gone@s{n}.test" for n in range(3)])
        self.server.stop()
        self.server.start()
        # Nobody has handed in anything since: only the directory knows the plans.
        for account in ("a0@bad.test", "a1@bad.test"):
            self.server.cli("queue", "release", "--account", account)
        wait_until(lambda: self.server.json("queue", "count")["deliveries"] == 0, "all is refused", 60)
        states = wait_until(self.states, "the other account's state")
        self.assertEqual(states.get(("account", "a1@bad.test")), "throttled")
        self.assertNotIn(("account", "a0@bad.test"), states)

    def test_account_reputation(self):
        self.rule("account-reputation", 2)
        self.send("a0@bad.test", ["address@s0.test"])
        self.send("a0@bad.test", ["address@s1.test"])
        self.wait_for({("account", "a0@bad.test"): "throttled"}, "account-reputation")

    def test_account_content(self):
        self.rule("account-content", 2)
        self.send("a0@bad.test", ["content@s0.test"])
        self.send("a0@bad.test", ["content@s0.test"])
        self.wait_for({("account", "a0@bad.test"): "throttled"}, "account-content")

    def test_account_bounces(self):
        self.rule("account-bounces", 1, "--volume", 10)
        self.send("a0@bad.test", [f"friend{n}@s0.test" for n in range(8)])
        delivered = lambda: self.server.json("reputation", "show", "a0@bad.test")["signals"].get("delivered", {}).get("day")
        wait_until(lambda: delivered() == 8, "the good ones to be counted")
        self.send("a0@bad.test", ["gone@s0.test"])
        self.send("a0@bad.test", ["gone@s1.test"])
        self.wait_for({("account", "a0@bad.test"): "quarantined"}, "account-bounces")

    def test_account_harvest(self):
        self.rule("account-harvest", 4)
        self.unknown("a0@bad.test", range(4))
        self.wait_for({("account", "a0@bad.test"): "quarantined"}, "account-harvest")

    def test_tenant_unknown_recipients(self):
        self.rule("tenant-unknown-recipients", 4)
        for account in ("a0@bad.test", "a1@bad.test"):
            self.unknown(account, range(2))
        self.wait_for({("tenant", "bad"): "throttled"}, "tenant-unknown-recipients")

    def test_tenant_reputation(self):
        self.rule("tenant-reputation", 3)
        for n in range(3):
            self.send(f"a{n}@bad.test", [f"address@s{n}.test"])
        self.wait_for({("tenant", "bad"): "throttled"}, "tenant-reputation")

    def test_tenant_surge(self):
        """More than an account may send in a minute, of two together that each send less."""
        self.rule("tenant-surge", 130)
        self.rule("tenant-surge-watch", 10_000)
        self.rule("account-surge-watch", 10_000)
        for n in range(2):
            self.send(f"a{n}@bad.test", [f"v{m}@s0.test" for m in range(70)])
        self.wait_for({("tenant", "bad"): "throttled"}, "tenant-surge")

    def test_domain_reputation(self):
        self.rule("domain-reputation", 2)
        for n in range(2):
            self.send(f"a{n}@bad.test", ["domain@s0.test"])
        self.wait_for({("domain", "bad.test"): "throttled"}, "domain-reputation")

    def test_address_at_site(self):
        self.rule("address-at-site", 2)
        for n in range(2):
            self.send(f"a{n}@bad.test", ["address@s0.test"])
        self.wait_for({("address-site", f"127.83.0.1@{self.site(0)}"): "throttled"}, "address-at-site")

    def test_address_reputation(self):
        """Three sites say so; two would not do."""
        self.rule("address-reputation", 3)
        for n in range(3):
            self.send(f"a{n}@bad.test", [f"address@s{n % 2}.test"])
        wait_until(lambda: self.server.json("queue", "count")["deliveries"] == 0, "all to be refused")
        self.assertEqual(self.states(), {})
        self.send("a3@bad.test", ["address@s2.test"])
        self.wait_for({("address", "127.83.0.1"): "throttled"}, "address-reputation")


if __name__ == "__main__":
    main()
