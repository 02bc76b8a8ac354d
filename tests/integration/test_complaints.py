#!/usr/bin/env python3
"""Complaints from end to end: what other servers report by mail brings who sent it into quarantine, and nothing forged does."""
import base64
import smtplib
import time
import urllib.request

from burst import burst, transaction
from harness import TestCase, free_port, main, wait_until

REMOTE, CLIENT, REPORTER = "127.0.0.2", "127.0.1.1", "127.0.1.9"
ACCOUNT, FEEDBACK = "info@acme.test", "fbl+loop@acme.test"
DOMAINS = [f"d{n}.test" for n in range(4)]
SENT = 200


def report(original, recipient, kind="abuse", encoding=None):
    """What a provider sends: RFC 5965 §2."""
    attached = original if encoding is None else base64.encodebytes(original.encode()).decode().replace("\n", "\r\n")
    named = f"Original-Rcpt-To: <{recipient}>\r\n" if recipient else ""
    transfer = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return (f"From: abuse@big.test\r\nTo: {FEEDBACK}\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="frontier"\r\n\r\n'
            "--frontier\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
            "--frontier\r\nContent-Type: message/feedback-report\r\n\r\n"
            f"Feedback-Type: {kind}\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n{named}\r\n"
            f"--frontier\r\nContent-Type: message/rfc822\r\n{transfer}\r\n{attached}\r\n--frontier--\r\n")


def nested(levels):
    text = "X: y\r\n\r\n"
    for n in range(levels):
        text = f'Content-Type: multipart/report; report-type=feedback-report; boundary="b{n}"\r\n\r\n--b{n}\r\n{text}\r\n--b{n}--\r\n'
    return "From: abuse@big.test\r\n" + text


