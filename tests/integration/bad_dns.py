"""A name server that answers as an attacker would, or as a broken one does.

How it answers about a domain is told by the letters that the domain begins with: "loop7.test" and "mx.loop7.test" are answered by
`loop` of BEHAVIOURS, unknown ones well: MX is mx.DOMAIN, whose address is `address`.
"""
import re
import socket
import struct
import threading
import time

A, CNAME, MX, AAAA, TC = 1, 5, 15, 28, 0x0200
NXDOMAIN, SERVFAIL, REFUSED = 3, 2, 5


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(owner, kind, data, ttl=300):
    return encoded(owner) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def message(query, answers=(), code=0, flags=0, identity=None, question=None):
    """An answer to the query; the question is repeated unless another one is given."""
    asked = question or query.raw
    header = struct.pack("!HHHHHH", query.identity if identity is None else identity, 0x8180 | flags | code, 1, len(answers), 0, 0)
    return header + asked + b"".join(answers)


class Query:
    def __init__(self, octets):
        self.identity, labels, at = struct.unpack("!H", octets[:2])[0], [], 12
        while octets[at]:
            labels.append(octets[at + 1:at + 1 + octets[at]].decode("ascii", "replace").lower())
            at += 1 + octets[at]
        self.name, self.kind, self.raw = ".".join(labels), struct.unpack("!H", octets[at + 1:at + 3])[0], octets[12:at + 5]
        self.domain = self.name.removeprefix("mx.")
        self.behaviour = re.match(r"[a-z]*", self.domain)[0]


def good(query, address):
    if query.kind == MX and query.name == query.domain:
        return message(query, [record(query.name, MX, struct.pack("!H", 10) + encoded("mx." + query.domain))])
    if query.kind == A:
        return message(query, [record(query.name, A, socket.inet_aton(address))])
    return message(query)


class NameServer:
    """Answers over UDP and TCP on 127.0.0.1, while it is not `is_silent`; `evil` is the address in forged answers."""

    def __init__(self, address, evil):
        self.address, self.evil, self.is_silent, self.asked = address, evil, False, 0
        self.udp, self.tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.bind(("127.0.0.1", 0))
        self.endpoint = "127.0.0.1:%d" % self.udp.getsockname()[1]
        self.tcp.bind(self.udp.getsockname())
        self.tcp.listen(100)
        # Another port of the same address, and the same port of another.
        self.others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        self.others[0].bind(("127.0.0.1", 0))
        self.others[1].bind(("127.0.0.99", self.udp.getsockname()[1]))
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def close(self):
        for listener in (self.udp, self.tcp):
            try:
                listener.shutdown(socket.SHUT_RDWR)   # wakes whoever waits
            except OSError:
                pass
            listener.close()
        for other in self.others:
            other.close()

    def serve_udp(self):
        while True:
            try:
                octets, client = self.udp.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            if octets and not self.is_silent:
                self.answer(Query(octets), client)

    def answer(self, query, client):
        BEHAVIOURS.get(query.behaviour, plain)(self, query, lambda text: self.udp.sendto(text, client), client)

    def serve_tcp(self):
        while True:
            try:
                connection = self.tcp.accept()[0]
            except OSError:
                return
            if self.is_silent:
                continue
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            connection.settimeout(15)
            try:
                size = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
                query = Query(connection.recv(size, socket.MSG_WAITALL))
                say = lambda text: connection.sendall(struct.pack("!H", len(text)) + text)
                BEHAVIOURS.get(query.behaviour, plain)(self, query, say, None)
            except (OSError, struct.error):
                pass


# Each gets the server, the query, how to answer, and the client's address, which is None over TCP.

def plain(server, query, say, client):
    say(good(query, server.address))


