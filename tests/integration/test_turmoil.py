#!/usr/bin/env python3
"""kill -9 at random while mail is accepted, delivered and bounced, orders are given, limits change, and the disk fills.

After all of it: nothing acknowledged is lost, an order is in force the instant after its answer and for good, nothing
leaves while it is held, limits hold over the restarts, each bounce is reported once (orders.py and ledger.py say what is
compared). BULKHEAD_KILLS sets how often (default 12; hundreds by hand), BULKHEAD_SEED repeats a run's choices.
"""
import collections
import itertools
import json
import os
import pathlib
import random
import tempfile
import threading
import time

import ledger
from harness import TestCase, free_port, main, run, wait_until
from load import Load
from orders import Limit, Order, check_ends, check_limits, check_orders, first_arrivals

KILLS = int(os.environ.get("BULKHEAD_KILLS", "12"))
SEED = int(os.environ.get("BULKHEAD_SEED", "0")) or int(time.time())
HELD, PURGED, BOUNCED, RETURNED, LIMITED = (f"{name}@client.test" for name in ("held", "purged", "bounced", "returned", "limited"))
PACED = "paced@paced.test"
CLIENTS = {sender: f"127.0.0.{n}" for n, sender in enumerate((HELD, PURGED, BOUNCED, RETURNED, LIMITED, PACED), 11)}
DOMAINS = [f"d{n}.test" for n in range(40)]
FULL, REFUSING = 0, 40 << 20   # octets that are left free on the file system


