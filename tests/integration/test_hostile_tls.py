#!/usr/bin/env python3
"""TLS clients that mean harm: half handshakes, garbage, renegotiation, thousands of names, floods. Others are served at once."""
import concurrent.futures
import random
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from harness import TestCase, main, wait_until

SENDER = "s@client.test"
HANDSHAKE = 2
RECORD = b"\x16\x03\x01"
GARBAGE = [b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x16\x03\x01\x40\x01\x01\xff\xff\xff" + b"\0" * 0x4000, RECORD + b"\0\0" * 1000,
           b"\x15\x03\x01\0\2\1\0" * 500, b"\x17\x03\x03\0\5hello" * 100, b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + b"\7" * 36,
           b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"EHLO client.test\r\nMAIL FROM:<x@y.test>\r\n", b"\0" * 65536, b"\xff" * 65536,
           b"\x14\x03\x03\0\1\1" * 1000]


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


def client_hello(name="name.test"):
    sent = ssl.MemoryBIO()
    conversation = CONTEXT.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    try:
        conversation.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()


class HostileTls(TestCase):
    def setUp(self):
        super().setUp()
        extra = f'[smtp]\nhandshake_timeout = "{HANDSHAKE}s"\n[limits]\nsessions_per_client = 5000\n'
        self.server = self.node(listen=["127.0.0.1"], extra=extra)
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("client", "client.test", [("127.0.0.1", "mx.client.test")], SENDER)
        self.serve_another()
        self.memory_at_first = self.memory()

    def handshakes(self, outcome):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(n) for n in re.findall(r'(?m)^bulkhead_tls_handshakes_total\{.*outcome="%s".*\} (\S+)$' % outcome, text))

    def serve_another(self, seconds=1.0):
        """Others sign in nowhere, but get mail to a mailbox here, in clear and over TLS; each within a second."""
        for port, is_tls in ((self.server.smtp, False), (self.server.submissions, True)):
            start = time.monotonic()
            connection = socket.create_connection(("127.0.0.1", port), 10)
            with CONTEXT.wrap_socket(connection) if is_tls else connection as wrapped, wrapped.makefile("rb") as stream:
                self.assertTrue(stream.readline().startswith(b"220 "))
                for line in (b"HELO other.test", b"NOOP", b"RSET"):
                    wrapped.sendall(line + b"\r\n")
                    self.assertTrue(stream.readline().startswith(b"250 "))
            took = time.monotonic() - start
            self.assertLess(took, seconds, "an unrelated session has to wait")

    def connect(self, is_implicit=True):
        """A connection on which a ClientHello is due."""
        connection = socket.create_connection(("127.0.0.1", self.server.submissions if is_implicit else self.server.smtp), 10)
        if not is_implicit:
            for line in (b"", b"HELO x\r\n", b"STARTTLS\r\n"):
                connection.sendall(line)
                self.assertIn(connection.recv(1000)[:3], (b"220", b"250"))
        return connection

    def is_over(self, connection, seconds):
        """Whether the server ends it in time, whatever it says before."""
        connection.settimeout(seconds)
        try:
            while connection.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def test_handshakes_that_stop_half_way(self):
        hello, began = client_hello(), time.monotonic()
        clients = []
        for number in range(400):
            clients.append(self.connect(number % 2 == 0))
            clients[-1].sendall(hello[:random.randrange(len(hello))] if number % 3 else hello)
            if number % 100 == 0:
                self.serve_another()
        self.serve_another()
        for client in clients:
            self.assertTrue(self.is_over(client, HANDSHAKE + 3), "a half handshake goes on")
            client.close()
        took = time.monotonic() - began
        print(f"all were ended {took:.1f} s after the first", flush=True)
        self.serve_another()
        self.assert_modest(64)
        self.assertGreaterEqual(self.handshakes("failed"), 400)

    def test_one_octet_at_a_time_is_not_longer(self):
        hello, connection = client_hello(), self.connect()
        began = time.monotonic()
        try:
            for octet in hello:
                connection.sendall(bytes([octet]))
                time.sleep(0.1)
        except OSError:
            pass
        took = time.monotonic() - began
        connection.close()
        self.assertLess(took, HANDSHAKE + 2)
        self.serve_another()

    def test_garbage_instead_of_a_client_hello(self):
        hello = client_hello("a" * 60 + ".test")
        randomly = random.Random(1)
        changed = []
        for number in range(200):
            octets = bytearray(hello)
            for _ in range(randomly.randrange(1, 8)):
                octets[randomly.randrange(5, len(octets))] = randomly.randrange(256)
            changed.append(bytes(octets))
        names = [hello.replace(b"a" * 60, name) for name in (b"\0" * 60, b"\xff" * 60, b"\r\n" * 30, b"." * 60, b"/" * 60)]
        for is_implicit in (True, False):
            for octets in GARBAGE + names + changed:
                connection = self.connect(is_implicit)
                try:
                    connection.sendall(octets)
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.assertTrue(self.is_over(connection, HANDSHAKE + 2), octets[:20])
                connection.close()
            self.serve_another()
        self.assert_modest(32)

    def test_renegotiation_is_refused(self):
        before = self.handshakes("ok")
        for port, options in ((self.server.submissions, []), (self.server.smtp, ["-starttls", "smtp"])):
            client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", *options],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.addCleanup(client.kill)
            time.sleep(0.5)
            for _ in range(20):
                try:
                    client.stdin.write(b"R\n")
                    client.stdin.flush()
                except BrokenPipeError:
                    break
                time.sleep(0.02)
            text = client.communicate(timeout=10)[0].decode()
            self.assertIn("RENEGOTIATING", text)
            self.assertRegex(text, "(?i)no renegotiation|error|closed")
            self.serve_another()
        ours = 2 + 2   # one each, and the neighbours' in between
        self.assertEqual(self.handshakes("ok") - before, ours)
        self.assert_modest(16)

    def test_thousands_of_names(self):
        def ask(number):
            name = f"{number}.{'x' * 60}.{'y' * 60}.{'z' * 60}.test"
            with socket.create_connection(("127.0.0.1", self.server.submissions), 10) as connection:
                with CONTEXT.wrap_socket(connection, server_hostname=name) as wrapped:
                    return wrapped.recv(4)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(ask, number) for number in range(3000)]
            for number in range(5):
                concurrent.futures.wait(asking[:number * 500 + 1])
                self.serve_another(2.0)
            self.assertEqual({a.result() for a in asking}, {b"220 "})
        self.assert_modest(48)
        self.serve_another()

    def test_a_flood_of_handshakes(self):
        stopping, counts = threading.Event(), []

        def flood():
            hello, count = client_hello(), 0
            while not stopping.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", self.server.submissions), 5) as connection:
                        connection.sendall(hello)
                        connection.recv(100)     # the server has done its work, the client goes away
                    count += 1
                except OSError:
                    pass
            counts.append(count)

        threads = [threading.Thread(target=flood) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(8):
                time.sleep(0.5)
                self.serve_another(2.0)
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        print(f"{sum(counts)} handshakes in the background", flush=True)
        self.assertGreater(sum(counts), 500)
        self.assert_modest(64)
        wait_until(lambda: self.server.json("status")["sessions"], "the status", 5)
        self.serve_another()


if __name__ == "__main__":
    main()
