"""A load of ledger messages: several connections that send as fast as they can and survive a server that dies."""
import hashlib
import json
import os
import random
import socket
import threading

from ledger import MARK, fingerprint


class Load:
    """Sends until stop(); each message's fate is a line of `record`. The record is on another file system than the server."""

    def __init__(self, endpoint, record, sender, recipients, connections=8, sizes=(500, 4000, 60000), seed=1):
        self.endpoint, self.sender, self.recipients, self.sizes = endpoint, sender, recipients, sizes
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
                with socket.create_connection(self.endpoint, 10) as connection:
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
            except OSError:
                self.stopping.wait(0.02)

    def send_one(self, connection, stream, rnd, token):
        message = self.message(rnd, token)
        self.say(connection, f"MAIL FROM:<{self.sender}>\r\nRCPT TO:<{rnd.choice(self.recipients)}>\r\nDATA")
        codes = [self.expect(stream) for _ in range(3)]
        if codes != [250, 250, 354]:
            self.note(token, message, "refused")
            if codes[2] == 354:
                self.say(connection, ".")
                self.expect(stream)
            raise OSError("refused")
        status = "ambiguous"
        try:
            connection.sendall(message + b".\r\n")
            code = self.expect(stream)
            # 451 after a sync that failed: whether the disk has it is known after the restart only; the sender tries again.
            status = {250: "acknowledged", 451: "ambiguous"}.get(code, "refused")
        finally:
            self.note(token, message, status)
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

    def note(self, token, message, status):
        sha = fingerprint(message)[1]
        with self.lock:
            self.record.write((json.dumps({"token": token, "sha": sha, "status": status}) + "\n").encode())

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
