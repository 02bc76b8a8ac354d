#!/usr/bin/env python3
"""Directives on the queue of a running server: at once, durable through kill -9, exact, and nothing lost beside what was purged.

BULKHEAD_KILLS sets how often the last test kills the server (default 6).
"""
import os
import pathlib
import random
import socket
import tempfile
import time

import ledger
from harness import TestCase, free_port, main, wait_until
from load import Load

KILLS = int(os.environ.get("BULKHEAD_KILLS", "6"))
SEED = int(os.environ.get("BULKHEAD_SEED", "0")) or int(time.time())
CLIENTS = {"hacked@bad.example": "127.0.0.5", "other@bad.example": "127.0.0.6", "s@good.example": "127.0.0.7"}


class Directives(TestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port("127.0.0.2")
        self.server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1s"]\n')
        self.keep_in_memory(self.server)
        self.open = self.directory / "open"
        self.remote = self.sink(f"127.0.0.2:{self.port}", options=["--no-data", "--mail", "451 4.7.1 later", "--until", self.open])
        self.server.start()
        self.server.add_tenant("bad", "bad.example")
        self.server.add_tenant("good", "good.example")
        self.server.cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        for account, client in CLIENTS.items():
            self.server.cli("account", "add", account)
            self.server.cli("account", "set", account, "--client-networks", client + "/32")
        self.server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", self.port)

    def send(self, sender, count, *recipients, subject="offer"):
        """So many messages of an account, all acknowledged."""
        envelope = "\r\n".join(f"RCPT TO:<{r}>" for r in recipients or ["r@dest.example"])
        replies = [250] * (1 + len(recipients or [1])) + [354]
        with socket.create_connection(("127.0.0.1", self.server.smtp), 30, (CLIENTS[sender], 0)) as connection:
            stream = connection.makefile("rb")
            Load.expect(stream)
            Load.say(connection, "EHLO load.test")
            Load.expect(stream)
            for number in range(count):
                Load.say(connection, f"MAIL FROM:<{sender}>\r\n{envelope}\r\nDATA")
                self.assertEqual([Load.expect(stream) for _ in replies], replies)
                Load.say(connection, f"From: <{sender}>\r\nSubject: {subject} {number}\r\n\r\nbody {number}\r\n.")
                self.assertEqual(Load.expect(stream), 250)

    def count(self, *selectors):
        return self.server.json("queue", "count", *selectors)

    def restart(self):
        self.server.kill()
        self.server.start()

    def serve_remote(self):
        """The remote, which has answered 451 so far, takes mail from now on."""
        self.open.touch()
        return self.remote

    def senders(self, sink):
        return [m["sender"] for m in sink.messages()]

    def test_a_hold_survives_a_kill_and_ends_with_its_release(self):
        self.send("hacked@bad.example", 60)
        self.send("s@good.example", 20)
        held = self.server.json("queue", "hold", "--account", "hacked@bad.example", "--and-future")
        self.restart()
        self.assertEqual((held["matched"], held["messages"], held["accounts"]), (60, 60, 1))
        sink = self.serve_remote()
        self.send("hacked@bad.example", 5)   # "and future": accepted and held
        sink.wait_for(20, 30)
        time.sleep(2)
        self.assertEqual(set(self.senders(sink)), {"s@good.example"})
        wait_until(lambda: self.count("--account", "hacked@bad.example")["held"] == 65, "65 to be held")
        listed = self.server.json("queue", "list", "--account", "hacked@bad.example", "--limit", "1")[0]
        self.assertEqual(listed["state"], "held")
        self.assertEqual(listed["reason"]["code"], "directive")
        why = self.server.cli("queue", "why", listed["id"])
        self.assertIn("release", why)
        self.server.cli("queue", "release", "--account", "hacked@bad.example")
        self.restart()
        sink.wait_for(85, 30)
        wait_until(lambda: self.count()["deliveries"] == 0, "the queue to drain")

    def test_a_purge_survives_a_kill_and_takes_only_what_it_names(self):
        self.send("hacked@bad.example", 80)
        self.send("other@bad.example", 10)
        self.send("s@good.example", 10)
        dry = self.server.json("queue", "purge", "--account", "hacked@bad.example", "--dry-run")
        self.assertEqual(dry["matched"], 80)
        self.assertEqual(self.count()["deliveries"], 100)
        purged = self.server.json("queue", "purge", "--account", "hacked@bad.example")
        self.restart()
        self.assertEqual((purged["matched"], purged["messages"]), (80, 80))
        wait_until(lambda: self.count()["deliveries"] == 20, "the purged to go")
        self.send("hacked@bad.example", 3)   # without "and future", what comes later is not meant
        sink = self.serve_remote()
        sink.wait_for(23, 30)
        senders = self.senders(sink)
        self.assertEqual(senders.count("hacked@bad.example"), 3)
        self.assertEqual(len(senders), 23)
        events = self.server.json("trace", "search", "--event", "purged", "--account", "hacked@bad.example", "--limit", "1000")
        self.assertEqual(len({e["id"] for e in events if e.get("id")}), 80)

    def test_selectors_combine_and_a_narrower_release_is_an_exception(self):
        self.send("hacked@bad.example", 5, "a@one.example", subject="invoice")
        self.send("hacked@bad.example", 5, "a@two.example", subject="letter")
        self.send("other@bad.example", 5, "a@one.example", subject="letter")
        self.server.json("queue", "hold", "--tenant", "bad", "--and-future")
        self.server.json("queue", "release", "--tenant", "bad", "--recipient-domain", "two.example")
        sink = self.serve_remote()
        sink.wait_for(5, 30)
        time.sleep(1.5)
        self.assertEqual({m["recipients"][0] for m in sink.messages()}, {"a@two.example"})
        purged = self.server.json("queue", "purge", "--account", "hacked@bad.example", "--subject", "invoice")
        wait_until(lambda: self.count("--tenant", "bad")["deliveries"] == 5, "the invoices to go")
        self.assertLessEqual(purged["matched"], 5)
        self.server.cli("queue", "release", "--tenant", "bad")
        sink.wait_for(10, 30)
        self.assertEqual(sorted({m["sender"] for m in sink.messages()}), ["hacked@bad.example", "other@bad.example"])

    def test_a_hold_by_subject_misses_nothing_that_is_under_way(self):
        for number in range(6):   # several sites, so that many attempts are under way at any time
            self.send("hacked@bad.example", 250, f"r@dest{number}.example", subject="offer")
        self.send("s@good.example", 20, subject="letter")
        held = self.server.json("queue", "hold", "--subject", "offer", "--and-future")
        [order] = self.server.json("queue", "directives")
        if not held["complete"]:
            wait_until(lambda: self.server.json("queue", "directives")[0]["progress"]["complete"], "the order's work to be complete")
        counts = self.count("--account", "hacked@bad.example")
        self.assertEqual((counts["held"], counts["deliveries"]), (1500, 1500), (held, order, counts))
        self.assertEqual(held["matched"], 1500)
        sink = self.serve_remote()
        self.send("hacked@bad.example", 5, subject="Another offer")
        self.send("hacked@bad.example", 5, subject="letter")
        sink.wait_for(25, 30)
        time.sleep(2)
        self.assertEqual(sorted(self.senders(sink)), ["hacked@bad.example"] * 5 + ["s@good.example"] * 20)
        self.assertEqual(self.count("--account", "hacked@bad.example")["held"], 1505)

    def test_what_an_ended_purge_has_taken_stays_gone_through_a_kill(self):
        # Deliveries of one message are removed one after the other: that takes longer than the next order does.
        self.send("hacked@bad.example", 1500, "r@one.example", "r@two.example")
        purged = self.server.json("queue", "purge", "--account", "hacked@bad.example", "--and-future")
        ended = self.server.json("queue", "end", purged["directive"])
        self.restart()
        self.assertFalse(ended["ended"], "it was still at work")
        self.assertGreater(ended["left"], 0)
        self.assertEqual((purged["matched"], purged["messages"]), (3000, 1500))
        sink = self.serve_remote()
        self.send("hacked@bad.example", 3, subject="after the end")
        sink.wait_for(3, 30)
        wait_until(lambda: self.count()["deliveries"] == 0, "the queue to drain")
        time.sleep(2)
        self.assertEqual(len(sink.messages()), 3)
        wait_until(lambda: not self.server.json("queue", "directives"), "the order to end")

    def test_a_bounce_reports_to_our_own_senders(self):
        self.send("s@good.example", 4)
        bounced = self.server.json("queue", "bounce", "--account", "s@good.example")
        self.assertEqual(bounced["matched"], 4)
        stored = lambda: self.server.json("account", "show", "s@good.example")["mailbox"]["messages"]
        wait_until(lambda: stored() == 4, "four reports")
        wait_until(lambda: self.count()["deliveries"] == 0, "an empty queue")

    def test_top_names_the_sender_and_bad_orders_are_refused(self):
        self.send("hacked@bad.example", 30)
        self.send("s@good.example", 3)
        for key in ("account", "tenant", "sender", "client-ip", "site", "source"):
            rows = self.server.json("queue", "top", "--by", key)
            self.assertEqual(sum(r["deliveries"] for r in rows), 33, key)
        self.assertIn("hacked@bad.example", self.server.cli("queue", "top", "--by", "account").splitlines()[1])
        for arguments in (["queue", "purge"], ["queue", "hold"], ["queue", "hold", "--tenant", "nobody"],
                          ["queue", "hold", "--state", "nonsense"], ["queue", "top", "--by", "nonsense"]):
            result = self.server.cli_result(*arguments)
            self.assertIn(result.returncode, (1, 2), arguments)
            self.assertTrue(result.stderr.strip(), arguments)
        self.assertEqual(self.count()["deliveries"], 33)
        self.assertEqual(self.server.json("queue", "purge", "--all")["matched"], 33)

    def test_kills_between_directives_lose_nothing(self):
        print(f"seed {SEED}", flush=True)
        rnd = random.Random(SEED)
        record = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-ledger-", dir="/dev/shm")) / "sent"
        self.server.cli("account", "set", "s@good.example", "--client-networks", "127.0.0.1/32")
        sink = self.serve_remote()
        load = Load(("127.0.0.1", self.server.smtp), record, "s@good.example", [f"r@d{n}.example" for n in range(9)], seed=SEED).start()
        selectors = [["--account", "s@good.example"], ["--tenant", "good"], ["--recipient-domain", "d1.example"],
                     ["--client-ip", "127.0.0.1"], ["--sender", "s@good.example"], ["--site", f"route:127.0.0.2:{self.port}"]]
        for _ in range(KILLS):
            before = load.acknowledged
            wait_until(lambda: load.acknowledged > before, "the load to get mail through")
            for _ in range(3):
                verb = rnd.choice(["hold", "release"])
                self.server.cli("queue", verb, *rnd.choice(selectors), *(["--and-future"] if verb == "hold" else []))
            self.restart()
        load.stop()
        self.server.cli("queue", "release", "--all")
        # What is released leaves at a bounded rate.
        wait_until(lambda: self.count()["deliveries"] == 0, "the queue to drain", 90 + 4 * KILLS, 0.2)
        violations, counts = ledger.compare(ledger.read(record), sink.messages(), self.server.kills)
        print(dict(counts), flush=True)
        self.assertEqual(violations[:10], [])
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    main()
