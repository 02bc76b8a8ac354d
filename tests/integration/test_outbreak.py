#!/usr/bin/env python3
"""An outbreak from end to end: a stolen password, 2,000 messages, and what the server makes of it by itself."""
import smtplib
import ssl
import statistics
import threading
import time
import urllib.request

from harness import TestCase, free_port, main, wait_until

PASSWORD = "correct horse battery"


def sign_in(server, user):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = smtplib.SMTP("127.0.0.1", server.submission, local_hostname="client.test", timeout=30)
    client.starttls(context=context)
    client.login(user, PASSWORD)
    return client


class Thief(threading.Thread):
    """Sends as fast as one session can, until the server has had enough."""

    def __init__(self, server, user, number, count):
        super().__init__(daemon=True)
        self.server, self.user, self.number, self.count = server, user, number, count
        self.accepted, self.end = 0, ""

    def run(self):
        try:
            client = sign_in(self.server, self.user)
            for i in range(self.count):
                to = f"victim{self.number}-{i}@victim.example"
                client.sendmail(self.user, [to], f"From: {self.user}\r\nTo: {to}\r\nSubject: Prize\r\n\r\nYou won.\r\n")
                self.accepted += 1
        except (smtplib.SMTPException, OSError) as error:
            self.end = str(error)


class Neighbour(threading.Thread):
    """A person of another tenant on the same address, who writes now and then; keeps how long each message took."""

    def __init__(self, server, sink):
        super().__init__(daemon=True)
        self.server, self.sink, self.stopping, self.sent = server, sink, threading.Event(), {}

    def run(self):
        client = sign_in(self.server, "ann@good.example")
        while not self.stopping.wait(0.7):
            token = f"n{len(self.sent)}"
            self.sent[token] = time.time()
            client.sendmail("ann@good.example", [f"{token}@friend.example"], "Subject: Hello\r\n\r\nHow are you?\r\n")
        client.quit()

    def delays(self):
        arrived = {m["recipients"][0].split("@")[0]: m["at"] for m in self.sink.messages()}
        return [arrived[token] - at for token, at in self.sent.items() if token in arrived]


