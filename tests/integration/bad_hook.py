"""Receivers of webhooks: good ones that record every post, and ones that misbehave in a chosen way."""
import json
import socket
import ssl
import struct
import threading
import time

from harness import inside

DRIP = 1.0   # seconds between two octets


def good(connection, post):
    connection.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def silent(connection, post):
    connection.settimeout(60)
    while connection.recv(65536):    # until the client has had enough
        pass


def drip(connection, post):
    for octet in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 20:
        connection.sendall(bytes([octet]))
        time.sleep(DRIP)


def reset(connection, post):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def redirect(connection, post):
    """To itself, for ever."""
    connection.sendall(f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {post['path']}x\r\nContent-Length: 0\r\n\r\n".encode())


def endless(connection, post, head, piece):
    """As much as the client takes."""
    connection.sendall(head)
    while True:
        connection.sendall(piece)
        post["answered"] = post.get("answered", 0) + len(piece)


def endless_body(connection, post):
    endless(connection, post, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n")


def body_without_end(connection, post):
    """200, and then an octet a second for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    drip(connection, post)


def endless_headers(connection, post):
    endless(connection, post, b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"y" * 4000 + b"\r\n")


def nonsense(connection, post):
    connection.sendall(b"\x00\xff\x00 220 this is no HTTP\r\n" * 20)


class Hook:
    """Listens in a namespace, over TLS when it has a certificate. `posts` has what came, with the times."""

    def __init__(self, namespace, endpoint, behaviour, pair=None):
        self.behaviour, self.posts, self.connections, self.context = behaviour, [], [], None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pair.chain, pair.key)
        self.listener = inside(namespace, lambda: socket.create_server(endpoint, backlog=100))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(time.time())
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection:
                connection.settimeout(20)
                if self.behaviour is None:    # not even a handshake
                    return silent(connection, {})
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                with connection:
                    post = self.read(connection)
                    self.posts.append(post)
                    self.behaviour(connection, post)
        except (OSError, ValueError, IndexError):
            pass     # the client left

    @staticmethod
    def read(connection):
        stream = connection.makefile("rb")
        path = stream.readline().split()[1].decode()
        headers = {}
        while (line := stream.readline().strip()):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        body = json.loads(stream.read(int(headers["content-length"])))
        return {"at": time.time(), "path": path, "id": headers["webhook-id"], "event": body}

    def stop(self):
        self.listener.close()
