#!/usr/bin/env python3
"""A recording SMTP server for tests: takes everything, or misbehaves as told, and writes what it saw as JSON lines.

sink.py --record FILE [options] ADDRESS:PORT…      prints "listening" once all endpoints are bound.

Events: connect {peer, local}, message {peer, local, helo, tls, sender, recipients, size, data, mail, rcpt}, close {peer}.
"""
import argparse
import asyncio
import json
import os
import ssl
import sys
import time

from ledger import fingerprint


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--record", required=True)
    p.add_argument("--name", default="sink.test")
    p.add_argument("--capabilities", default="PIPELINING,SIZE 104857600,8BITMIME,SMTPUTF8,DSN,ENHANCEDSTATUSCODES")
    p.add_argument("--certificate", help="PEM chain: offers STARTTLS")
    p.add_argument("--key")
    p.add_argument("--greeting", help="answer to the connection, e.g. '421 4.3.2 busy' (then it closes)")
    p.add_argument("--mail", help="answer to MAIL instead of 250")
    p.add_argument("--rcpt", action="append", default=[], metavar="LOCALPART=ANSWER",
                   help="answer to RCPT for that local part ('*' for all)")
    p.add_argument("--end", help="answer to the end of the data instead of 250")
    p.add_argument("--taken", default="250 2.0.0 taken", help="the 250 itself")
    p.add_argument("--first", type=int, default=0, help="only the first N transactions are answered so")
    p.add_argument("--until", metavar="FILE", help="answers so only until the file exists")
    p.add_argument("--drop-at-end", action="store_true", help="closes after the final dot, before the reply")
    p.add_argument("--delay", type=float, default=0.0, help="seconds before each reply")
    p.add_argument("--no-data", action="store_true", help="does not record the message's text")
    p.add_argument("endpoints", nargs="+")
    return p


class Session:
    def __init__(self, sink, reader, writer):
        self.sink, self.reader, self.writer = sink, reader, writer
        self.peer = writer.get_extra_info("peername")[0]
        self.local = "%s:%d" % writer.get_extra_info("sockname")[:2]
        self.helo, self.tls, self.mail, self.rcpt = "", None, None, []

    async def reply(self, text):
        if self.sink.options.delay:
            await asyncio.sleep(self.sink.options.delay)
        self.writer.write((text + "\r\n").encode())
        # With pipelining the replies to what has already arrived go out together.
        if not getattr(self.reader, "_buffer", b""):
            await self.writer.drain()

    async def run(self):
        self.sink.write(event="connect", peer=self.peer, local=self.local)
        refusal = self.refusal()
        await self.reply(refusal or f"220 {self.sink.options.name} ESMTP")
        while not refusal:
            line = await self.reader.readline()
            if not line or not await self.command(line.decode("utf-8", "replace").rstrip("\r\n")):
                break

    def refusal(self):
        """What the client hears instead of the greeting."""
        return self.sink.options.greeting

    async def command(self, line):
        verb = line.split(" ", 1)[0].split(":", 1)[0].upper()
        handler = getattr(self, "do_" + verb.lower(), None)
        if handler is None:
            await self.reply("502 5.5.1 unknown")
            return True
        return await handler(line) is not False

    async def do_ehlo(self, line):
        o = self.sink.options
        self.helo = line[5:]
        names = [c for c in o.capabilities.split(",") if c]
        if o.certificate and not self.tls:
            names.append("STARTTLS")
        lines = [o.name, *names]
        await self.reply("\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{l}" for i, l in enumerate(lines)))

    async def do_helo(self, line):
        self.helo = line[5:]
        await self.reply("250 " + self.sink.options.name)

    async def do_starttls(self, line):
        o = self.sink.options
        await self.reply("220 2.0.0 go ahead")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(o.certificate, o.key)
        await self.writer.start_tls(context)
        self.tls = self.writer.get_extra_info("ssl_object").version()

    async def do_mail(self, line):
        o = self.sink.options
        bad = o.mail and self.sink.misbehaves()
        self.mail, self.rcpt = None if bad and o.mail[0] in "45" else line, []
        await self.reply(o.mail if bad else "250 2.1.0 ok")

    async def do_rcpt(self, line):
        if not self.mail:
            await self.reply("503 5.5.1 MAIL first")
            return
        local = line.split("<", 1)[-1].split("@", 1)[0]
        for rule in self.sink.options.rcpt:
            name, answer = rule.split("=", 1)
            if name in (local, "*") and self.sink.misbehaves():
                await self.reply(answer)
                return
        self.rcpt.append(line)
        await self.reply("250 2.1.5 ok")

    async def do_data(self, line):
        if not self.rcpt:
            await self.reply("554 5.5.1 no valid recipients")
            return True
        await self.reply("354 go on")
        lines = []
        while True:
            text = await self.reader.readline()
            if not text:
                return False
            if text == b".\r\n":
                break
            lines.append(text[1:] if text.startswith(b".") else text)
        return await self.finish(b"".join(lines))

    async def do_bdat(self, line):
        parts = line.split()
        self.chunks = getattr(self, "chunks", b"") + await self.reader.readexactly(int(parts[1]))
        if parts[-1].upper() != "LAST":
            await self.reply("250 2.0.0 chunk")
            return True
        data, self.chunks = self.chunks, b""
        if not self.rcpt:
            await self.reply("554 5.5.1 no valid recipients")
            return True
        return await self.finish(data)

    async def finish(self, data):
        o = self.sink.options
        bad = (o.end or o.drop_at_end) and self.sink.misbehaves()
        refused = bad and o.end and o.end[0] in "45"
        if not refused:
            path = lambda text: text.split("<", 1)[-1].split(">", 1)[0]
            token, sha = fingerprint(data)
            self.sink.write(event="message", token=token, sha=sha, peer=self.peer, local=self.local, helo=self.helo, tls=self.tls,
                            sender=path(self.mail), recipients=[path(r) for r in self.rcpt], size=len(data), mail=self.mail,
                            rcpt=self.rcpt, data="" if o.no_data else data.decode("utf-8", "surrogateescape").encode(
                                "utf-8", "backslashreplace").decode())
        self.sink.transactions += 1
        if bad and o.drop_at_end:
            return False
        await self.reply(o.end if bad and o.end else o.taken)

    async def do_rset(self, line):
        self.mail, self.rcpt = None, []
        await self.reply("250 2.0.0 ok")

    async def do_noop(self, line):
        await self.reply("250 2.0.0 ok")

    async def do_quit(self, line):
        await self.reply("221 2.0.0 bye")
        await self.writer.drain()
        return False


class Sink:
    session = Session

    def __init__(self, options):
        self.options = options
        self.file = open(options.record, "ab", buffering=0)
        self.transactions = 0

    def misbehaves(self):
        if self.options.until and os.path.exists(self.options.until):
            return False
        return self.options.first == 0 or self.transactions < self.options.first

    def write(self, **event):
        self.file.write((json.dumps({"at": time.time(), **event}) + "\n").encode())

    async def serve(self, reader, writer):
        session = self.session(self, reader, writer)
        try:
            await session.run()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.write(event="close", peer=session.peer)
            writer.close()


async def serve(sinks):
    servers = []
    for sink in sinks:
        for endpoint in sink.options.endpoints:
            host, port = endpoint.rsplit(":", 1)
            servers.append(await asyncio.start_server(sink.serve, host.strip("[]"), int(port), limit=1 << 26, backlog=1024))
    print("listening", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main(sinks):
    try:
        asyncio.run(serve(sinks))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main([Sink(parser().parse_args())])
