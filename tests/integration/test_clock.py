#!/usr/bin/env python3
"""A wall clock that jumps while the server runs (libfaketime): nothing expires, nothing is tried early, nothing stops."""
import glob
import os
import time

from harness import TestCase, free_port, main, swaks, wait_until

SENDER = "s@client.test"
RETRY = 14     # seconds, and a random fifth more or less
HOUR, DAY = 3600, 86400
LONGEST_WAIT = 30 * HOUR  # more than a day, which is the most that a remote may ask for, and a fifth of it
YEAR_2038 = int(2147483647 + DAY - time.time())
LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


class ClockThatJumps(TestCase):
    def setUp(self):
        super().setUp()
        if LIBRARY is None:
            self.skipTest("libfaketime is not installed: deploy/packages test")
        self.offset = self.directory / "offset"
        self.jump(0)
        port = free_port("127.0.0.2")
        self.server = self.node(listen=["127.0.0.1"], extra=f'[queue]\nretry = ["{RETRY}s"]\n')
        self.start()
        self.server.add_tenant("client", "client.test", [("127.0.0.1", "mx.client.test")], SENDER)
        self.server.cli("account", "set", SENDER, "--client-networks", "127.0.0.1/32")
        self.again = self.directory / "again"
        self.remote = self.sink(f"127.0.0.2:{port}", options=["--rcpt", "late=451 4.3.0 not now", "--until", self.again])
        self.server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", port)

    def start(self):
        self.server.start(env={"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.offset), "FAKETIME_NO_CACHE": "1",
                               "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"})

    def jump(self, seconds):
        """The server's wall clock is so far ahead of the machine's from now on."""
        fresh = self.directory / "offset.new"
        fresh.write_text(f"{seconds:+d}\n")
        os.rename(fresh, self.offset)

    def send(self, *recipients):
        began = time.monotonic()
        status, transcript = swaks("--server", f"127.0.0.1:{self.server.smtp}", "--from", SENDER, "--to", ",".join(recipients))
        self.assertEqual(status, 0, transcript)
        self.assertLess(time.monotonic() - began, 5.0)

    def row(self):
        return next((r for r in self.server.json("queue", "list") if r["recipients"] == ["late@dest.test"]), None)

    def test_nothing_expires_and_nothing_is_tried_early(self):
        self.send("late@dest.test")
        wait_until(lambda: (self.row() or {}).get("attempts") == 1, "the first attempt")
        deferred = time.monotonic()
        jumps = {"one hour back": -HOUR, "five days ahead": 5 * DAY + HOUR, "from there eight back": -3 * DAY,
                 "2038": YEAR_2038, "right again": 0}
        for number, (name, seconds) in enumerate(jumps.items()):
            self.jump(seconds)
            time.sleep(1)
            row = self.row()
            self.assertEqual((row["state"], row["attempts"]), ("scheduled", 1), name)
            self.send(f"fresh{number}@dest{number}.test")
            wait_until(lambda: len(self.remote.messages()) == number + 1, f"fresh mail at once, {name}", 5)
            received = self.server.json("trace", "search", "--recipient", f"fresh{number}@dest{number}.test")[0]["at"]
            print(f"{name}: the trace says {received}", flush=True)
            day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + seconds))
            self.assertEqual(received[:10], day, "the trace tells the time that the machine tells")
        self.assertLess(time.monotonic() - deferred, RETRY * 0.8, "the machine is too slow for this test")
        self.assertEqual(self.server.json("account", "show", SENDER)["mailbox"]["messages"], 0, "nothing bounces")
        wait_until(lambda: self.row()["attempts"] == 2, "the second attempt in its time", RETRY * 1.3)
        waited = time.monotonic() - deferred
        print(f"the second attempt {waited:.1f} s after the first", flush=True)
        self.assertGreater(waited, RETRY * 0.8 - 1)
        self.again.touch()
        self.server.cli("queue", "retry", "--sender", SENDER)
        wait_until(lambda: self.row() is None, "its delivery")
        self.assertEqual(self.server.stop(), 0)

    def test_mail_of_a_clock_that_was_wrong_is_tried_after_a_restart(self):
        self.server.stop()
        self.jump(YEAR_2038)
        self.start()
        self.send("late@dest.test")
        wait_until(lambda: (self.row() or {}).get("attempts") == 1, "the first attempt")
        self.server.kill()
        self.jump(0)
        self.start()
        row = wait_until(self.row, "the message")
        self.assertEqual(row["state"], "scheduled")
        latest = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + LONGEST_WAIT))
        self.assertLess(row["next_attempt"], latest, "a time that no interval leads to is not waited for")
        self.again.touch()
        self.server.cli("queue", "retry", "--sender", SENDER)
        wait_until(lambda: self.row() is None, "its delivery")


if __name__ == "__main__":
    main()
