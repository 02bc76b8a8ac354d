#!/usr/bin/env python3
"""What each state of docs/reputation.md does to mail on the running server: whose mail waits, how much goes, and who is left alone.

States are set by hand, so that no rule has to be waited for; a rule or two whose thresholds are halved or set aside are played out.
"""
import smtplib
import ssl
import time

from burst import burst, transaction
from harness import TestCase, free_port, main, wait_until

SITES = {"one.test": "127.0.0.2", "two.test": "127.0.0.4"}
FIRST, SECOND, OTHER = "127.82.0.1", "127.82.0.2", "127.82.0.3"     # two of acme, one of another tenant
ALICE, BOB, CAROL = "alice@acme.test", "bob@acme.test", "carol@other.test"
PASSWORD = "correct horse battery"
CLIENTS = {ALICE: "127.0.1.1", BOB: "127.0.1.2", CAROL: "127.0.1.3"}
# Of what is throttled: recipients an hour, a tenth of which may go at once.
OF_ONE, OF_MANY = 20, 200
COUNT = 8     # of unknown recipients that have an account throttled here
AT_ONCE = {OF_ONE: 2, OF_MANY: 20}


class Restraints(TestCase):
    def setUp(self):
        super().setUp()
        self.server = server = self.node(listen=["0.0.0.0"], reputation="")
        self.keep_in_memory(server)
        server.start()
        self.ports = {domain: free_port(ip) for domain, ip in SITES.items()}
        self.remote = self.sink(*(f"{ip}:{self.ports[domain]}" for domain, ip in SITES.items()), options=["--no-data"])
        for domain, ip in SITES.items():
            server.cli("route", "add", domain, "--host", ip, "--port", self.ports[domain])
        for tenant, addresses in (("acme", (FIRST, SECOND)), ("other", (OTHER,))):
            server.cli("tenant", "add", tenant, "--plan", "normal")
            server.cli("domain", "add", f"{tenant}.test", "--tenant", tenant)
            for ip in addresses:
                server.cli("address", "add", ip, "--tenant", tenant, "--helo", f"mx.{tenant}.test")
        server.cli("domain", "add", "brand.test", "--tenant", "acme")
        for account, client in CLIENTS.items():
            server.cli("account", "add", account)
            server.cli("account", "set", account, "--client-networks", client + "/32")
            server.cli("limit", "set", "--account", account, "--messages", "none", "--recipients", "none")
        self.number = 0

    def set(self, key, state, *options):
        self.server.cli("reputation", "set", key, "--state", state, "--reason", "a test", *options)

    def send(self, account, count, domain="one.test", sender=None, arrival=FIRST):
        """One message to each of `count` recipients; returns how many were accepted."""
        numbers = range(self.number, self.number + count)
        self.number += count
        return burst((arrival, self.server.smtp), CLIENTS[account], [transaction(sender or account, [f"r{n}@{domain}"]) for n in numbers])

    def left(self, sender=None, domain=None, peer=None):
        """What has arrived on the other side."""
        return [m for m in self.remote.messages() if (sender is None or m["sender"] == sender)
                and (domain is None or m["recipients"][0].endswith("@" + domain)) and (peer is None or m["peer"] == peer)]

    def wait_for(self, count, **what):
        """That many arrive, and no more do within half a second."""
        wait_until(lambda: len(self.left(**what)) >= count, f"{count} of {what} to arrive; there are {len(self.left(**what))}", 20)
        time.sleep(0.5)
        self.assertEqual(len(self.left(**what)), count, what)

    def waiting(self, *selectors):
        return self.server.json("queue", "list", "--limit", "1000", *selectors)

    def check_waits(self, count, words, *selectors):
        """They wait because of reputation, say why, and have used no attempt."""
        rows = wait_until(lambda: len(self.waiting(*selectors)) == count and self.waiting(*selectors), f"{count} to wait")
        wait_until(lambda: {r["reason"]["code"] for r in self.waiting(*selectors) if r["reason"]} == {"reputation"}, "the reason")
        self.assertEqual({r["attempts"] for r in rows}, {0})
        why = self.server.cli("queue", "why", rows[-1]["id"])
        self.assertRegex(why, words)
        return rows

    def end_of(self, account, client=None):
        """What the account hears at MAIL."""
        with smtplib.SMTP(FIRST, self.server.smtp, "pc.test", 20, (client or CLIENTS[account], 0)) as session:
            session.ehlo()
            code, text = session.mail(account)
            return code, text.decode()