class Complaints(TestCase):
    def setUp(self):
        super().setUp()
        port = free_port(REMOTE)
        self.remote = self.sink(f"{REMOTE}:{port}")
        self.server = server = self.node(listen=["0.0.0.0"], reputation="", extra='[notify]\noperator = "noc@noc.test"\ntenant = "isp"\n')
        self.keep_in_memory(server)
        server.start()
        server.cli("route", "add", "*", "--host", REMOTE, "--port", port)
        self.clients = {}
        self.add_tenant("acme", ACCOUNT, "127.82.0.1", CLIENT)
        self.add_tenant("other", "info@other.test", "127.82.0.2", "127.0.1.2")
        self.add_tenant("isp", "ops@isp.test", "127.82.0.3", "127.0.1.3")
        server.cli("tenant", "set", "acme", "--feedback-address", "fbl@acme.test", "--postmaster", "admin@elsewhere.test")
        self.recipients = [f"person{n}@{DOMAINS[n % len(DOMAINS)]}" for n in range(SENT)]
        self.originals = {}
        self.deliver(ACCOUNT, self.recipients)

    def add_tenant(self, name, account, address, client):
        """None of its accounts is slowed down for how much it sends: this is about what others say of it."""
        server, self.clients[account] = self.server, client
        server.cli("tenant", "add", name, "--plan", "normal")
        server.cli("domain", "add", f"{name}.test", "--tenant", name)
        server.cli("address", "add", address, "--tenant", name, "--helo", f"mx.{name}.test")
        server.cli("account", "add", account)
        server.cli("account", "set", account, "--client-networks", client + "/32")
        server.cli("limit", "set", "--account", account, "--messages", "none", "--recipients", "none")
        for rule in ("account-surge", "account-surge-watch", "account-flood"):
            server.cli("reputation", "policy", "--tenant", name, "--rule", rule, "--count", "100000")

    def deliver(self, account, recipients):
        """One message to each, and waits until the other side has them all; keeps what arrived there."""
        before = len(self.remote.messages())
        bodies = [transaction(account, [r], f"From: {account}\r\nSubject: Offer\r\n\r\nBuy, {r}!\r\n".encode()) for r in recipients]
        self.assertEqual(burst(("127.0.0.1", self.server.smtp), self.clients[account], bodies), len(recipients))
        for message in self.remote.wait_for(before + len(recipients), 30)[before:]:
            self.originals.setdefault(message["recipients"][0], []).append(message["data"])

    def send(self, text, expected=250):
        with smtplib.SMTP("127.0.0.1", self.server.smtp, "reports.big.test", 30, (REPORTER, 0)) as client:
            client.ehlo()
            client.mail("abuse@big.test")
            client.rcpt(FEEDBACK)
            code, answer = client.data(text.encode())
            self.assertEqual(code, expected, answer)

    def complain(self, recipient, **options):
        self.send(report(self.originals[recipient][0], recipient, **options))

    def outcomes(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10).read().decode()
        rows = [line for line in text.splitlines() if line.startswith('bulkhead_feedback_reports_total{tenant="acme"')]
        return {line.split('outcome="')[1].split('"')[0]: int(line.split()[-1]) for line in rows if not line.endswith(" 0")}

    def wait_for_outcomes(self, **expected):
        wait_until(lambda: self.outcomes() == expected or sum(self.outcomes().values()) > sum(expected.values()), f"{expected}")
        self.assertEqual(self.outcomes(), expected)

    def state(self, key=ACCOUNT):
        return self.server.json("reputation", "show", key)["state"]

    def check_unharmed(self):
        time.sleep(0.5)
        for key in (ACCOUNT, "tenant:acme", "127.82.0.1", "info@other.test"):
            self.assertEqual(self.state(key), "normal", key)
        self.assertEqual(self.server.json("case", "list"), [])

    def test_the_third_complaint_is_one_too_many(self):
        for number, encoding in ((0, None), (1, "base64")):
            self.complain(self.recipients[number], encoding=encoding)
        self.wait_for_outcomes(complaint=2)
        self.check_unharmed()
        self.complain(self.recipients[2])
        wait_until(lambda: self.state() == "quarantined", "the account to be quarantined", 5)
        [case] = self.server.json("case", "list", "--status", "open")
        self.assertEqual((case["name"], case["state"], case["tenant"]), (ACCOUNT, "quarantined", "acme"))
        shown = self.server.json("case", "show", case["id"])
        print(shown["words"], [s["text"] for s in shown["samples"]], sep="\n", flush=True)
        self.assertIn("complain", shown["words"])
        samples = [s["text"] for s in shown["samples"] if "complaint" in s["text"]]
        self.assertEqual(len(samples), 3)
        self.assertTrue(all("abuse@big.test" in text for text in samples), samples)
        with smtplib.SMTP("127.0.0.1", self.server.smtp, "pc.acme.test", 30, (CLIENT, 0)) as client:
            client.ehlo()
            code, answer = client.mail(ACCOUNT)
            self.assertEqual(code, 550, answer)
            self.assertIn(case["id"], answer.decode())
        self.assertEqual(self.state("127.82.0.1"), "normal", "the address is not to blame")
        told = lambda: {r: m["data"] for m in self.remote.messages() for r in m["recipients"] if r.startswith(("admin@", "noc@"))}
        wait_until(lambda: len(told()) == 2, "the administrator and the operator to be told", 20)
        for text in told().values():
            self.assertIn(case["id"], text)
            self.assertIn("complain", text)
        events = self.server.json("trace", "search", "--event", "complained", "--account", ACCOUNT)
        self.assertEqual({e["recipient"] for e in events}, set(self.recipients[:3]))
        # Freed, half as much is enough: docs/reputation.md.
        self.server.cli("case", "release", case["id"], "--reason", "the list was cleaned")
        self.assertEqual(self.state(), "restored")

    def test_what_proves_nothing_does_nothing(self):
        first = self.recipients[0]
        for _ in range(4):
            self.complain(first)
        self.wait_for_outcomes(complaint=1, repeated=3)
        original = self.originals[first][0]
        number = original.index(" id ", original.index("Received:")) + 4
        for n in range(3):     # mail that was never sent
            self.send(report(original[:number] + f"01JDABCDEFGHJKMNPQRSTVWX{n:02}" + original[number + 26:], self.recipients[n]))
        for n in range(1, 4):  # mail to somebody else
            self.send(report(self.originals[self.recipients[n]][0], "nobody@d0.test"))
        self.deliver("info@other.test", ["a@d1.test", "b@d2.test", "c@d3.test"])
        for recipient in ("a@d1.test", "b@d2.test", "c@d3.test"):    # another tenant's
            self.complain(recipient)
        self.wait_for_outcomes(complaint=1, repeated=3, unproven=9)
        for n in range(4, 7):
            self.complain(self.recipients[n], kind="not-spam")
        self.wait_for_outcomes(complaint=1, repeated=3, unproven=9, neutral=3)
        self.check_unharmed()

    def test_one_recipient_is_one_complaint(self):
        """Who calls everything unwanted, or is made to, does not bring anybody into quarantine alone."""
        first = self.recipients[0]
        self.deliver(ACCOUNT, [first] * 4)
        for original in self.originals[first][1:]:
            self.send(report(original, first))
        self.wait_for_outcomes(complaint=4)
        self.check_unharmed()

    def test_a_domain_is_one_complaint(self):
        """Whoever has a domain of his own has all its addresses."""
        for n in range(4):
            self.assertIn("@d0.test", self.recipients[4 * n])
            self.complain(self.recipients[4 * n])
        self.wait_for_outcomes(complaint=4)
        self.check_unharmed()
        for n in (1, 2):     # and two others make three
            self.complain(self.recipients[n])
        wait_until(lambda: self.state() == "quarantined", "the account to be quarantined", 5)

    def test_hostile_reports_cost_little_and_change_nothing(self):
        person = self.recipients[0]
        original = self.originals[person][0]
        good = report(original, person)
        cut = report(original, person, encoding="base64")
        hostile = {
            "nested a thousand deep": nested(1000),
            "ten thousand parts": good.replace("--frontier\r\n", "--frontier\r\nX: y\r\n\r\n\r\n" + "--frontier\r\n\r\n" * 10_000, 1),
            "a header of 400 KiB": "X-Huge: " + "\r\n ".join(["y" * 900] * 440) + "\r\n" + report("", person),
            "ten thousand fields": "X: y\r\n" * 10_000 + good.replace("multipart/report", "text/plain"),
            "base64 that is cut": cut[:cut.index("base64") + 30] + "=\r\n--frontier--\r\n",
            "base64 that is none": cut[:cut.index("base64") + 10] + "*" * 70 + "\r\n--frontier--\r\n",
            "no boundary": good.replace('; boundary="frontier"', ""),
            "an empty boundary": good.replace('boundary="frontier"', 'boundary=""').replace("--frontier", "--"),
            "a boundary of 10 KB": good.replace('boundary="frontier"', 'boundary="' + "\r\n ".join(["f" * 900] * 11) + '"'),
            "a boundary that never ends": good.split("--frontier\r\nContent-Type: message")[0],
            "many ids": report("Received: by x id 01JDABCDEFGHJKMNPQRSTVWXYZ; now\r\n" * 5_000 + "\r\n", person),
            "many recipients": report("\r\n", person).replace("Original-Rcpt-To", "Original-Rcpt-To: <x@d0.test>\r\n" * 5_000 + "Original-Rcpt-To"),
            "no original": report("", person),
            "nothing": "\r\n",
        }
        self.memory_at_first, begun = self.memory(), time.monotonic()
        for number, (name, text) in enumerate(hostile.items()):
            self.send(text)
            wait_until(lambda: sum(self.outcomes().values()) == number + 1, name)
            self.assertNotIn("complaint", self.outcomes(), name)
        print(f"{len(hostile)} hostile reports in {time.monotonic() - begun:.2f} s: {self.outcomes()}", flush=True)
        self.assertEqual(set(self.outcomes()), {"unreadable", "unproven"})
        self.send("X: " + "y" * 900 + "\r\n\r\n" + ("z" * 900 + "\r\n") * 600, 552)
        self.check_unharmed()
        self.assert_modest(16)
        # And a good one is read behind them.
        self.complain(person)
        wait_until(lambda: self.outcomes().get("complaint") == 1, "the good one")
        self.assertEqual(self.server.json("queue", "count")["deliveries"], 0)

    def test_more_than_sixty_a_minute_are_counted_only(self):
        for n in range(SENT - 130):
            self.send(report("", self.recipients[n]))
        wait_until(lambda: sum(self.outcomes().values()) == SENT - 130, "all to be counted")
        self.assertGreaterEqual(self.outcomes()["too_many"], 1)
        self.check_unharmed()


if __name__ == "__main__":
    main()
