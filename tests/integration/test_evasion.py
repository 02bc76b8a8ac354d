#!/usr/bin/env python3
"""Ways around reputation, tried on the running server: none lets more out than a plain outbreak does.

Recipients named postmaster, one burst in one segment, many accounts of one tenant, many tenants of one client, and
restarts in the middle.
"""
import ctypes
import os
import smtplib
import ssl
import threading
import time

from burst import burst, transaction
from harness import Namespaces, TestCase, free_port, main, wait_until

CLONE_NEWNET = 0x40000000
SURGE, FLOOD, TRICKLE, TENANT_TRICKLE = 80, 1000, 20, 200   # docs/reputation.md
PASSWORD = "correct horse battery"


class Evasion(TestCase):
    def setUp(self):
        super().setUp()
        self.server = server = self.node(listen=["127.0.0.1"], reputation="")
        self.keep_in_memory(server)
        server.start()
        server.cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        port = free_port("127.0.0.3")
        self.remote = self.sink(f"127.0.0.3:{port}", options=["--no-data"])
        server.cli("route", "add", "*", "--host", "127.0.0.3", "--port", port)
        server.cli("limit", "set", "--plan", "new", "--messages", "none", "--recipients", "none")
        self.clients = {}
        for tenant in ("bad", "good"):
            server.cli("tenant", "add", tenant)
            server.cli("domain", "add", f"{tenant}.test", "--tenant", tenant)
            self.add_account(f"info@{tenant}.test")

    def add_account(self, account):
        self.clients[account] = f"127.0.1.{len(self.clients) + 1}"
        self.server.cli("account", "add", account)
        self.server.cli("account", "set", account, "--client-networks", self.clients[account] + "/32")

    def send(self, account, recipients):
        """One message to each, in one burst."""
        return burst(("127.0.0.1", self.server.smtp), self.clients[account], [transaction(account, [r]) for r in recipients])

    def state(self, key):
        return self.server.json("reputation", "show", key)["state"]

    def delivered(self, domain="bad.test"):
        """How many have left, once no more do."""
        count = lambda: sum(m["sender"].endswith("@" + domain) for m in self.remote.messages())
        last, since = -1, time.monotonic()
        while time.monotonic() - since < 1.0:
            if (now := count()) != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)
        return last

    def check_neighbour(self):
        self.assertEqual(self.send("info@good.test", ["friend@far.test"]), 1)
        wait_until(lambda: any(m["sender"] == "info@good.test" for m in self.remote.messages()), "the neighbour's mail", 5)

    def test_recipients_named_postmaster_count_like_any(self):
        self.send("info@bad.test", [f"postmaster@v{n}.test" for n in range(SURGE - 1)])
        self.assertNotEqual(self.state("info@bad.test"), "throttled")
        taken = self.send("info@bad.test", ["postmaster@last.test"] + ["postmaster@bad.test"] * 40)
        self.assertEqual(taken, 41)
        wait_until(lambda: self.state("info@bad.test") == "throttled", "the account to be throttled")
        self.send("info@bad.test", [f"Postmaster@w{n}.test" for n in range(60)])
        self.assertLessEqual(self.delivered(), SURGE + TRICKLE)
        self.check_neighbour()

    def test_a_burst_in_one_segment_is_counted_to_the_last(self):
        taken = self.send("info@bad.test", [f"v{n}@victim.test" for n in range(FLOOD + 400)])
        wait_until(lambda: self.state("info@bad.test") == "quarantined", "the account to be quarantined")
        delivered = self.delivered()
        print(f"taken {taken} of {FLOOD + 400} in one write, delivered {delivered}", flush=True)
        self.assertLess(taken, FLOOD + 100)
        self.assertLessEqual(delivered, 200)
        self.check_neighbour()

    def test_many_recipients_in_a_few_messages_are_no_way_round(self):
        recipients = [[f"v{n}@w{m}.test" for n in range(90)] for m in range(14)]
        burst(("127.0.0.1", self.server.smtp), self.clients["info@bad.test"], [transaction("info@bad.test", to) for to in recipients])
        wait_until(lambda: self.state("info@bad.test") == "quarantined", "the account to be quarantined")
        self.delivered()
        reached = sum(len(m["recipients"]) for m in self.remote.messages())
        print(f"recipients reached {reached} of {14 * 90}", flush=True)
        # The message that is too much leaves whole, and so do the two that a throttled account may send at once.
        self.assertLessEqual(reached, 3 * 90)
        self.check_neighbour()

    def test_many_accounts_of_a_tenant_are_the_tenants(self):
        accounts = [f"user{n}@bad.test" for n in range(12)]
        for account in accounts:
            self.add_account(account)
        for account in accounts:
            self.send(account, [f"v{n}@victim.test" for n in range(SURGE + 5)])
        wait_until(lambda: self.state("tenant:bad") == "quarantined", "the tenant to be quarantined")
        delivered = self.delivered()
        print(f"12 accounts handed in {12 * (SURGE + 5)}, delivered {delivered}", flush=True)
        # The third that turns bad has the tenant throttled.
        self.assertLessEqual(delivered, 3 * (SURGE + TRICKLE) + TENANT_TRICKLE)
        self.assertEqual(self.send("info@bad.test", ["v@victim.test"]), 0, "an account of it that has done nothing yet")
        self.check_neighbour()

    def test_restarts_in_the_middle_start_nothing_anew(self):
        begun = time.monotonic()
        self.send("info@bad.test", [f"a{n}@victim.test" for n in range(SURGE - 20)])
        time.sleep(1.5)      # counts are stored once a second
        self.server.kill()
        self.server.start()
        self.assertNotEqual(self.state("info@bad.test"), "throttled")
        self.send("info@bad.test", [f"b{n}@victim.test" for n in range(25)])
        wait_until(lambda: self.state("info@bad.test") == "throttled", "the account to be throttled")
        self.assertLess(time.monotonic() - begun, 60, "the rule is about a minute")
        for n in range(3):
            self.send("info@bad.test", [f"c{n}-{m}@victim.test" for m in range(30)])
            time.sleep(1.5)
            self.server.stop() if n == 1 else self.server.kill()
            self.server.start()
            self.assertEqual(self.state("info@bad.test"), "throttled")
        delivered = self.delivered()
        print(f"handed in {SURGE + 95}, delivered {delivered} over four restarts", flush=True)
        self.assertLessEqual(delivered, SURGE + TRICKLE)
        self.check_neighbour()


