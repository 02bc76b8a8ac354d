#!/usr/bin/env python3
"""kill -9 before the Nth system call of an operation, for each call that changes a disk or speaks to a peer.

The operations: a message for a mailbox, one that is relayed, one that bounces, the first one of a new store, and a start
after a kill. A first run without a kill records which calls an operation makes; then each run kills the server before
one of them (strace counts by call and thread), starts it again and looks whether everything is where it belongs.
BULKHEAD_NTH_SECONDS bounds an operation's runs (default 10, spread over all its calls); BULKHEAD_NTH=all does every one.
"""
import collections
import os
import shutil
import socket
import time

import ledger
from harness import TestCase, free_port, main, wait_until
from tracing import Tracing, positions

CALLS = ("fsync,fdatasync,pwrite64,pwritev,pwritev2,write,writev,rename,renameat,renameat2,unlink,unlinkat,ftruncate,"
         "fallocate,sendmsg,sendto")
ALL = os.environ.get("BULKHEAD_NTH") == "all"
SECONDS = float(os.environ.get("BULKHEAD_NTH_SECONDS", "10"))
SENDER = "s@client.example"


def message(token):
    """Complete: a submission server adds a Date and a Message-ID where they are absent."""
    return (f"From: <{SENDER}>\r\n".encode() + ledger.MARK + token.encode() +
            b"\r\nSubject: one of many\r\nDate: Mon, 23 Nov 2026 01:02:03 +0000\r\nMessage-ID: <" + token.encode() +
            b"@client.example>\r\n\r\nA short text.\r\n")


