#!/usr/bin/env python3
"""SIGTERM while messages come in and go out: who is in the middle of a message gets an answer, and what was answered is kept."""
import collections
import os
import signal
import socket
import time

from bad_remote import Remote, silence
from harness import TestCase, free_port, main, wait_until

SENDER = "s@client.example"
MANY = 12
# What src/app grants to sessions and then to deliveries, and what ending takes beside it.
SESSIONS, DELIVERIES, SPARE = 20, 10, 3


class Client:
    """A session that has sent half a message."""

    def __init__(self, port, subject):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.stream = self.socket.makefile("rb")
        self.reply()
        self.command("HELO load.test")
        for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{subject}@dest.example>", "DATA"):
            self.command(line)
        self.socket.sendall(f"Subject: {subject}\r\n\r\nthe first half\r\n".encode())

    def close(self):
        self.stream.close()
        self.socket.close()

    def reply(self):
        return self.stream.readline()[:3].decode()

    def command(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()


class Shutdown(TestCase):
    def setUp(self):
        super().setUp()
        self.server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1s"]\n')
        self.server.start()
        self.server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], SENDER)
        self.server.cli("account", "set", SENDER, "--client-networks", "127.0.0.1/32")
        self.clients = []

    def client(self, subject):
        self.clients.append(Client(self.server.smtp, subject))
        self.addCleanup(self.clients[-1].close)
        return self.clients[-1]

    def route(self, port):
        self.server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", port)

    def ask_to_end(self):
        os.kill(self.server.process.pid, signal.SIGTERM)
        self.asked = time.monotonic()
        wait_until(lambda: "stopping:" in self.server.process.text(), "the server to have heard")

    def wait_for_the_end(self, most):
        self.assertEqual(self.server.process.popen.wait(most + 5), 0)
        self.server.process.file.close()
        took = time.monotonic() - self.asked
        print(f"ended after {took:.2f} s", flush=True)
        self.assertLess(took, most)

    def queued(self):
        return self.server.json("queue", "count")["messages"]

    def copies(self, sink):
        return collections.Counter(m["recipients"][0].split("@")[0] for m in sink.messages())

    def test_messages_that_come_in_and_go_out_are_finished(self):
        port = free_port("127.0.0.2")
        sink = self.sink(f"127.0.0.2:{port}", options=["--delay", "0.6"])   # a delivery takes more than three seconds
        self.route(port)
        for number in range(MANY):
            client = self.client(f"out{number}")
            self.assertEqual(client.command("the second half\r\n."), "250")
            client.close()
        entering = [self.client(f"in{number}") for number in range(MANY)]
        wait_until(lambda: len(sink.connections()) >= 1, "deliveries to be on the way")
        self.assertEqual(sink.messages(), [])
        self.ask_to_end()
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.server.smtp), 5)
        for client in entering:
            self.assertEqual(client.command("the second half\r\n."), "250")
        for client in entering:
            self.assertIn(client.reply(), ("421", ""))
        self.wait_for_the_end(DELIVERIES + SPARE)
        during = self.copies(sink)
        self.assertTrue(during, "what was on the way has arrived before the end")
        self.server.start()
        wait_until(lambda: self.queued() == 0, "the queue to drain", 40)
        names = [f"{way}{n}" for way in ("in", "out") for n in range(MANY)]
        self.assertEqual(self.copies(sink), dict.fromkeys(names, 1))
        print(f"{sum(during.values())} of {len(names)} before the end", flush=True)

    def test_a_delivery_without_an_answer_is_broken_off_and_repeated(self):
        remote = Remote(("end", silence))
        self.addCleanup(remote.server_close)
        self.addCleanup(remote.shutdown)
        self.route(remote.server_address[1])
        self.assertEqual(self.client("out").command("the second half\r\n."), "250")
        self.clients[0].close()
        self.assertTrue(remote.seen.wait(10))
        self.ask_to_end()
        self.wait_for_the_end(DELIVERIES + SPARE)
        remote.repents.set()
        self.server.start()
        wait_until(lambda: remote.taken, "the second attempt", 20)
        wait_until(lambda: self.queued() == 0, "the queue to drain")

    def test_a_client_that_does_not_go_on_is_told_and_its_message_is_not_taken(self):
        self.route(free_port("127.0.0.2"))   # nobody listens there
        stuck, idle = self.client("stuck"), self.client("idle")
        self.assertEqual(idle.command("the second half\r\n."), "250")
        self.ask_to_end()
        self.assertEqual(idle.reply(), "421")
        self.wait_for_the_end(SESSIONS + SPARE)
        try:
            self.assertIn(stuck.reply(), ("421", ""))
        except OSError:
            pass
        self.server.start()
        rows = wait_until(lambda: self.server.json("queue", "list"), "the queue to be loaded")
        self.assertEqual([r["recipients"] for r in rows], [["idle@dest.example"]])


if __name__ == "__main__":
    main()