class OneClient(TestCase):
    """Clients on loopback are never restricted: these come from another host."""

    SERVER, THIEF, CUSTOMER = "198.51.100.1", "198.51.100.66", "198.51.100.77"

    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, self.SERVER + "/24")
        self.net.add(self.net.remote, self.THIEF + "/24", self.CUSTOMER + "/24")
        self.server = server = self.node(namespace=self.net.server, listen=["0.0.0.0"], reputation="")
        self.keep_in_memory(server)
        server.start()
        server.cli("address", "add", self.SERVER, "--shared", "--helo", "mx.node.test")
        server.cli("limit", "set", "--plan", "new", "--messages", "none", "--recipients", "none")
        self.accounts = [f"info@t{n}.test" for n in range(4)]
        for n, account in enumerate(self.accounts):
            server.cli("tenant", "add", f"t{n}")
            server.cli("domain", "add", f"t{n}.test", "--tenant", f"t{n}")
            server.cli("account", "add", account, "--password-stdin", stdin=PASSWORD + "\n")
        server.cli("queue", "hold", "--all", "--and-future")

    def from_elsewhere(self, work, *arguments):
        """Runs it in a thread whose sockets belong to the other host."""
        out = []

        def run():
            namespace = os.open(f"/var/run/netns/{self.net.remote}", os.O_RDONLY)
            entered = ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET)
            os.close(namespace)
            out.append(work(*arguments) if entered == 0 else "setns failed")
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)
        return out[0]

    def send(self, client, account, count):
        """Signs in and sends; returns how many were taken and what ended it."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        taken = 0
        try:
            session = smtplib.SMTP(self.SERVER, 587, local_hostname="thief.test", timeout=20, source_address=(client, 0))
            session.starttls(context=context)
            session.login(account, PASSWORD)
            for n in range(count):
                session.sendmail(account, [f"v{n}@victim.test"], "Subject: Prize\r\n\r\nYou won.\r\n")
                taken += 1
            session.quit()
        except (smtplib.SMTPException, OSError) as error:
            return taken, str(error)
        return taken, ""

    def test_many_tenants_of_one_client_are_the_clients(self):
        for account in self.accounts[:3]:
            taken, end = self.from_elsewhere(self.send, self.THIEF, account, SURGE + 2)
            self.assertGreaterEqual(taken, SURGE, end)
        key = "client:" + self.THIEF
        wait_until(lambda: self.server.json("reputation", "show", key)["state"] == "quarantined", "the client to be quarantined")
        taken, end = self.from_elsewhere(self.send, self.THIEF, self.accounts[3], 1)
        self.assertEqual(taken, 0)
        self.assertIn("554", end)
        self.assertEqual(self.from_elsewhere(self.send, self.CUSTOMER, self.accounts[3], 1), (1, ""), "its owner is served")
        [case] = [c for c in self.server.json("case", "list", "--status", "open") if c["kind"] == "client"]
        self.server.kill()
        self.server.start()
        self.assertEqual(self.from_elsewhere(self.send, self.THIEF, self.accounts[3], 1)[0], 0, "nor after a kill")
        self.server.cli("case", "release", case["id"], "--reason", "a mistake")
        self.assertEqual(self.from_elsewhere(self.send, self.THIEF, self.accounts[3], 1), (1, ""))


if __name__ == "__main__":
    main()