class Turmoil(TestCase):
    def setUp(self):
        super().setUp()
        print(f"seed {SEED}", flush=True)
        self.random = random.Random(SEED)
        self.record = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-ledger-", dir="/dev/shm")) / "sent"
        self.small = self.directory / "small"
        self.small.mkdir()
        run(["mount", "-t", "tmpfs", "-o", "size=320m", "tmpfs", str(self.small)])
        self.addCleanup(run, ["umount", "-l", str(self.small)])
        self.orders, self.limits, self.starts, self.loads = [], [], [], []
        self.seen = collections.Counter()
        self.fresh_domains = itertools.chain(DOMAINS[1:], itertools.repeat(None))
        self.serve()

    def serve(self):
        port = free_port("127.0.0.2")
        self.remote = self.sink(f"127.0.0.2:{port}", options=["--no-data", "--rcpt", "nobody=550 5.1.1 no such user"])
        self.server = server = self.node(listen=["127.0.0.1"], extra='[queue]\nretry = ["1s"]\n')
        text = server.configuration.read_text()
        server.configuration.write_text(text.replace(str(server.data), str(self.small / "data")))
        self.start()
        for tenant in ("client", "paced"):
            server.add_tenant(tenant, f"{tenant}.test")
        server.cli("tenant", "set", "paced", "--over-limit", "pace")
        server.cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", port)
        for number, (sender, client) in enumerate(CLIENTS.items()):
            server.cli("account", "add", sender)
            server.cli("account", "set", sender, "--client-networks", client + "/32")
            recipients = ["nobody@d0.test"] if sender == RETURNED else [f"r@{domain}" for domain in DOMAINS]
            self.loads.append(Load(("127.0.0.1", server.smtp), self.record, sender, recipients, connections=2, sizes=(300, 3000),
                                   seed=SEED * 10 + number, client=client, rest=0.1))

    def start(self, seconds=15.0):
        self.starts.append(time.time())
        self.server.start(seconds)

    # --- What is going on while the server is killed. Each returns at once when it is refused, or its server has died.

    def ask(self, *arguments):
        """The answer of a command, or None."""
        result = self.server.cli_result(*arguments)
        self.seen[f"{' '.join(arguments[:2])}: {'answered' if result.returncode == 0 else 'not answered'}"] += 1
        return result if result.returncode == 0 else None

    def order(self, verb, sender, domain="", future=False):
        given = Order(verb, sender, domain, future)
        selector = self.random.choice([["--account", sender], ["--sender", sender], ["--client-ip", CLIENTS[sender]]])
        given.selector = selector + (["--recipient-domain", domain] if domain else [])
        given.asked = time.time()
        self.orders.append(given)
        answer = self.ask("queue", verb, *given.selector, *(["--and-future"] if future else []), "--json")
        if answer:
            given.answered = time.time()
            given.directive = json.loads(answer.stdout)["directive"]

    def hold_or_release(self):
        """One hold at a time, so that its release alone decides about its mail."""
        held = [order for order in self.orders if order.verb == "hold" and order.released == float("inf")]
        if not held:
            return self.order("hold", HELD, future=self.random.random() < 0.7)
        asked = time.time()
        for order in held:
            order.released = min(order.released, asked)
            self.ask("queue", "release", *order.selector)

    def purge(self):
        self.end("purge", PURGED)

    def bounce(self):
        self.end("bounce", BOUNCED)

    def end(self, verb, sender):
        """What is ended for good is ended for one domain, so that the others go on."""
        domain = next(self.fresh_domains) if self.random.random() < 0.3 else None
        self.order(verb, sender, domain or self.random.choice(["", DOMAINS[0]]), future=domain is not None)

    def limit(self):
        """Sets the limits of one of the two, or takes them away."""
        sender = self.random.choice([LIMITED, PACED])
        known = [limit for limit in self.limits if limit.sender == sender and limit.unset == float("inf")]
        for limit in known:
            limit.unset = time.time()
        if known:
            self.ask("limit", "unset", "--account", sender)
        else:
            burst, per_second = self.random.choice([(5, 1), (20, 2), (1, 3)])
            if self.ask("limit", "set", "--account", sender, "--messages", f"{per_second * 60}/1m burst {burst}"):
                self.limits.append(Limit(sender, burst, per_second, time.time()))

    def fill(self):
        """Fills the disk, to the last octet or so far that nothing new is accepted; or frees it again."""
        filler = self.small / "filler"
        if filler.exists():
            return filler.unlink()
        free = os.statvfs(self.small)
        left = self.random.choice([FULL, REFUSING])
        self.seen[f"disk filled but for {left >> 20} MiB"] += 1
        with open(filler, "wb") as file:
            try:
                file.write(b"\0" * (free.f_bavail * free.f_frsize - left))
            except OSError:
                pass

    # --- Kills.

    def kill(self):
        """A kill, perhaps another one during recovery. The remote notes what the dead server has sent before the next one starts."""
        self.server.kill()
        if self.random.random() < 0.3:
            time.sleep(0.3)
            try:
                self.start(self.random.uniform(0.02, 0.3))
            except AssertionError:
                pass
            self.server.kill()
        time.sleep(0.3)
        if (self.small / "filler").exists() and self.random.random() < 0.5:
            (self.small / "filler").unlink()
        self.start_again()
        self.check_in_force()

    def start_again(self):
        """A start that is refused says why, and loses nothing by it."""
        try:
            return self.start()
        except AssertionError as error:
            self.seen["starts refused"] += 1
            if "already in use" in str(error):    # somebody's outgoing connection has had our port meanwhile
                time.sleep(1)
            else:
                self.assertTrue((self.small / "filler").exists(), error)
                self.assertIn("space", str(error))
                (self.small / "filler").unlink()
        self.start()

    def check_in_force(self):
        """What was answered, and only ends with a release or never, is in the list after the start."""
        known = {row["id"] for row in self.server.json("queue", "directives")}
        for order in self.orders:
            if order.answered and order.future and order.released == float("inf"):
                self.assertIn(order.directive, known, order)

    def turn(self, acts):
        """One life of the server: it works, things happen, and it dies, at the latest shortly after an answer."""
        before = sum(load.acknowledged for load in self.loads)
        if not (self.small / "filler").exists():
            wait_until(lambda: sum(load.acknowledged for load in self.loads) > before + 3, "the load to get mail through", 30)
        for act in self.random.choices(acts, k=self.random.randrange(1, 4)):
            act()
        how = self.random.random()
        if how < 0.3:
            # In the middle of an order, or just before or after.
            last = threading.Thread(target=self.random.choice(acts[:4]))
            last.start()
            time.sleep(self.random.uniform(0.0, 0.06))
            self.server.process.popen.kill()
            last.join()
        elif how < 0.6:
            time.sleep(self.random.uniform(0.0, 1.0))
        self.kill()

    def calm(self):
        """Everything is free again, and the queue drains."""
        (self.small / "filler").unlink(missing_ok=True)
        wait_until(lambda: self.server.json("status")["store"]["writable"], "the store to be writable")
        for load in self.loads:
            load.stop()
        for limit in self.limits:
            limit.unset = min(limit.unset, time.time())
        for sender in (LIMITED, PACED):
            self.server.cli_result("limit", "unset", "--account", sender)   # there may be none
        for order in self.orders:
            order.released = min(order.released, time.time()) if order.verb == "hold" else order.released
        self.server.cli("queue", "release", "--all")
        wait_until(lambda: self.server.json("queue", "count")["deliveries"] == 0, "the queue to drain", 120, 0.2)

    def ended(self, event):
        """How often each token ended so, as the trace tells."""
        rows = self.server.json("trace", "search", "--event", event, "--limit", "1000000")
        return collections.Counter(row["message_id"].strip("<>").removesuffix("@load.test") for row in rows if row.get("message_id"))

    def test_kills_among_orders_limits_and_a_full_disk(self):
        for load in self.loads:
            load.start()
        acts = [self.hold_or_release, self.purge, self.bounce, self.limit, self.fill]
        for _ in range(KILLS):
            self.turn(acts)
        self.calm()
        sent, arrived = ledger.read(self.record), self.remote.messages()
        purged, bounced = self.ended("purged"), self.ended("bounced")
        returned = {e["token"]: bounced.pop(e["token"], 0) for e in sent if e["sender"] == RETURNED}
        kills = self.server.kills
        violations, counts = ledger.compare(sent, arrived, kills, ended=purged | bounced | collections.Counter(returned))
        violations += check_orders(self.orders, sent, arrived, self.starts)
        violations += check_ends("purge", purged, self.orders, sent, arrived, kills)
        violations += check_ends("bounce", bounced, self.orders, sent, arrived, kills)
        violations += check_limits([l for l in self.limits if l.sender == LIMITED], sent, kills, {e["token"]: e["at"] for e in sent})
        violations += check_limits([l for l in self.limits if l.sender == PACED], sent, kills, first_arrivals(arrived))
        violations += [f"refused for good: {e}" for e in sent if e["code"] and e["code"] // 100 == 5 and e["code"] != 503]
        counts |= {"purged": len(purged), "bounced": len(bounced), "returned": sum(returned.values()), "kills": len(kills),
                   "orders": len(self.orders), "orders answered": sum(bool(o.answered) for o in self.orders), "limits": len(self.limits)}
        print(dict(counts), dict(self.seen), sep="\n", flush=True)
        self.assertEqual(violations[:10], [])
        self.check_returned(sent, returned, bounced)
        self.assertGreater(counts["acknowledged"], KILLS * 3)
        self.assertEqual(self.server.stop(), 0)

    def check_returned(self, sent, returned, bounced):
        """Exactly one report for each message that came back."""
        wrong = [(e, returned[e["token"]]) for e in sent if e["sender"] == RETURNED and
                 not (e["status"] == "acknowledged") <= returned[e["token"]] <= (e["status"] != "refused")]
        self.assertEqual(wrong[:10], [])
        for account, expected in ((RETURNED, sum(returned.values())), (BOUNCED, sum(bounced.values()))):
            self.assertEqual(self.server.json("account", "show", account)["mailbox"]["messages"], expected, account)


if __name__ == "__main__":
    main()