def forged(server, query, say, client):
    """Answers of others come first, and some from the server that answer another question; then the right one."""
    if client:
        lie = good(query, server.evil)
        for other in server.others:
            other.sendto(lie, client)
        for identity in range(query.identity + 1, query.identity + 200):
            server.udp.sendto(struct.pack("!H", identity & 0xffff) + lie[2:], client)
        elsewhere = encoded("mx.elsewhere.test") + query.raw[-4:]
        server.udp.sendto(message(query, [record("mx.elsewhere.test", A, socket.inet_aton(server.evil))], question=elsewhere), client)
    threading.Timer(0.2, say, [good(query, server.address)]).start()


def stranger(server, query, say, client):
    """Only others answer."""
    if client:
        for other in server.others:
            other.sendto(good(query, server.evil), client)


def additional(server, query, say, client):
    """Records that nobody asked for, of other names."""
    right = good(query, server.address)
    lies = [record(name, A, socket.inet_aton(server.evil)) for name in ("mx.good1.test", "mx.plain1.test", query.domain)]
    say(right[:6] + struct.pack("!H", right[7] + len(lies)) + right[8:] + b"".join(lies))


def truncated(server, query, say, client):
    say(message(query, flags=TC) if client else good(query, server.address))


def cut(server, query, say, client):
    """Truncated also over TCP, which ends in the middle."""
    if client:
        say(message(query, flags=TC))


def loop(server, query, say, client):
    there, back = query.name, "back." + query.name
    say(message(query, [record(there, CNAME, encoded(back)), record(back, CNAME, encoded(there))]))


def long(server, query, say, client):
    """More aliases than anybody follows, each leading to the next."""
    names = [query.name] + [f"{n}.{query.name}" for n in range(40)]
    say(message(query, [record(a, CNAME, encoded(b)) for a, b in zip(names, names[1:])]))


def pointer(server, query, say, client):
    """Compressed names that lead to themselves, forward, and out of the message."""
    at = 12 + len(query.raw)
    for target in (at, at + 2, 0x3fff):
        name = struct.pack("!H", 0xc000 | target)
        say(message(query, [name + struct.pack("!HHIH", query.kind, 1, 300, len(name) + 2) + b"\0\1" + name]))


def huge(server, query, say, client):
    """64 KiB of MX records, the right one among them."""
    if query.kind != MX:
        return say(message(query, code=NXDOMAIN) if query.name[0] == "x" else good(query, server.address))
    if client:
        return say(message(query, flags=TC))
    hosts = [record(query.name, MX, struct.pack("!H", 20 + n) + encoded(f"x{n}.{query.domain}")) for n in range(1400)]
    hosts.insert(700, record(query.name, MX, struct.pack("!H", 1) + encoded("mx." + query.domain)))
    say(message(query, hosts)[:65535])


def garbage(server, query, say, client):
    for octets in (b"", b"\0", b"\xff" * 500, struct.pack("!H", query.identity), struct.pack("!H", query.identity) + b"\x81\x80" + b"\xff" * 400):
        say(octets)


def counts(server, query, say, client):
    """Claims records that are not there."""
    right = good(query, server.address)
    say(right[:6] + b"\xff\xff" + right[8:])


def drip(server, query, say, client):
    """Truncated, and over TCP one octet a second."""
    if client:
        return say(message(query, flags=TC))
    for octet in good(query, server.address):
        say(bytes([octet]))
        time.sleep(1)


def code(number):
    return lambda server, query, say, client: say(message(query, code=number))


BEHAVIOURS = {"forged": forged, "stranger": stranger, "additional": additional, "truncated": truncated, "cut": cut, "loop": loop,
              "long": long, "pointer": pointer, "huge": huge, "garbage": garbage, "counts": counts, "drip": drip,
              "silent": lambda *_: None, "nothing": code(NXDOMAIN), "failing": code(SERVFAIL), "refusing": code(REFUSED)}
DELIVERED = ("plain", "forged", "additional", "truncated", "huge")
DEFERRED = ("stranger", "cut", "loop", "long", "pointer", "garbage", "counts", "drip", "silent", "failing", "refusing")
BOUNCED = ("nothing",)