class Senders(Restraints):
    def test_watched_and_restored_send_freely(self):
        for state in ("watched", "restored"):
            for key in (ALICE, "tenant:acme", "domain:acme.test", FIRST, f"{FIRST}@route:127.0.0.2:{self.ports['one.test']}"):
                self.set(key, state)
                self.assertEqual(self.server.json("reputation", "show", key)["state"], state)
            before = len(self.left())
            self.assertEqual(self.send(ALICE, 25), 25)
            self.wait_for(before + 25)

    def test_a_throttled_account(self):
        self.set(ALICE, "throttled")
        self.assertEqual(self.send(ALICE, 15), 15, "it may still submit")
        self.assertEqual(self.send(BOB, 25), 25)
        self.wait_for(AT_ONCE[OF_ONE], sender=ALICE)
        self.wait_for(25, sender=BOB)
        self.check_waits(13, r"(?s)account alice@acme.test.*throttled until.*20/1h", "--account", ALICE)
        # What is for here goes to nobody who could blame an address.
        messages = lambda: self.server.json("account", "show", BOB)["mailbox"]["messages"]
        burst((FIRST, self.server.smtp), CLIENTS[ALICE], [transaction(ALICE, [BOB])] * 10)
        wait_until(lambda: messages() == 10, "all that is for a colleague")

    def test_a_throttled_accounts_mail_to_many_goes_and_the_next_waits_the_longer(self):
        self.set(ALICE, "throttled")
        to = [f"x{n}@one.test" for n in range(10)]
        self.assertEqual(burst((FIRST, self.server.smtp), CLIENTS[ALICE], [transaction(ALICE, to), transaction(ALICE, ["y@one.test"])]), 2)
        wait_until(lambda: self.left(sender=ALICE), "the first message")
        time.sleep(1)
        [message] = self.left(sender=ALICE)
        self.assertEqual(len(message["recipients"]), 10)
        [row] = self.waiting("--account", ALICE)
        self.assertEqual(row["recipients"], ["y@one.test"])

    def test_a_throttled_tenant(self):
        self.set("tenant:acme", "throttled")
        self.send(ALICE, 15), self.send(BOB, 15), self.send(CAROL, 25, arrival=OTHER)
        wait_until(lambda: len(self.left(sender=ALICE) + self.left(sender=BOB)) >= 20, "the trickle of both")
        time.sleep(1)
        self.assertEqual(len(self.left(sender=ALICE) + self.left(sender=BOB)), AT_ONCE[OF_MANY], "together")
        self.check_waits(10, r"(?s)tenant.*throttled until.*200/1h", "--tenant", "acme")
        # What it receives is not touched.
        burst((OTHER, self.server.smtp), CLIENTS[CAROL], [transaction(CAROL, [BOB])] * 30)
        wait_until(lambda: self.server.json("account", "show", BOB)["mailbox"]["messages"] == 30, "mail to the tenant")
        self.assertEqual(len(self.left(sender=CAROL)), 25)

    def test_a_throttled_domain(self):
        brand = "news@brand.test"
        self.set("domain:brand.test", "throttled")
        self.assertEqual(self.send(ALICE, 30, sender=brand), 30)
        self.assertEqual(self.send(BOB, 25), 25)
        wait_until(lambda: len(self.left(sender=BOB)) == 25, "mail of another domain")
        self.wait_for(AT_ONCE[OF_MANY], sender=brand)
        self.check_waits(10, r"(?s)domain brand.test.*throttled until.*200/1h", "--sender", brand)

    def test_a_domain_does_not_keep_an_accounts_other_mail(self):
        """A web server hands in for all domains of its tenant as one account."""
        self.server.cli("reputation", "exempt", ALICE, "--for", "1h", "--reason", "80 within a minute are a surge")
        for state in ("throttled", "quarantined"):
            self.set("domain:brand.test", state)
            self.send(ALICE, 30, sender="news@brand.test"), self.send(ALICE, 10)
            wait_until(lambda: len(self.left(sender=ALICE)) == (10 if state == "throttled" else 20), "mail of the other domain", 5)
            self.server.cli("queue", "purge", "--sender", "news@brand.test")

    def test_a_quarantined_domain(self):
        brand = "news@brand.test"
        self.set("domain:brand.test", "quarantined")
        self.send(ALICE, 5, sender=brand), self.send(BOB, 5)
        self.wait_for(5, sender=BOB)
        self.assertEqual(self.left(sender=brand), [])
        self.server.kill()
        self.server.start()
        self.send(BOB, 5)
        self.wait_for(10, sender=BOB)
        self.check_waits(5, r"domain brand.test is quarantined until", "--sender", brand)

    def test_a_quarantined_account(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.server.cli("account", "passwd", ALICE, "--password-stdin", stdin=PASSWORD + "\n")
        session = smtplib.SMTP(FIRST, self.server.submission, "pc.test", 20)
        session.starttls(context=context)
        session.login(ALICE, PASSWORD)
        self.set(ALICE, "quarantined")
        self.assertEqual(session.getreply()[0], 421, "its session ends")
        session.close()
        [case] = self.server.json("case", "list", "--status", "open")
        code, text = self.end_of(ALICE)
        self.assertEqual(code, 550)
        self.assertIn(case["id"], text)
        self.assertRegex(text, "change your password")
        self.assertEqual(self.end_of(BOB)[0], 250, "its colleague")


class Addresses(Restraints):
    def setUp(self):
        super().setUp()
        self.site = f"route:127.0.0.2:{self.ports['one.test']}"

    def test_a_throttled_address(self):
        self.set(FIRST, "throttled")
        self.send(ALICE, 15, "one.test"), self.send(ALICE, 15, "two.test")
        self.send(BOB, 25, arrival=SECOND)
        self.wait_for(25, sender=BOB, peer=SECOND)
        self.wait_for(AT_ONCE[OF_MANY], peer=FIRST)
        self.assertEqual(self.left(sender=ALICE, peer=SECOND), [], "nothing leaves from another address because of that")
        self.check_waits(10, r"(?s)127\.82\.0\.1.*throttled until.*200/1h")

    def test_a_quarantined_address(self):
        self.set(FIRST, "quarantined")
        self.assertEqual(self.send(ALICE, 5), 5, "mail is accepted on it")
        self.send(BOB, 5, arrival=SECOND)
        self.wait_for(5, sender=BOB, peer=SECOND)
        self.check_waits(5, r"(?s)127\.82\.0\.1.*quarantined until")
        self.assertEqual(self.left(sender=ALICE), [])
        self.server.kill()
        self.server.start()
        self.check_waits(5, r"quarantined until")

    def test_an_address_throttled_at_one_site(self):
        self.set(f"{FIRST}@{self.site}", "throttled")
        self.send(ALICE, 10, "one.test"), self.send(ALICE, 25, "two.test")
        self.send(BOB, 10, "one.test", arrival=SECOND)
        self.wait_for(25, domain="two.test")
        self.wait_for(10, sender=BOB)
        self.wait_for(AT_ONCE[OF_ONE], sender=ALICE, domain="one.test")
        self.check_waits(8, r"(?s)127\.82\.0\.1 at route:.*throttled until.*20/1h")
        self.assertEqual(self.left(sender=ALICE, peer=SECOND), [])


class Time(Restraints):
    def setUp(self):
        super().setUp()
        self.server.cli("reputation", "policy", "--tenant", "acme", "--rule", "account-unknown-recipients", "--count", COUNT)

    def unknown(self, account, count):
        """So many local recipients that do not exist, each in a session of its own: errors make a session slow."""
        for n in range(count):
            self.number += 1
            with smtplib.SMTP(FIRST, self.server.smtp, "pc.test", 20, (CLIENTS[account], 0)) as session:
                session.ehlo()
                session.mail(account)
                self.assertEqual(session.rcpt(f"nobody{self.number}@acme.test")[0], 550)

    def state(self, key):
        return self.server.json("reputation", "show", key)["state"]

    def test_thresholds_are_halved_for_who_was_restored(self):
        self.set(BOB, "restored")
        for account in (ALICE, BOB):
            self.unknown(account, COUNT // 2 - 1)
        self.assertEqual((self.state(ALICE), self.state(BOB)), ("normal", "restored"))
        for account in (ALICE, BOB):
            self.unknown(account, 1)
        wait_until(lambda: self.state(BOB) == "throttled", "the restored one to be throttled")
        self.assertEqual(self.state(ALICE), "normal")
        self.unknown(ALICE, COUNT // 2)
        wait_until(lambda: self.state(ALICE) == "throttled", "the other one, later")

    def test_who_is_exempt_is_only_reported(self):
        self.server.cli("reputation", "exempt", ALICE, "--for", "1h", "--reason", "a cleaning of the list")
        self.unknown(ALICE, COUNT)
        [case] = wait_until(lambda: self.server.json("case", "list"), "a case that says what would be")
        self.assertEqual(case["status"], "reported")
        self.assertEqual(self.send(ALICE, 10), 10)
        self.wait_for(10, sender=ALICE)

    def test_states_end_by_themselves(self):
        for key, state in ((ALICE, "throttled"), (BOB, "quarantined"), (FIRST, "quarantined")):
            self.set(key, state, "--for", "4s")
        self.assertEqual(self.send(ALICE, 6), 6)
        self.assertEqual(self.send(BOB, 1), 0)
        self.assertEqual(self.left(), [])
        wait_until(lambda: {self.state(k) for k in (ALICE, BOB, FIRST)} == {"restored"}, "all to be restored", 15)
        self.wait_for(6, sender=ALICE, peer=FIRST)
        self.assertEqual(self.send(BOB, 3), 3)
        self.wait_for(3, sender=BOB)


if __name__ == "__main__":
    main()
