#!/usr/bin/env python3
"""Clients that mean harm or know no better: the server lives, within bounds, and others are served at once."""
import re
import socket
import ssl
import struct
import threading
import time

from harness import TestCase, free_port, main, wait_until

SENDER = "s@client.example"
HEADER = f"From: <{SENDER}>\r\nDate: Mon, 23 Nov 2026 01:02:03 +0000\r\nMessage-ID: <1@client.example>\r\n"
SECOND = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<smuggled@dest.example>\r\nDATA\r\n" \
         f"{HEADER}Subject: smuggled\r\n\r\nsecond\r\n.\r\n"
# What other servers took for the end of the data. Each stands between a line's text and the smuggled commands.
ENDINGS = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n\r.\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n",
           "\r\n.\r\0\n", "\r\r\n.\r\r\n", "\r\n. \r\n", "\r\n\x0b.\r\n", "\n.\r", "\0\n.\r\n"]


class Client:
    """One SMTP connection."""

    def __init__(self, port, hello=True):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.settimeout(30)
        self.stream = self.socket.makefile("rb")
        if hello:
            self.reply()
            self.command("EHLO load.test")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))

    def reply(self):
        """The code of the next reply; 0 at the end of the connection."""
        while True:
            try:
                line = self.stream.readline()
            except ConnectionError:
                return 0
            if not line:
                return 0
            if line[3:4] != b"-":
                return int(line[:3])

    def command(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def envelope(self, recipient="r@dest.example"):
        return [self.command(line) for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{recipient}>", "DATA")]


def flood(client, piece, total):
    """Sends `piece` until `total` octets are gone or the peer has had enough; returns how many went."""
    sent = 0
    try:
        while sent < total:
            client.socket.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


class Hostile(TestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port("127.0.0.2")
        extra = '[queue]\nretry = ["1s"]\n[limits]\nsessions_per_client = 5000\n'
        self.server = self.node(listen=["127.0.0.1"], extra=extra)
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], SENDER)
        self.server.cli("account", "set", SENDER, "--client-networks", "127.0.0.1/32")
        self.server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", self.port)
        self.remote = self.sink(f"127.0.0.2:{self.port}")
        self.serve_another()
        self.memory_at_first = self.memory()

    def serve_another(self, seconds=1.0):
        """A whole session of somebody else, and how long it takes."""
        start = time.monotonic()
        with Client(self.server.smtp) as client:
            self.assertEqual(client.envelope("other@dest.example"), [250, 250, 354])
            self.assertEqual(client.command(HEADER + "Subject: other\r\n\r\ntext\r\n."), 250)
            self.assertEqual(client.command("QUIT"), 221)
        took = time.monotonic() - start
        self.assertLess(took, seconds, "an unrelated session has to wait")

    def subjects(self):
        """Of what has arrived, after all has."""
        wait_until(lambda: self.server.json("queue", "count")["messages"] == 0, "the queue to drain", 30)
        return [re.findall(r"(?m)^Subject: (\S+)", m["data"])[0] for m in self.remote.messages()]

    def test_two_thousand_idle_and_slow_clients(self):
        clients = []
        for number in range(2000):
            kind = number % 5
            port = self.server.submissions if kind == 0 else self.server.submission if kind == 1 else self.server.smtp
            clients.append(Client(port, hello=False))
            if kind == 0:    # the beginning of a ClientHello
                clients[-1].send(b"\x16\x03\x01\x02\x00\x01\x00"[:number % 8])
            elif kind == 3:  # one octet now and then
                clients[-1].reply()
                clients[-1].send("E")
            elif kind == 4:  # in the middle of a message
                clients[-1].reply()
                clients[-1].send(f"EHLO x\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<r@dest.example>\r\nDATA\r\nSubject: slo")
        self.serve_another()
        start = time.monotonic()
        context = ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", self.server.submissions), 5) as plain:
            with context.wrap_socket(plain, server_hostname="node.bulkhead.test") as wrapped:
                self.assertTrue(wrapped.recv(100).startswith(b"220 "))
        self.assertLess(time.monotonic() - start, 1.0)
        for client in clients[3::5]:
            client.send("H")
        self.serve_another()
        self.assert_modest(150)
        for client in clients:
            client.close()
        self.serve_another()
        self.assertNotIn("slo", self.subjects())

    def test_a_line_without_end(self):
        for piece in (b"x" * 65536, b"EHLO " + b"\0" * 65531, b"\n" * 65536):
            with Client(self.server.smtp) as client:
                sent = flood(client, piece, 64 << 20)
                self.assertLess(sent, 32 << 20, "the server goes on reading")
                self.assertIn(client.reply(), (0, 500, 554))
        self.serve_another()
        self.assert_modest(16)

    def test_a_line_without_end_in_a_message(self):
        with Client(self.server.smtp) as client:
            self.assertEqual(client.envelope(), [250, 250, 354])
            flood(client, b"x" * 65536, 50 << 20)
            self.serve_another()
            try:
                code = client.command("\r\n.")
            except OSError:
                code = 0
            self.assertIn(code, (0, 500, 552, 554))
        self.serve_another()
        self.assert_modest(64)
        self.assertEqual(set(self.subjects()), {"other"})

    def test_headers_of_many_megabytes(self):
        lines = (b"X-Long: value and more of the same\r\n", b" folded and folded and folded\r\n", b"To: (((((((((\r\n")
        for line, size in [(line, 50 << 20) for line in lines] + [(lines[0], 10 << 20)]:
            with Client(self.server.smtp) as client:
                self.assertEqual(client.envelope(), [250, 250, 354])
                client.send(HEADER + "Subject: big\r\n")
                flood(client, line * 2000, size)
                self.serve_another()
                client.send("\r\ntext\r\n.\r\n")
                code = client.reply()
                print(f"a header of {size >> 20} MB: {code}", flush=True)
                self.assertEqual(code, 552 if size == 50 << 20 else 250)   # with the rest it is more than 50 MiB
        self.serve_another()
        self.assertEqual(self.subjects().count("big"), 1)
        self.assert_modest(48)

    def test_a_million_pipelined_commands(self):
        with Client(self.server.smtp) as client:
            piece = b"NOOP\r\n" * 10000
            sender = threading.Thread(target=flood, args=(client, piece, 100 * len(piece)), daemon=True)
            start = time.monotonic()
            sender.start()
            replies = 0
            while replies < 1000000 and client.stream.readline().startswith(b"250 "):
                replies += 1
                if replies in (100000, 600000):
                    self.serve_another()
            print(f"{replies} replies in {time.monotonic() - start:.1f} s", flush=True)
            sender.join(30)
        self.serve_another()
        self.assert_modest(16)

    def test_a_client_that_never_reads(self):
        with Client(self.server.smtp) as client:
            client.socket.settimeout(2)
            sent = flood(client, b"NOOP\r\n" * 10000, 64 << 20)
            self.assertLess(sent, 64 << 20, "the replies are kept somewhere")
            self.serve_another()
            self.assert_modest(16)

    def test_ten_thousand_recipients(self):
        with Client(self.server.smtp) as client:
            self.assertEqual(client.command(f"MAIL FROM:<{SENDER}>"), 250)
            text = "".join(f"RCPT TO:<r{number}@dest.example>\r\n" for number in range(10000))
            sender = threading.Thread(target=client.send, args=(text,), daemon=True)
            sender.start()
            codes = [client.reply() for _ in range(10000)]
            sender.join()
            accepted = codes.index(452) if 452 in codes else len(codes)
            print(f"{accepted} recipients were taken", flush=True)
            self.assertGreaterEqual(accepted, 100)    # RFC 5321 §4.5.3.1.8
            self.assertLess(accepted, 10000)
            self.assertEqual(set(codes[accepted:]), {452})
            self.serve_another()
            self.assertEqual(client.command("DATA"), 354)
            self.assertEqual(client.command(HEADER + "Subject: many\r\n\r\ntext\r\n."), 250)
        self.subjects()
        got = [r for m in self.remote.messages() for r in m["recipients"] if r != "other@dest.example"]
        self.assertEqual(len(got), accepted)
        self.assertEqual(len(set(got)), accepted)
        self.assert_modest(32)

    def test_a_reset_in_the_middle_of_a_message_leaves_nothing(self):
        for size in (0, 100, 100000, 5 << 20):
            for ending in ("", "\r\n.", "\r\n.\r"):
                client = Client(self.server.smtp)
                self.assertEqual(client.envelope(), [250, 250, 354])
                client.send(HEADER + "Subject: cut\r\n\r\n" + ("y" * 70 + "\r\n") * (size // 72) + "y" + ending)
                client.reset()
        client = Client(self.server.smtp)
        self.assertEqual(client.command(f"MAIL FROM:<{SENDER}>"), 250)
        self.assertEqual(client.command("RCPT TO:<r@dest.example>"), 250)
        client.send("BDAT 1000 LAST\r\nSubject: cut\r\n")
        client.reset()
        self.serve_another()
        self.assertEqual(set(self.subjects()), {"other"})
        self.assert_modest(32)

    def test_nothing_is_smuggled(self):
        for number, ending in enumerate(ENDINGS):
            with self.subTest(ending=ending):
                with Client(self.server.smtp) as client:
                    self.assertEqual(client.envelope(), [250, 250, 354])
                    client.send(f"{HEADER}Subject: first{number}\r\n\r\ntext{ending}{SECOND}\r\n.\r\nQUIT\r\n")
                    while client.reply():
                        pass
        subjects = self.subjects()
        self.assertNotIn("smuggled", subjects)
        for number in range(len(ENDINGS)):
            self.assertLessEqual(subjects.count(f"first{number}"), 1)
        recipients = {r for m in self.remote.messages() for r in m["recipients"]}
        self.assertNotIn("smuggled@dest.example", recipients)
        self.serve_another()

    def test_commands_before_tls_are_not_obeyed_after_it(self):
        injected = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<smuggled@dest.example>\r\n"
        for pieces in (["STARTTLS\r\n" + injected], ["STARTTLS\r\n", injected], ["STARTTLS\r\nNO", "OP\r\n"]):
            with Client(self.server.submission) as client:
                for piece in pieces:
                    client.send(piece)
                first = client.stream.readline()
                if not first.startswith(b"220"):
                    self.assertTrue(first.startswith(b"554 "), first)
                    self.assertEqual(client.reply(), 0, "the connection must end")
                    continue
                with self.assertRaises(OSError):   # what was injected is no ClientHello
                    ssl._create_unverified_context().wrap_socket(client.socket)
        with Client(self.server.submission) as client:     # and what was said in clear is forgotten
            self.assertEqual(client.command("STARTTLS"), 220)
            with ssl._create_unverified_context().wrap_socket(client.socket) as wrapped:
                wrapped.sendall(f"MAIL FROM:<{SENDER}>\r\n".encode())
                self.assertTrue(wrapped.recv(100).startswith(b"503 "))
        self.serve_another()


if __name__ == "__main__":
    main()