class Outbreak(TestCase):
    def serve(self):
        server = self.node(listen=["127.0.0.1"], reputation="")
        self.keep_in_memory(server)
        server.start()
        server.cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        for tenant, account in (("bad", "info@bad.example"), ("good", "ann@good.example")):
            server.cli("tenant", "add", tenant)
            server.cli("domain", "add", f"{tenant}.example", "--tenant", tenant)
            server.cli("account", "add", account, "--password-stdin", stdin=PASSWORD + "\n")
            # What stops the outbreak is to be reputation alone.
            server.cli("limit", "set", "--account", account, "--messages", "none", "--recipients", "none", "--bytes", "none")
        self.victims, self.friends = (self.sink(f"{ip}:{free_port(ip)}", options=["--no-data"])
                                      for ip in ("127.0.0.3", "127.0.0.4"))
        for domain, sink in (("victim.example", self.victims), ("friend.example", self.friends)):
            host, port = sink.process.popen.args[-1].rsplit(":", 1)
            server.cli("route", "add", domain, "--host", host, "--port", port)
        return server

    def refusal(self, server, user="info@bad.example"):
        client = sign_in(server, user)
        code, text = client.mail(user)
        client.close()
        return code, text.decode()

    def held(self, server):
        return server.json("queue", "count", "--account", "info@bad.example", "--state", "held")["deliveries"]

    def test_an_outbreak_is_stopped_by_itself(self):
        server = self.serve()
        neighbour = Neighbour(server, self.friends)
        neighbour.start()
        wait_until(lambda: len(neighbour.delays()) >= 2, "the neighbour's first mail", 30)
        begun = time.time()
        thieves = [Thief(server, "info@bad.example", n, 500) for n in range(4)]
        for thief in thieves:
            thief.start()
        for thief in thieves:
            thief.join(60)
        accepted = sum(thief.accepted for thief in thieves)
        self.assertLess(accepted, 1200, "the account was not quarantined with its 1,000th message")
        self.assertGreaterEqual(accepted, 999)
        [case] = wait_until(lambda: server.json("case", "list", "--status", "open"), "the case")
        self.assertEqual((case["name"], case["state"], case["tenant"]), ("info@bad.example", "quarantined", "bad"))
        delivered = self.victims.messages()
        before = len(neighbour.delays())
        wait_until(lambda: len(neighbour.delays()) > before, "the neighbour's mail during the outbreak", 30)
        print(f"accepted {accepted}, delivered {len(delivered)} of 2000, first to last "
              f"{delivered[-1]['at'] - delivered[0]['at']:.2f} s, neighbour "
              f"{statistics.median(neighbour.delays()) * 1000:.0f} ms (worst {max(neighbour.delays()) * 1000:.0f})")
        self.assertLessEqual(len(delivered), 200)
        self.assertLess(delivered[-1]["at"] - begun, 5)

        code, text = self.refusal(server)
        self.assertEqual(code, 550)
        self.assertIn(case["id"], text)
        [order] = [d for d in server.json("queue", "directives") if d["action"] == "hold"]
        self.assertEqual(order["by"], "reputation " + case["id"])
        wait_until(lambda: self.held(server) == accepted - len(delivered), "all that was accepted to be held")
        shown = server.json("case", "show", case["id"])
        self.assertGreaterEqual(len(shown["steps"]), 2, "throttled first, then quarantined")
        self.assertIn("1000", shown["words"].replace(",", ""))
        events = server.json("trace", "search", "--account", "info@bad.example", "--event", "quarantined")
        self.assertIn(case["id"], events[0]["detail"])
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{server.metrics}/metrics", timeout=10).read().decode()
        self.assertIn('bulkhead_reputation_keys{kind="account",state="quarantined"} 1', metrics)

        neighbour.stopping.set()
        neighbour.join(10)
        wait_until(lambda: len(neighbour.delays()) == len(neighbour.sent), "all of the neighbour's mail")
        self.assertLess(statistics.median(neighbour.delays()), 1.0)

        # Whatever happens to the server, the state and the order stay.
        server.kill()
        server.start()
        self.assertEqual(self.refusal(server)[0], 550)
        wait_until(lambda: self.held(server) == accepted - len(delivered), "all to be held after a crash", 30)
        self.assertEqual(server.json("queue", "directives")[0]["by"], "reputation " + case["id"])
        self.assertEqual(server.json("reputation", "show", "info@bad.example")["state"], "quarantined")
        self.assertEqual(len(self.victims.messages()), len(delivered))

        server.cli("case", "release", case["id"], "--reason", "a mistake")
        self.assertEqual(server.json("case", "show", case["id"])["status"], "released")
        self.assertEqual(server.json("queue", "directives"), [])
        self.assertEqual(self.refusal(server)[0], 250)
        wait_until(lambda: len(self.victims.messages()) >= len(delivered) + 100, "mail to go on", 30)
        history = server.json("reputation", "history", "info@bad.example")
        self.assertIn("a mistake", history[-1]["what"])

    def test_what_a_person_stops_is_stopped_and_purged(self):
        server = self.serve()
        server.cli("reputation", "set", "info@bad.example", "--state", "throttled", "--for", "1h", "--reason", "a test")
        client = sign_in(server, "info@bad.example")
        for i in range(6):
            client.sendmail("info@bad.example", [f"v{i}@victim.example"], "Subject: x\r\n\r\nx\r\n")
        wait_until(lambda: len(self.victims.messages()) == 2, "the trickle's first messages")
        waiting = wait_until(lambda: server.json("queue", "list", "--account", "info@bad.example"), "the others to wait")
        self.assertEqual({d["reason"]["code"] for d in waiting}, {"reputation"})
        server.cli("reputation", "set", "info@bad.example", "--state", "quarantined", "--for", "1h", "--reason", "stolen")
        with self.assertRaises((smtplib.SMTPException, OSError)):
            client.sendmail("info@bad.example", ["v7@victim.example"], "Subject: x\r\n\r\nx\r\n")
        [case] = server.json("case", "list", "--status", "open")
        server.cli("case", "purge", case["id"])
        wait_until(lambda: server.json("queue", "count", "--account", "info@bad.example")["deliveries"] == 0, "an empty queue")
        server.cli("case", "close", case["id"])
        self.assertEqual(self.refusal(server)[0], 550, "closed, and still quarantined")
        server.cli("reputation", "policy", "--lock-sign-in", "yes")
        server.cli("reputation", "set", "info@bad.example", "--state", "quarantined", "--for", "1h", "--reason", "again")
        with self.assertRaises(smtplib.SMTPAuthenticationError) as locked:
            sign_in(server, "info@bad.example")
        self.assertIn("locked", str(locked.exception))
        server.cli("reputation", "exempt", "ann@good.example", "--for", "1h", "--reason", "annual mailing")
        self.assertIsNotNone(server.json("reputation", "show", "ann@good.example")["exempt_until"])


if __name__ == "__main__":
    main()
