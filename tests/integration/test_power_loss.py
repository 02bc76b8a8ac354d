#!/usr/bin/env python3
"""Power cuts under load, on a disk that keeps only what was flushed: nothing acknowledged is lost.

BULKHEAD_POWER_CUTS sets how often (default 50). Needs FUSE and loop devices.
"""
import os
import pathlib
import random
import tempfile
import time
import unittest

import ledger
from harness import TestCase, free_port, main, wait_until
from load import Load
from power import Disk

CUTS = int(os.environ.get("BULKHEAD_POWER_CUTS", "50"))
SEED = int(os.environ.get("BULKHEAD_SEED", "0")) or int(time.time())


@unittest.skipUnless(os.path.exists("/dev/fuse") and os.path.exists("/dev/loop-control"), "needs FUSE and loop devices")
class PowerLoss(TestCase):
    def test_nothing_acknowledged_is_lost(self):
        print(f"seed {SEED}", flush=True)
        rnd = random.Random(SEED)
        sent = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-ledger-", dir="/dev/shm")) / "sent"
        disk = Disk(self.directory / "disk")
        self.addCleanup(disk.close)
        disk.power_on()
        port = free_port("127.0.0.2")
        sink = self.sink(f"127.0.0.2:{port}", options=["--no-data"])
        server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1s"]\n')
        text = server.configuration.read_text().replace(str(server.data), str(disk.mount / "data"))
        server.configuration.write_text(text)
        server.start()
        server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], "s@client.example")
        server.cli("account", "set", "s@client.example", "--client-networks", "127.0.0.1/32")
        server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", port)
        load = Load(("127.0.0.1", server.smtp), sent, "s@client.example", ["r@dest.example"], seed=SEED).start()
        for number in range(CUTS):
            before = load.acknowledged
            wait_until(lambda: load.acknowledged > before + 5, "the load to get mail through", 60)
            time.sleep(rnd.uniform(0.0, 0.5))
            if number % 2:      # the power fails first, or the machine with it
                server.kill()
                disk.power_cut()
            else:
                disk.power_cut()
                server.kill()
            disk.power_on()
            server.start(seconds=30)
        load.stop()
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 0, "the queue to drain", 120, 0.2)
        violations, counts = ledger.compare(ledger.read(sent), sink.messages(), server.kills)
        print(dict(counts), flush=True)
        self.assertEqual(violations[:10], [])
        self.assertGreater(counts["acknowledged"], CUTS * 5)
        self.assertEqual(server.stop(), 0)
        disk.power_off()


if __name__ == "__main__":
    main()
