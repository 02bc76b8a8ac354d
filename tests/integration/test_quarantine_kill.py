#!/usr/bin/env python3
"""kill -9 around the moment when an account is throttled or quarantined: what was decided holds, or is decided again.

Two forms: the server is killed at a random moment of an outbreak; and before the Nth system call that changes the disk,
counted from just before the message that is one too many. Afterwards the account is quarantined or becomes so with what
it goes on to send, there is one case for it and one order, and little of its mail has left. BULKHEAD_KILLS sets how
many outbreaks are killed (default 5); BULKHEAD_NTH=all kills before each call.
"""
import http.server
import json
import os
import random
import shutil
import socket
import threading
import time

from harness import TestCase, free_port, main, wait_until
from load import Load
from tracing import Tracing, positions

KILLS = int(os.environ.get("BULKHEAD_KILLS", "5"))
ALL = os.environ.get("BULKHEAD_NTH") == "all"
SECONDS = float(os.environ.get("BULKHEAD_NTH_SECONDS", "8"))
SEED = int(os.environ.get("BULKHEAD_SEED", "0")) or int(time.time())
CALLS = "fdatasync,pwritev,pwrite64,sendmsg"
ACCOUNT = "info@bad.test"
FLOOD = 300         # the count of account-flood that the test sets
DELIVERED = 200     # at most so much of an outbreak leaves


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes the operator's events."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append((self.headers["webhook-id"], json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class QuarantineKill(Tracing, TestCase):
    def setUp(self):
        super().setUp()
        print(f"seed {SEED}", flush=True)
        self.random = random.Random(SEED)
        self.hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.hook.posts = []
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()
        self.addCleanup(self.hook.server_close)
        self.addCleanup(self.hook.shutdown)
        self.port = free_port("127.0.0.3")
        secret = self.directory / "secret"
        secret.write_text("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
        secret.chmod(0o600)
        notify = f'[notify]\noperator = "ops@house.test"\ntenants = false\nwebhook = "http://127.0.0.1:{self.hook.server_port}/"\n' \
                 f'webhook_secret_file = "{secret}"\n'
        self.server = server = self.node(listen=["127.0.0.1"], reputation="", extra=notify)
        text = server.configuration.read_text()
        server.configuration.write_text(text.replace('user = ""\n', 'user = ""\nthreads = 1\n'))
        self.keep_in_memory(server)
        self.victims = self.sink(f"127.0.0.3:{self.port}", options=["--no-data"])
        server.start()
        for tenant, account in (("house", "ops@house.test"), ("bad", ACCOUNT)):
            server.cli("tenant", "add", tenant)
            server.cli("domain", "add", f"{tenant}.test", "--tenant", tenant)
            server.cli("account", "add", account)
            server.cli("limit", "set", "--account", account, "--messages", "none", "--recipients", "none", "--bytes", "none")
        server.cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        server.cli("account", "set", ACCOUNT, "--client-networks", "127.0.0.5/32")
        server.cli("route", "add", "victim.test", "--host", "127.0.0.3", "--port", self.port)
        server.cli("reputation", "policy", "--rule", "account-flood", "--count", FLOOD)
        self.assertEqual(server.stop(), 0)
        self.pristine = self.directory / "pristine"
        shutil.copytree(server.data, self.pristine)
        self.lock = threading.Lock()

    def renew(self):
        """Starts the server as it was before any message."""
        self.server.kill()
        shutil.rmtree(self.server.data)
        shutil.copytree(self.pristine, self.server.data)
        self.server.start()
        self.delivered = len(self.victims.messages())
        self.hook.posts.clear()
        self.taken = 0

    def send(self, count):
        """Sends until it is refused or the server dies; returns how many were taken, and whether the account was refused."""
        taken = 0
        try:
            with socket.create_connection(("127.0.0.1", self.server.smtp), 10, ("127.0.0.5", 0)) as connection:
                connection.settimeout(10)
                stream = connection.makefile("rb")
                Load.expect(stream)
                Load.say(connection, "EHLO thief.test")
                Load.expect(stream)
                for number in range(count):
                    Load.say(connection, f"MAIL FROM:<{ACCOUNT}>\r\nRCPT TO:<v{number}-{time.time()}@victim.test>\r\nDATA")
                    codes = [Load.expect(stream) for _ in range(3)]
                    if codes != [250, 250, 354]:
                        return taken, codes[0] == 550
                    Load.say(connection, "Subject: Prize\r\n\r\nYou won.\r\n.")
                    code = Load.expect(stream)
                    if code != 250:
                        return taken, code == 550
                    taken += 1
                    with self.lock:
                        self.taken += 1
        except (OSError, ValueError):
            pass
        return taken, False

    def orders(self):
        return [d for d in self.server.json("queue", "directives") if d["by"].startswith("reputation ")]

    def state(self):
        return self.server.json("reputation", "show", ACCOUNT)["state"]

    def check(self, what):
        """After the restart: quarantined already, or by what the thief goes on to send."""
        state = self.state()
        taken, is_refused = (0, True) if state == "quarantined" else self.send(FLOOD + 50)
        if not is_refused:      # its session was ended with 421 when the rule fired
            is_refused = self.send(1)[1]
        self.assertTrue(is_refused, f"{what}: {state} after the start, {taken} more were taken, and it is not refused")
        self.assertLessEqual(taken, FLOOD, what)
        self.assertEqual(self.state(), "quarantined", what)
        [order] = wait_until(self.orders, f"the order after {what}")
        [case] = [c for c in self.server.json("case", "list", "--status", "open") if c["name"] == ACCOUNT]
        self.assertEqual(order["by"], "reputation " + case["id"], what)
        count = lambda *of: self.server.json("queue", "count", "--account", ACCOUNT, *of)["deliveries"]
        wait_until(lambda: count() == count("--state", "held"), f"all to be held after {what}")
        delivered = len(self.victims.messages())
        self.assertLessEqual(delivered - self.delivered, DELIVERED, f"{what}: too many left, {state} after the start")
        opened = lambda: {i for i, event in self.hook.posts if event["data"]["id"] == case["id"] and event["type"] == "case.opened"}
        wait_until(opened, f"the webhook's event after {what}")
        self.assertEqual(len(opened()), 1, f"one event, however often it is posted, after {what}")
        return state

    def check_again(self, what):
        """Another kill changes nothing."""
        before = self.orders(), self.server.json("case", "list", "--status", "open")
        delivered = len(self.victims.messages())
        self.server.kill()
        self.server.start()
        self.assertEqual(self.send(1), (0, True), what)
        self.assertEqual([o["id"] for o in self.orders()], [o["id"] for o in before[0]], what)
        self.assertEqual([c["id"] for c in self.server.json("case", "list", "--status", "open")], [c["id"] for c in before[1]], what)
        self.assertEqual(len(self.victims.messages()), delivered, what)

    def test_kills_at_random_moments_of_an_outbreak(self):
        states = []
        for number in range(KILLS):
            self.renew()
            thieves = [threading.Thread(target=self.send, args=(FLOOD * 2,), daemon=True) for _ in range(4)]
            for thief in thieves:
                thief.start()
            least = self.random.choice([60, 80, FLOOD - 20, FLOOD - 1])
            wait_until(lambda: self.taken >= least, f"{least} to be taken", every=0.001)
            time.sleep(self.random.uniform(0.0, 0.1))
            self.server.kill()
            for thief in thieves:
                thief.join(20)
            self.server.start()
            what = f"kill {number}, soon after message {least}"
            states.append(self.check(what))
            self.check_again(what)
        print(f"states after the starts: {states}", flush=True)
        self.assertEqual(self.server.stop(), 0)

    def test_an_order_never_comes_before_its_state_on_a_slow_disk(self):
        """The order is given when the state is stored: who is killed with the order in force starts with the state."""
        for number in range(3):
            self.approach(FLOOD - 12)
            tracer, _ = self.traced("-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=150000")
            thieves = [threading.Thread(target=self.send, args=(40,), daemon=True) for _ in range(4)]
            for thief in thieves:
                thief.start()
                time.sleep(self.random.uniform(0.0, 0.2))
            wait_until(self.orders, "the order", every=0.001)
            self.server.kill()
            for thief in thieves:
                thief.join(20)
            tracer.stop(2)
            self.server.start()
            self.assertEqual(self.state(), "quarantined", f"kill {number}")
            self.check(f"kill {number} with the order in force")
        self.assertEqual(self.server.stop(), 0)

    def test_kills_before_each_call_around_a_throttle(self):
        self.kill_at_each(77)

    def test_kills_before_each_call_around_a_quarantine(self):
        self.kill_at_each(FLOOD - 3)

    def approach(self, before):
        self.renew()
        self.assertEqual(self.send(before)[0], before)

    def kill_at_each(self, before):
        """Kills before each call from a few messages before the one that is too many to a few after it."""
        self.approach(before)
        tracer, path = self.traced("-e", f"trace={CALLS}")
        self.send(6)
        self.settle(path)
        tracer.stop(2)
        counts = self.counts(path)
        todo, killed, states = positions(counts), 0, []
        end = time.monotonic() + SECONDS
        for call, number in todo:
            if not ALL and killed >= 3 and time.monotonic() > end:
                break
            self.approach(before)
            tracer, path = self.traced("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
            self.send(6)
            self.settle(path)
            killed += not self.server.process.is_running()
            tracer.stop(2)
            self.server.kill()
            self.server.start()
            states.append(self.check(f"a kill before {call} number {number}, from message {before} on"))
        print(f"\n{dict(counts)}, killed before {killed}; states after the starts: {states}", flush=True)
        self.assertGreater(killed, 2)
        # Its first mail of a case that was opened after the kill comes after three seconds.
        mailbox = lambda: self.server.json("account", "show", "ops@house.test")["mailbox"]["messages"]
        if states[-1] not in ("throttled", "quarantined"):
            wait_until(lambda: mailbox() >= 1, "the operator's mail")
        self.assertLessEqual(mailbox(), 2)
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    main()
