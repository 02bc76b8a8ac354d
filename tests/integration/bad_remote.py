"""A remote SMTP server that behaves well up to one stage of the conversation, and then does what it was told."""
import socket
import socketserver
import struct
import threading
import time

STAGES = ["greeting", "ehlo", "mail", "rcpt", "data", "end"]
GOOD = {"greeting": b"220 bad.test ESMTP\r\n", "ehlo": b"250-bad.test\r\n250 PIPELINING\r\n",
        "mail": b"250 ok\r\n", "rcpt": b"250 ok\r\n", "data": b"354 go on\r\n", "end": b"250 taken\r\n"}


def answer(text):
    return lambda connection: connection.sendall(text)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


def endless(piece, first=b"", size=64 << 20):
    """Sends `piece` again and again; true when the client has not left when 64 MiB, or `size`, are gone."""
    def send(connection):
        connection.settimeout(5)
        connection.sendall(first)
        for _ in range(size // len(piece)):
            connection.sendall(piece)
        return size >= 64 << 20
    return send


def silence(connection):
    """Says nothing more, and reads on."""


def drip(text, every=0.3):
    """Sends `text` one octet at a time."""
    def send(connection):
        for octet in text:
            connection.sendall(bytes([octet]))
            time.sleep(every)
    return send


class Conversation(socketserver.BaseRequestHandler):
    """Plays the good server up to its stage, and then what it is there for; after `repents`, the good one to the end."""

    def handle(self):
        remote, self.lines = self.server, []
        stage, misdeed = (None, None) if remote.repents.is_set() else remote.misdeed
        self.request.settimeout(30)
        stream = self.request.makefile("rb")
        try:
            for now in STAGES:
                if now != "greeting" and not self.listened(stream, now):
                    return
                if now == stage:
                    remote.began = remote.began or time.monotonic()
                    remote.misdeeds += 1
                    remote.was_endured = misdeed(self.request) is True
                    remote.seen.set()
                    stream.read()     # until the client leaves
                    return
                self.request.sendall(GOOD[now])
            remote.taken.append(b"".join(self.lines))
        except OSError:
            remote.seen.set()
        finally:
            stream.close()

    def listened(self, stream, stage):
        """Reads a command, or the message up to its end."""
        while True:
            line = stream.readline()
            if not line:
                return False
            if stage != "end" or line == b".\r\n":
                return True
            self.lines.append(line)


class Remote(socketserver.ThreadingTCPServer):
    """`misdeed` is its stage and what happens there; `taken` are the messages that got their 250."""
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, misdeed, receive_buffer=None):
        super().__init__(("127.0.0.2", 0), Conversation, bind_and_activate=False)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.server_bind()
        self.server_activate()
        self.misdeed, self.seen, self.was_endured = misdeed, threading.Event(), False
        self.repents, self.began, self.misdeeds, self.taken = threading.Event(), None, 0, []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
