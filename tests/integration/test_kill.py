#!/usr/bin/env python3
"""kill -9 at random under load, and again during recovery: nothing acknowledged is lost, altered or invented.

BULKHEAD_KILLS sets how often (default 12; hundreds by hand). BULKHEAD_SEED repeats a run.
"""
import collections
import os
import pathlib
import random
import signal
import tempfile
import time

import ledger
from harness import TestCase, main, wait_until
from load import Load

KILLS = int(os.environ.get("BULKHEAD_KILLS", "12"))
SEED = int(os.environ.get("BULKHEAD_SEED", "0")) or int(time.time())


class Kill(TestCase):
    def setUp(self):
        super().setUp()
        self.ledger = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-ledger-", dir="/dev/shm"))
        print(f"seed {SEED}", flush=True)
        self.random = random.Random(SEED)

    def serve(self):
        server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1s"]\n')
        server.start()
        server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], "s@client.example")
        server.cli("account", "set", "s@client.example", "--client-networks", "127.0.0.1/32")
        return server

    def drained(self, server):
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 0, "the queue to drain", 60, 0.1)

    def kill_repeatedly(self, server, load):
        for _ in range(KILLS):
            before = load.acknowledged
            wait_until(lambda: load.acknowledged > before, "the load to get mail through")
            time.sleep(self.random.uniform(0.0, 0.4))
            server.kill()
            if self.random.random() < 0.3:   # and again during recovery
                server.process = None
                try:
                    server.start(seconds=self.random.uniform(0.02, 0.3))
                except AssertionError:
                    pass
                server.kill()
            server.start()

    def test_relayed_mail_survives(self):
        server = self.serve()
        sink = self.sink(f"127.0.0.2:{self.sink_port()}", options=["--no-data"])
        server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", self.port)
        load = Load(("127.0.0.1", server.smtp), self.ledger / "sent", "s@client.example", ["r@dest.example"], seed=SEED)
        load.start()
        self.kill_repeatedly(server, load)
        load.stop()
        self.drained(server)
        violations, counts = ledger.compare(ledger.read(self.ledger / "sent"), sink.messages(), server.kills)
        print(dict(counts), flush=True)
        self.assertEqual(violations[:10], [])
        self.assertGreater(counts["acknowledged"], KILLS)
        self.assertEqual(server.stop(), 0)

    def test_local_mail_is_stored_exactly_once(self):
        server = self.serve()
        server.cli("account", "add", "inbox@client.example")
        load = Load(("127.0.0.1", server.smtp), self.ledger / "sent", "s@client.example", ["inbox@client.example"], seed=SEED,
                    sizes=(500, 4000))
        load.start()
        self.kill_repeatedly(server, load)
        load.stop()
        self.drained(server)
        sent = ledger.read(self.ledger / "sent")
        acknowledged = sum(1 for e in sent if e["status"] == "acknowledged")
        ambiguous = sum(1 for e in sent if e["status"] == "ambiguous")
        stored = server.json("account", "show", "inbox@client.example")["mailbox"]["messages"]
        print(f"acknowledged {acknowledged}, ambiguous {ambiguous}, stored {stored}", flush=True)
        self.assertGreaterEqual(stored, acknowledged)
        self.assertLessEqual(stored, acknowledged + ambiguous)
        # The trace says the same, message by message.
        events = server.json("trace", "search", "--event", "stored", "--limit", "100000")
        times = collections.Counter(event["message_id"].strip("<>").removesuffix("@load.test") for event in events)
        wrong = [(entry["token"], entry["status"], times[entry["token"]]) for entry in sent
                 if not (entry["status"] == "acknowledged") <= times[entry["token"]] <= (entry["status"] != "refused")]
        self.assertEqual(wrong[:10], [])
        self.assertEqual(sum(times.values()), stored)
        self.assertEqual(server.stop(signal.SIGTERM), 0)

    def sink_port(self):
        from harness import free_port
        self.port = free_port("127.0.0.2")
        return self.port


if __name__ == "__main__":
    main()
