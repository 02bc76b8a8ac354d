"""A load of ledger messages: several connections that send as fast as they can and survive a server that dies."""
import hashlib
import json
import os
import random
import socket
import threading
import time

from ledger import MARK, fingerprint


class Load:
    """Sends until stop(); each message's fate is a line of `record`. The record is on another file system than the server.

    A connection comes from `client`, and rests up to `rest` seconds after each message.
    """

    def __init__(self, endpoint, record, sender, recipients, connections=8, sizes=(500, 4000, 60000), seed=1, client="",
                 rest=0.0):
        self.endpoint, self.sender, self.recipients, self.sizes = endpoint, sender, recipients, sizes
        self.client, self.rest = client, rest
        self.record = open(record, "ab", buffering=0)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.acknowledged = 0
        self.threads = [threading.Thread(target=self.run, args=(seed * 1000 + n,), daemon=True) for n in range(connections)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        self.record.close()

    def run(self, seed):
        rnd = random.Random(seed)
        number = 0
        while not self.stopping.is_set():
            try:
                with socket.create_connection(self.endpoint, 10, (self.client, 0)) as connection:
                    connection.settimeout(30)
                    stream = connection.makefile("rb")
                    self.expect(stream)
                    self.say(connection, "EHLO load.test")
                    self.expect(stream)
                    for _ in range(rnd.randrange(1, 30)):
                        if self.stopping.is_set():
                            return
                        number += 1
                        self.send_one(connection, stream, rnd, f"{seed}-{number}-{os.urandom(4).hex()}")
                        if self.rest:
                            self.stopping.wait(rnd.uniform(0, self.rest))
            except OSError:
                self.stopping.wait(0.02)

    def send_one(self, connection, stream, rnd, token):
        message, recipient = self.message(rnd, token), rnd.choice(self.recipients)
        facts = {"token": token, "sha": fingerprint(message)[1], "sender": self.sender, "recipient": recipient, "begun": time.time()}
        self.say(connection, f"MAIL FROM:<{self.sender}>\r\nRCPT TO:<{recipient}>\r\nDATA")
        codes = [self.expect(stream) for _ in range(3)]
        if codes != [250, 250, 354]:
            self.note(facts, "refused", next((code for code in codes if code not in (250, 354)), None))
            if codes[2] == 354:
                self.say(connection, ".")
                self.expect(stream)
            raise OSError("refused")
        status, code = "ambiguous", None
        try:
            connection.sendall(message + b".\r\n")
            code = self.expect(stream)
            # 451 after a sync that failed: whether the disk has it is known after the restart only; the sender tries again.
            status = {250: "acknowledged", 451: "ambiguous"}.get(code, "refused")
        finally:
            self.note(facts, status, code)
        if status == "acknowledged":
            with self.lock:
                self.acknowledged += 1

    def message(self, rnd, token):
        size = rnd.choice(self.sizes)
        lines = [f"From: <{self.sender}>".encode(), b"Date: Mon, 23 Nov 2026 01:02:03 +0000",
                 b"Message-ID: <" + token.encode() + b"@load.test>", MARK + token.encode(), b"Subject: ledger " + token.encode(), b""]
        while size > 0:
            line = rnd.randbytes(30).hex().encode()
            lines.append(line)
            size -= len(line) + 2
        return b"\r\n".join(lines) + b"\r\n"

    def note(self, facts, status, code):
        with self.lock:
            entry = {**facts, "status": status, "code": code, "at": time.time()}
            self.record.write((json.dumps(entry) + "\n").encode())

    @staticmethod
    def say(connection, line):
        connection.sendall(line.encode() + b"\r\n")

    @staticmethod
    def expect(stream):
        while True:
            line = stream.readline()
            if not line:
                raise OSError("closed")
            if line[3:4] != b"-":
                return int(line[:3])
