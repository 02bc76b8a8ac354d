#!/usr/bin/env python3
"""Remote servers that misbehave: their mail is deferred, the server lives within bounds, and mail for others flows.

test_slow_remotes.py has those that are silent or slow.
"""
import socket
import time

from bad_remote import STAGES, Remote, answer, endless, reset
from harness import TestCase, free_port, main, swaks, wait_until

SENDER = "s@client.example"
LINES = b"250-" + b"x" * 80 + b"\r\n"
# Where it happens and what happens there.
MISDEEDS = {
    **{f"421-at-{stage}": (stage, answer(b"421 4.3.2 not now\r\n")) for stage in STAGES},
    **{f"reset-at-{stage}": (stage, reset) for stage in STAGES},
    "garbage-greeting": ("greeting", answer(b"\x00\xff\xfe garbage \x01\r\n")),
    "http-greeting": ("greeting", answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
    "tls-greeting": ("greeting", answer(b"\x15\x03\x01\x00\x02\x02\x0a" * 100)),
    "number-greeting": ("greeting", answer(b"999999999999999999999 hello\r\n")),
    "two-codes": ("end", answer(b"250-one\r\n451 two\r\n")),
    "megabyte-greeting": ("greeting", endless(LINES.replace(b"250", b"220") * 1000, size=1 << 20)),
    "endless-ehlo": ("ehlo", endless(LINES * 1000)),
    "endless-end": ("end", endless(LINES * 1000)),
    "endless-line": ("greeting", endless(b"x" * 65536, first=b"220 ")),
    "endless-line-ehlo": ("ehlo", endless(b"x" * 65536, first=b"250-")),
    "garbage-end": ("end", answer(b"\0\0\0\0\r\n")),
}


class HostileRemotes(TestCase):
    def setUp(self):
        super().setUp()
        self.server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1h"]\n')
        self.server.start()
        self.server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], SENDER)
        self.server.cli("account", "set", SENDER, "--client-networks", "127.0.0.1/32")
        port = free_port("127.0.0.2")
        self.good = self.sink(f"127.0.0.2:{port}")
        self.server.cli("route", "add", "good.example", "--host", "127.0.0.2", "--port", port)

    def send(self, recipient):
        status, transcript = swaks("--server", f"127.0.0.1:{self.server.smtp}", "--from", SENDER, "--to", recipient)
        self.assertEqual(status, 0, transcript)

    def send_to_all(self, domains):
        with socket.create_connection(("127.0.0.1", self.server.smtp), 10) as connection:
            stream = connection.makefile("rb")
            self.assertTrue(stream.readline().startswith(b"220 "))
            text = "HELO x\r\n" + "".join(
                f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<r@{domain}>\r\nDATA\r\nSubject: x\r\n\r\ntext\r\n.\r\n"
                for domain in domains)
            connection.sendall((text + "QUIT\r\n").encode())
            replies = [line[:3] for line in stream]
        self.assertEqual(replies.count(b"250"), 1 + 3 * len(domains), replies)

    def test_misdeeds(self):
        remotes = {}
        for name, misdeed in MISDEEDS.items():
            remotes[f"{name}.example"] = remote = Remote(misdeed)
            self.addCleanup(remote.server_close)
            self.addCleanup(remote.shutdown)
            port = remote.server_address[1]
            self.server.cli("route", "add", f"{name}.example", "--host", "127.0.0.2", "--port", port)
        before = self.memory()
        self.send_to_all(remotes)
        start = time.monotonic()
        self.send("r@good.example")
        self.good.wait_for(1, 5)
        print(f"\ngood mail took {time.monotonic() - start:.2f} s", flush=True)
        for name, remote in remotes.items():
            self.assertTrue(remote.seen.wait(20), f"{name} has not been asked")
            self.assertFalse(remote.was_endured, f"{name}: everything was read")
        scheduled = lambda: self.server.json("queue", "count")["scheduled"] == len(remotes)
        try:
            wait_until(scheduled, "all to be deferred", 20)
        finally:
            waiting = {d["recipients"][0].split("@")[1]: d for d in self.server.json("queue", "list")}
            for name in remotes:
                entry = waiting.get(name)
                print(f"{name}: {entry and (entry['state'], entry['attempts'], entry['reason'])}"[:200], flush=True)
        for name in remotes:
            self.assertEqual((waiting[name]["state"], waiting[name]["attempts"]), ("scheduled", 1), name)
        self.assertEqual(self.server.json("account", "show", SENDER)["mailbox"]["messages"], 0, "nothing bounces")
        grown = (self.memory() - before) / 1024
        print(f"memory: {grown:+.1f} MiB", flush=True)
        self.assertLess(grown, 32)
        self.send("again@good.example")
        self.good.wait_for(2, 5)
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    main()
