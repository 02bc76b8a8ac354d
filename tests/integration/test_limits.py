#!/usr/bin/env python3
"""Limits of the running server, by real clients: refused with the time when it passes, live, kept over restarts."""
import datetime
import re
import time
import urllib.request

from harness import TestCase, main, swaks, wait_until


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Limits(TestCase):
    def serve(self):
        server = self.node(listen=["127.0.0.1"])
        server.start()
        server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], "s@client.example")
        server.cli("account", "set", "s@client.example", "--client-networks", "127.0.0.1/32")
        return server

    def send(self, server, *to):
        return swaks("--server", f"127.0.0.1:{server.smtp}", "--from", "s@client.example", "--to",
                     ",".join(to or ["s@client.example"]))

    def used(self, server):
        rows = server.json("limit", "list", "--account", "s@client.example")
        return {row["measure"]: row["used"] for row in rows if row["scope"] == "account"}

    def test_a_limit_holds_at_once_and_over_restarts(self):
        server = self.serve()
        server.cli("limit", "set", "--account", "s@client.example", "--messages", "3/1h", "--recipients", "10/1d")
        for _ in range(3):
            status, transcript = self.send(server)
            self.assertEqual(status, 0, transcript)
        status, transcript = self.send(server)
        self.assertNotEqual(status, 0, transcript)
        refusal = re.search(r"451 4\.7\.1 Over the limit of 3/1h messages of account s@client\.example: try again after "
                            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", transcript)
        self.assertTrue(refusal, transcript)
        rejected = wait_until(lambda: server.json("trace", "search", "--event", "rejected"), "the event")
        self.assertIn("limit of 3/1h messages", rejected[0]["reply"])
        self.assertEqual(self.used(server), {"messages": 3, "recipients": 3})
        metrics = self.metrics(server)
        self.assertIn('bulkhead_limit_refused_total{scope="account",measure="messages"} 1', metrics)

        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(self.used(server)["messages"], 3, "kept over an orderly restart")
        time.sleep(1.5)      # the counters are stored once a second
        server.kill()
        server.start()
        self.assertEqual(self.used(server)["messages"], 3, "kept over a kill")
        self.assertNotEqual(self.send(server)[0], 0)

        server.cli("limit", "set", "--account", "s@client.example", "--messages", "4/1h")
        self.assertEqual(self.send(server)[0], 0, "a new limit holds at once")
        self.assertNotEqual(self.send(server)[0], 0)
        server.cli("limit", "unset", "--account", "s@client.example")
        self.assertEqual(self.send(server)[0], 0)

    def test_recipients_over_the_limit_are_put_off(self):
        server = self.serve()
        server.cli("limit", "set", "--tenant", "client", "--recipients", "2/1h")
        _, transcript = self.send(server, "s@client.example", "s+a@client.example", "postmaster@client.example")
        self.assertEqual(transcript.count("250 2.1.5"), 2, transcript)
        self.assertIn("452 4.7.1 Over the limit of 2/1h recipients of tenant client", transcript)

    def test_paced_mail_goes_at_once_when_its_limit_is_gone(self):
        server = self.serve()
        server.cli("tenant", "set", "client", "--over-limit", "pace")
        server.cli("limit", "set", "--account", "s@client.example", "--messages", "1/1h")
        for _ in range(3):
            status, transcript = self.send(server)
            self.assertEqual(status, 0, transcript)
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 2, "the first to be delivered")
        time.sleep(1)
        counts = server.json("queue", "count")
        self.assertEqual((counts["deliveries"], counts["ready"], counts["scheduled"]), (2, 0, 2), "the others wait")
        first, second = (when(row["next_attempt"]) for row in server.json("queue", "list"))
        self.assertAlmostEqual(second - first, 3600, delta=60, msg="each has its own time")
        why = server.json("queue", "why", server.json("queue", "list")[0]["id"])["deliveries"][0]
        self.assertIn("1/1h", why["reason"]["text"])
        server.cli("limit", "unset", "--account", "s@client.example")
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 0, "the others to go", 5)

    def test_paced_mail_goes_one_after_the_other_at_the_pace(self):
        server = self.serve()
        server.cli("tenant", "set", "client", "--over-limit", "pace")
        server.cli("limit", "set", "--account", "s@client.example", "--messages", "2/4s")
        for _ in range(6):
            status, transcript = self.send(server)
            self.assertEqual(status, 0, transcript)
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 0, "all to be delivered", 20)
        times = sorted(when(event["at"]) for event in server.json("trace", "search", "--event", "delivered"))
        self.assertEqual(len(times), 6)
        for earlier, later in zip(times, times[3:]):
            self.assertGreater(later - earlier, 3.5, f"more than two within four seconds, beyond the burst: {times}")

    def metrics(self, server):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics}/metrics", timeout=10) as answer:
            return answer.read().decode()


if __name__ == "__main__":
    main()