def send(port, token, recipient):
    """Sends one message; returns what its sender may believe: acknowledged, refused, or ambiguous."""
    fate = "refused"
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.settimeout(10)
            stream = connection.makefile("rb")
            answer = lambda: stream.readline()[:4]
            if answer() != b"220 ":
                return fate
            for line in ("HELO load.test", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{recipient}>", "DATA"):
                connection.sendall(line.encode() + b"\r\n")
                if answer()[:1] not in (b"2", b"3"):
                    return fate
            connection.sendall(message(token) + b".\r\n")
            fate = "ambiguous"
            code = answer()
            fate = {b"250 ": "acknowledged", b"": "ambiguous"}.get(code, "refused")
    except OSError:
        pass
    return fate


class NthCall(Tracing, TestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port("127.0.0.2")
        self.sent = []
        # One shard, so that the calls of one kind come from one thread and their numbers mean the same in each run.
        self.server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1s"]\n')
        text = self.server.configuration.read_text()
        self.server.configuration.write_text(text.replace('user = ""\n', 'user = ""\nthreads = 1\n'))
        self.keep_in_memory(self.server)    # as good as a disk for a killed process; power loss has its own test
        self.server.start()
        self.server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], SENDER)
        self.server.cli("account", "add", "inbox@client.example")
        self.server.cli("account", "set", SENDER, "--client-networks", "127.0.0.1/32")
        self.server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", self.port)
        self.remote = self.sink(f"127.0.0.2:{self.port}", options=["--rcpt", "nobody=550 5.1.1 no such user"])

    def operate(self, recipient):
        token = f"{len(self.sent)}-{os.urandom(4).hex()}"
        entry = {"token": token, "sha": ledger.fingerprint(message(token))[1]}
        entry["status"] = send(self.server.smtp, token, recipient)
        self.sent.append(entry)
        return entry

    def restart(self):
        self.server.kill()
        self.server.start()

    def renew(self):
        """Starts the server with the store as it was before any message."""
        self.server.kill()
        shutil.rmtree(self.server.data)
        shutil.copytree(self.pristine, self.server.data)
        self.server.start()

    def profile(self, recipient):
        """The calls of a whole operation, the first one after a start, as a Counter."""
        tracer, path = self.traced("-e", f"trace={CALLS}")
        self.assertEqual(self.operate(recipient)["status"], "acknowledged")
        self.settle(path)
        tracer.stop(2)
        return self.counts(path)

    def kill_at(self, call, number, recipient):
        """Whether the server died of it; it runs again afterwards."""
        tracer, path = self.traced("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
        self.operate(recipient)
        self.settle(path)
        died = not self.server.process.is_running()
        tracer.stop(2)
        self.restart()
        return died

    def start_traced(self, *options):
        """A start under strace, until the server dies or has nothing more to do; returns strace's file."""
        path = self.directory / f"starts{len(self.sent)}"
        path.touch()
        self.server.prefix = ["strace", "-D", "-f", "-o", path, *options]   # -D: the server keeps its pid
        try:
            self.server.start()
            self.settle(path)
        except AssertionError:
            if self.server.process.is_running():
                raise
        self.server.prefix = []
        return path

    def kill_start_at(self, call, number):
        """Kills a start that follows a kill in the middle of a delivery."""
        self.operate("r@dest.example")
        self.server.kill()
        self.start_traced("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
        died = not self.server.process.is_running()
        self.restart()
        return died

    def kill_everywhere(self, recipient, check, begin=lambda: None):
        begin()
        counts = self.profile(recipient)
        self.restart()
        check("the run without a kill")
        self.kill_at_each(counts, lambda call, number: self.kill_at(call, number, recipient), check, begin)

    def kill_at_each(self, counts, kill_at, check, begin):
        todo = positions(counts)
        end = time.monotonic() + SECONDS
        killed = beyond = 0
        for call, number in todo:
            if not ALL and killed + beyond >= 4 and time.monotonic() > end:
                break
            begin()
            died = kill_at(call, number)
            killed, beyond = killed + died, beyond + (not died)
            check(f"a kill before {call} number {number}")
        print(f"\n{dict(counts)}: of {len(todo)} killed before {killed}, {beyond} were not reached", flush=True)
        self.assertGreater(killed, beyond)
        self.drained()

    def warm_up(self, recipient):
        """The first message makes the files of the store, the later ones are all alike."""
        self.assertEqual(self.operate(recipient)["status"], "acknowledged")
        self.drained()
        self.restart()

    def drained(self):
        wait_until(lambda: self.server.json("queue", "count")["messages"] == 0, "the queue to drain", 30)

    def count(self, *statuses):
        return sum(entry["status"] in statuses for entry in self.sent)

    def stored(self, account):
        return self.server.json("account", "show", account)["mailbox"]["messages"]

    def check_mailbox(self, account, after):
        """As many messages as were acknowledged, and none that nobody sent."""
        expected = self.count("acknowledged")
        wait_until(lambda: self.stored(account) >= expected, f"message {expected} in {account} after {after}")
        wait_until(lambda: self.server.json("queue", "count")["messages"] == 0, f"the queue to drain after {after}")
        stored = self.stored(account)
        self.assertLessEqual(stored, self.count("acknowledged", "ambiguous"), f"too many in {account} after {after}")
        # What was ambiguous is decided now: later losses must not hide behind it.
        last = self.sent[-1]
        if last["status"] == "ambiguous":
            last["status"] = "acknowledged" if stored > expected else "lost before it was acknowledged"

    def check_remote(self, after):
        arrived = lambda: {m["token"] for m in self.remote.messages()}
        last = self.sent[-1]
        if last["status"] == "acknowledged":
            wait_until(lambda: last["token"] in arrived(), f"the message at the remote after {after}")
        violations, _ = ledger.compare(self.sent, self.remote.messages())
        self.assertEqual(violations, [], after)
        copies = collections.Counter(m["token"] for m in self.remote.messages())
        self.assertLessEqual(copies[last["token"]], 2, f"more than the one repetition that {after} explains")

    def test_the_first_message_of_a_new_store(self):
        self.server.stop()
        self.pristine = self.directory / "pristine"
        shutil.copytree(self.server.data, self.pristine)
        self.kill_everywhere("r@dest.example", self.check_remote, begin=self.renew)
        self.assertEqual(self.server.stop(), 0)

    def test_a_start_after_a_kill(self):
        self.operate("r@dest.example")
        self.server.kill()
        counts = self.counts(self.start_traced("-e", f"trace={CALLS}"))
        self.kill_at_each(counts, self.kill_start_at, self.check_remote, lambda: None)
        violations, counts = ledger.compare(self.sent, self.remote.messages())
        print(dict(counts), flush=True)
        self.assertEqual(violations, [])
        self.assertEqual(self.server.stop(), 0)

    def test_local_mail(self):
        self.warm_up("inbox@client.example")
        self.kill_everywhere("inbox@client.example", lambda after: self.check_mailbox("inbox@client.example", after))
        self.check_mailbox("inbox@client.example", "the end")
        self.assertEqual(self.remote.messages(), [])
        self.assertEqual(self.server.stop(), 0)

    def test_relayed_mail(self):
        self.warm_up("r@dest.example")
        self.kill_everywhere("r@dest.example", self.check_remote)
        violations, counts = ledger.compare(self.sent, self.remote.messages())
        print(dict(counts), flush=True)
        self.assertEqual(violations, [])
        self.assertEqual(self.server.stop(), 0)

    def test_a_bounce_comes_exactly_once(self):
        self.warm_up("nobody@dest.example")
        self.kill_everywhere("nobody@dest.example", lambda after: self.check_mailbox(SENDER, after))
        self.check_mailbox(SENDER, "the end")
        self.assertEqual(self.remote.messages(), [])
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    main()
