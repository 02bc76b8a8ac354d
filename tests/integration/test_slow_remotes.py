#!/usr/bin/env python3
"""Remote servers that are silent, slow, or break off: each time-out of RFC 5321 §4.5.3.2 as configured, nothing is lost.

After its misdeed each remote repents and takes what comes. A second copy is possible only where the reply to the final dot was
lost, and exactly these connections are counted as ambiguous.
"""
import re
import socket
import time
import urllib.request

from bad_remote import Remote, drip, reset, silence
from harness import TestCase, main, wait_until

SENDER = "s@client.example"
GREETING, COMMAND, DATA, END = 1, 2, 3, 4
# RCPT and what follows have a second more for each recipient.
ENVELOPE = COMMAND + 1
LONG = b"x" * 200


def read_slowly(connection):
    """Takes ten octets a second of what comes."""
    try:
        while connection.recv(10):
            time.sleep(1)
    except OSError:
        pass


def cut_after(size):
    """Reads `size` octets of the message and resets the connection."""
    def cut(connection):
        connection.sendall(b"354 go on\r\n")
        read = 0
        while read < size and (piece := connection.recv(65536)):
            read += len(piece)
        reset(connection)
    return cut


def stop_reading(connection):
    connection.sendall(b"354 go on\r\n")
    time.sleep(DATA + 1)


# Stage, misdeed, seconds after which the client leaves, whether the message may have been taken.
MISDEEDS = {
    "silent-greeting": ("greeting", silence, GREETING, False),
    "silent-ehlo": ("ehlo", silence, GREETING, False),
    "silent-mail": ("mail", silence, ENVELOPE, False),
    "silent-rcpt": ("rcpt", silence, ENVELOPE, False),
    "silent-data": ("data", silence, ENVELOPE, False),
    "silent-end": ("end", silence, END, True),
    "slow-greeting": ("greeting", drip(b"220 " + LONG), GREETING, False),
    "slow-ehlo": ("ehlo", drip(b"250 " + LONG), GREETING, False),
    "slow-mail": ("mail", drip(b"250 " + LONG), ENVELOPE, False),
    "slow-data": ("data", drip(b"354 " + LONG), ENVELOPE, False),
    "slow-end": ("end", drip(b"250 " + LONG), END, True),
    "reset-end": ("end", reset, 0, True),
}
# With a message that no socket buffer holds.
MISDEEDS_OF_LARGE = {
    "stops-reading": ("data", stop_reading, DATA, False),
    "reads-slowly": ("data", lambda c: (c.sendall(b"354 go on\r\n"), read_slowly(c)), DATA, False),
    "reset-body": ("data", cut_after(300000), None, False),
}
LARGE = 12 << 20


class SlowRemotes(TestCase):
    def setUp(self):
        super().setUp()
        extra = f'''[queue]
retry = ["1s"]
[delivery]
connect_timeout = "2s"
greeting_timeout = "{GREETING}s"
command_timeout = "{COMMAND}s"
data_timeout = "{DATA}s"
end_of_data_timeout = "{END}s"
'''
        self.server = self.node(listen=["127.0.0.1"], extra=extra)
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], SENDER)
        self.server.cli("account", "set", SENDER, "--client-networks", "127.0.0.1/32")
        self.remotes = {}

    def remote(self, name, misdeed, **options):
        remote = self.remotes[name] = Remote(misdeed, **options)
        self.addCleanup(remote.server_close)
        self.addCleanup(remote.shutdown)
        self.server.cli("route", "add", f"{name}.example", "--host", "127.0.0.2", "--port", remote.server_address[1])
        return remote

    def send(self, name, size=0):
        with socket.create_connection(("127.0.0.1", self.server.smtp), 30) as connection:
            stream = connection.makefile("rb")
            self.assertTrue(stream.readline().startswith(b"220 "))
            text = f"Subject: {name}\r\n\r\n" + ("x" * 70 + "\r\n") * (1 + size // 72)
            connection.sendall(f"HELO x\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<r@{name}.example>\r\nDATA\r\n{text}.\r\nQUIT\r\n".encode())
            replies = [line[:3] for line in stream]
        self.assertEqual(replies.count(b"250"), 4, replies)

    def ambiguous(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(n) for n in re.findall(r"(?m)^bulkhead_ambiguous_deliveries_total\{.*\} ([0-9.e+]+)$", text))

    def waits(self):
        """Why each that was tried and waits does so, by the first label of its recipient's domain."""
        return {d["recipients"][0].split("@")[1].split(".")[0]: d["reason"]["text"]
                for d in self.server.json("queue", "list") if d["attempts"] > 0 and d["reason"]}

    def check(self, misdeeds, size=0, **options):
        for name, (stage, misdeed, *_) in misdeeds.items():
            self.remote(name, (stage, misdeed), **options)
        for name in misdeeds:
            self.send(name, size)
        gave_up, reasons = {}, {}

        def tried():
            for name, reason in self.waits().items():
                gave_up.setdefault(name, time.monotonic())
                reasons.setdefault(name, reason)
            return set(reasons) >= set(misdeeds)
        wait_until(tried, "every message to be deferred", 20)
        for name, (_, _, patience, _) in misdeeds.items():
            took = gave_up[name] - self.remotes[name].began
            print(f"{name}: given up after {took:.2f} s: {reasons[name]}", flush=True)
            self.remotes[name].repents.set()
            if patience is not None:
                self.assertGreater(took, patience - 0.2, name)
                self.assertLess(took, patience + 4, name)
        self.server.cli("queue", "retry", "--sender", SENDER)
        for name in misdeeds:
            wait_until(lambda: self.remotes[name].taken, f"{name} to take the message in the end", 20)
        wait_until(lambda: self.server.json("queue", "count")["messages"] == 0, "the queue to drain")
        for name in misdeeds:
            self.assertEqual(len(self.remotes[name].taken), 1, f"{name}: one copy beside the one that got no reply")
            self.assertIn(f"Subject: {name}\r\n".encode(), self.remotes[name].taken[0])
        self.assertEqual(self.server.json("account", "show", SENDER)["mailbox"]["messages"], 0, "nothing bounces")

    def test_each_time_out_as_configured(self):
        self.check(MISDEEDS)
        self.assertEqual(self.ambiguous(), sum(self.remotes[n].misdeeds for n, m in MISDEEDS.items() if m[3]))

    def test_a_body_that_is_not_read_to_its_end(self):
        self.check(MISDEEDS_OF_LARGE, LARGE, receive_buffer=65536)
        self.assertEqual(self.ambiguous(), 0, "the end of the message was never sent")


if __name__ == "__main__":
    main()
