#!/usr/bin/env python3
"""The kernel's firewall, with real packets: only the server's user leaves to port 25, from assigned addresses, each with
its tenant's mark; both families; counters; replaced in one step; followed while the directory changes."""
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time

from dns import NameServer
from harness import PROGRAM, Namespaces, Process, TestCase, main, run, swaks, wait_until

ONE4, TWO4, SHARED4, STRAY4 = "10.78.0.11", "10.78.0.12", "10.78.0.13", "10.78.0.14"
ONE6, TWO6 = "fd78::11", "fd78::12"
REMOTE4, REMOTE6, DNS = "10.78.0.100", "fd78::100", "10.78.0.53"
PASSWORD = "correct horse"
USER, UID = "nobody", 65534

RECORDS = [
    "four IN MX 10 mx.four", f"mx.four IN A {REMOTE4}",
    "six IN MX 10 mx.six", f"mx.six IN AAAA {REMOTE6}",
]

# Connects to a port 25, as whoever runs it: SOURCE MARK REMOTE; prints "open" or the error's name.
PROBE = """
import errno, socket, struct, sys
source, mark, remote = sys.argv[1:4]
s = socket.socket(socket.AF_INET6 if ":" in remote else socket.AF_INET)
s.settimeout(3)
if int(mark):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("I", int(mark)))
try:
    if source != "-":
        s.bind((source, 0))
    s.connect((remote, int(sys.argv[4])))
    s.recv(1)
    print("open")
except OSError as error:
    print(errno.errorcode.get(error.errno, str(error)))
"""
REFUSED = ("EHOSTUNREACH", "EACCES")


class Firewall(TestCase):
    MARKS = True

    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, *(f"{ip}/24" for ip in (ONE4, TWO4, SHARED4, STRAY4)), f"{ONE6}/64", f"{TWO6}/64")
        self.net.add(self.net.remote, f"{REMOTE4}/24", f"{DNS}/24", f"{REMOTE6}/64")
        self.dns = self.own(NameServer(self.directory / "dns", f"{DNS}:53", RECORDS, namespace=self.net.remote))
        extra = f'[dns]\nservers = ["{DNS}:53"]\n[queue]\nretry = ["1s"]\n'
        self.server = self.node(namespace=self.net.server, extra=extra + ("[firewall]\nmarks = true\n" if self.MARKS else ""))
        text = self.server.configuration.read_text()
        self.server.configuration.write_text(text.replace('user = ""', f'user = "{USER}"'))
        self.server.start()
        self.server.add_tenant("one", "one.test", [(ONE4, "mx4.one.test"), (ONE6, "mx6.one.test")], "a@one.test", PASSWORD)
        self.server.add_tenant("two", "two.test", [(TWO4, "mx4.two.test"), (TWO6, "mx6.two.test")], "b@two.test", PASSWORD)
        self.server.add_tenant("poor", "poor.test", [], "c@poor.test", PASSWORD)
        self.server.cli("address", "add", SHARED4, "--shared", "--helo", "shared.test")
        self.remote = self.sink(f"{REMOTE4}:25", f"[{REMOTE6}]:25", f"{REMOTE4}:2525", namespace=self.net.remote)

    def firewall(self, *words):
        return subprocess.run(["ip", "netns", "exec", self.net.server, PROGRAM, "firewall", *words, "--config",
                               str(self.server.configuration)], capture_output=True, text=True, timeout=60)

    def applied(self):
        out = self.firewall("apply")
        self.assertEqual(out.returncode, 0, out.stderr)

    def check(self):
        out = self.firewall("check", "--json")
        return out.returncode, json.loads(out.stdout)

    def mark_of(self, address):
        return re.search(rf"\b{re.escape(address)} \. (\d+)", self.firewall("print").stdout).group(1)

    def probe(self, source, mark=0, remote=REMOTE4, uid=UID, port=25):
        """As a user that may set marks, like the server; returns what became of the connection."""
        powers = ["--ambient-caps", "+net_raw", "--inh-caps", "+net_raw"] if mark else []
        out = run(["ip", "netns", "exec", self.net.server, "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                   *powers, sys.executable if uid == 0 else "/usr/bin/python3", "-c", PROBE, source, str(mark), remote,
                   str(port)])
        return out.stdout.strip()

    def submit(self, user, address, recipient):
        host = f"[{address}]" if ":" in address else address
        status, transcript = swaks("--server", host, "--port", 587, "--tls", "--auth", "PLAIN", "--auth-user", user,
                                   "--auth-password", PASSWORD, "--from", user, "--to", recipient, namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)

    def traffic(self):
        return {row["tenant"]: row for row in self.check()[1]["tenants"]}


class WithMarks(Firewall):
    def test_the_server_leaves_and_nobody_else_does(self):
        self.assertEqual(self.probe("-", uid=12345), "open")
        self.applied()
        for remote, own in ((REMOTE4, ONE4), (REMOTE6, ONE6)):
            for uid in (0, 12345):
                self.assertIn(self.probe("-", uid=uid, remote=remote), REFUSED)
                self.assertIn(self.probe(own, self.mark_of(own), uid=uid, remote=remote), REFUSED)
        self.assertEqual(self.probe("-", uid=12345, port=2525), "open", "other ports are nobody's business")
        for user, address in (("a@one.test", ONE4), ("b@two.test", TWO4), ("c@poor.test", SHARED4)):
            self.submit(user, address, "x@four.test")
        self.submit("a@one.test", ONE6, "x@six.test")
        self.remote.wait_for(4)
        self.assertEqual(sorted((m["peer"], m["sender"]) for m in self.remote.messages()), [
            (ONE4, "a@one.test"), (TWO4, "b@two.test"), (SHARED4, "c@poor.test"), (ONE6, "a@one.test")])
        status, found = self.check()
        self.assertEqual((status, found["matches"], found["differences"]), (0, True, []))
        self.assertGreaterEqual(found["refused_users"], 8)
        self.assertEqual(found["refused_addresses"], 0)
        traffic = self.traffic()
        self.assertGreater(traffic["one"]["bytes"], traffic["two"]["bytes"])
        self.assertGreater(traffic["two"]["packets"], 5)
        self.assertGreater(traffic["poor"]["packets"], 5)

    def test_a_mark_goes_with_its_addresses_only(self):
        self.applied()
        one, two = self.mark_of(ONE4), self.mark_of(TWO4)
        self.assertEqual((self.mark_of(ONE6), self.mark_of(TWO6)), (one, two))
        self.assertEqual(self.probe(ONE4, one), "open")
        self.assertEqual(self.probe(ONE6, one, REMOTE6), "open")
        for source, mark, remote in ((ONE4, two, REMOTE4), (TWO4, one, REMOTE4), (ONE6, two, REMOTE6), (ONE4, 0, REMOTE4),
                                     (ONE4, 7, REMOTE4), (STRAY4, one, REMOTE4), (SHARED4, one, REMOTE4), ("-", 0, REMOTE6)):
            self.assertIn(self.probe(source, mark, remote), REFUSED, (source, mark))
        self.assertGreaterEqual(self.check()[1]["refused_addresses"], 8)

    def test_what_was_counted_stays_and_nothing_slips_through_while_it_is_replaced(self):
        self.applied()
        self.submit("a@one.test", ONE4, "x@four.test")
        self.remote.wait_for(1)
        counted = self.traffic()["one"]["bytes"]
        outcomes, is_over = [], threading.Event()

        def try_on():
            code = ("import socket,sys\nfor _ in range(300):\n s = socket.socket()\n s.settimeout(3)\n"
                    f" try:\n  s.connect(('{REMOTE4}', 25)); print('open')\n except OSError as e:\n  pass\n s.close()\n")
            out = run(["ip", "netns", "exec", self.net.server, "setpriv", "--reuid=12345", "--clear-groups", "/usr/bin/python3",
                       "-c", code])
            outcomes.append(out.stdout)
            is_over.set()
        thread = threading.Thread(target=try_on)
        thread.start()
        count = 0
        while count < 5 or not is_over.is_set():
            self.applied()
            count += 1
        thread.join()
        self.assertEqual(outcomes, [""], f"a connection of another user was opened during {count} replacements")
        self.assertGreaterEqual(self.traffic()["one"]["bytes"], counted)

    def test_check_tells_what_differs(self):
        status, found = self.check()
        self.assertEqual((status, found["differences"]), (1, ["the kernel has no table inet bulkhead"]))
        self.applied()
        nft = ["ip", "netns", "exec", self.net.server, "nft"]
        self.assertEqual(self.check()[0], 0)
        run([*nft, "delete", "element", "inet", "bulkhead", "pairs4", f"{{ {ONE4} . {self.mark_of(ONE4)} }}"])
        run([*nft, "add", "element", "inet", "bulkhead", "shared4", "{ 10.78.0.99 }"])
        run([*nft, "insert", "rule", "inet", "bulkhead", "opening", "accept"])
        status, found = self.check()
        self.assertEqual(status, 1)
        self.assertEqual(sorted(found["differences"]), [
            f"pairs4: {ONE4} of one is missing", "shared4: 10.78.0.99 is in the kernel and not in the directory",
            "the rules of chain opening were changed"])

    def test_follow_keeps_up_with_the_directory_and_puts_back_what_was_changed(self):
        follower = self.own(Process([PROGRAM, "firewall", "follow", "--config", self.server.configuration],
                                    self.directory / "follow.log", self.net.server))
        wait_until(lambda: "ready" in follower.text(), "the follower's 'ready'")
        self.assertEqual(self.check()[0], 0)
        self.server.cli("address", "move", TWO4, "--tenant", "one")
        wait_until(lambda: self.check()[0] == 0 and self.mark_of(TWO4) == self.mark_of(ONE4), "the moved address", 5)
        self.submit("a@one.test", TWO4, "x@four.test")
        self.remote.wait_for(1)
        self.assertEqual(self.remote.messages()[0]["peer"], TWO4)
        run(["ip", "netns", "exec", self.net.server, "nft", "flush", "chain", "inet", "bulkhead", "opening"])
        wait_until(lambda: self.check()[0] == 0, "the table to be put back", 15)
        self.assertIn(self.probe("-", uid=12345), REFUSED)
        metrics = lambda: run(["ip", "netns", "exec", self.net.server, "curl", "-s", "http://127.0.0.1:9925/metrics"]).stdout
        wait_until(lambda: "bulkhead_firewall_repairs_total 1" in metrics(), "the repair in the metrics", 15)
        self.assertIn('bulkhead_firewall_tenant_bytes_total{tenant="one"}', metrics())
        self.assertIn('bulkhead_firewall_refused_total{reason="user"}', metrics())
        owner = os.stat(self.server.data / "firewall.readings").st_uid
        self.assertEqual(owner, UID, "nothing in the data directory belongs to root")
        self.assertEqual(follower.stop(), 0)
        self.assertIn(self.probe("-", uid=12345), REFUSED, "the table stays")

    def test_ten_thousand_addresses(self):
        with sqlite3.connect(self.server.data / "directory.sqlite") as db:
            tenant = db.execute("SELECT id FROM tenants WHERE name = 'one'").fetchone()[0]
            columns = [row[1] for row in db.execute("PRAGMA table_info(source_addresses)")]
            row = db.execute("SELECT * FROM source_addresses WHERE tenant = ?", (tenant,)).fetchone()
            for i in range(10000):
                values = dict(zip(columns, row))
                values.update(id=b"\x01" * 12 + i.to_bytes(4, "big"), is_default=0, ip=f"10.{100 + i // 65536}.{i // 256 % 256}.{i % 256}")
                db.execute(f"INSERT INTO source_addresses ({','.join(values)}) VALUES ({','.join('?' * len(values))})",
                           list(values.values()))
        began = time.monotonic()
        self.applied()
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(self.check()[0], 0)
        self.assertEqual(self.probe(ONE4, self.mark_of(ONE4)), "open")
        self.assertIn(self.probe(TWO4, self.mark_of(ONE4)), REFUSED)


class WithoutMarks(Firewall):
    MARKS = False

    def test_users_and_addresses_are_judged_all_the_same(self):
        self.applied()
        self.assertIn(self.probe("-", uid=12345), REFUSED)
        self.assertIn(self.probe(STRAY4), REFUSED)
        self.assertEqual(self.probe(ONE4), "open")
        self.submit("a@one.test", ONE4, "x@four.test")
        self.submit("c@poor.test", SHARED4, "x@four.test")
        self.submit("a@one.test", ONE6, "x@six.test")
        self.remote.wait_for(3)
        status, found = self.check()
        self.assertEqual((status, found["refused_users"], found["refused_addresses"]), (0, 1, 1))
        traffic = self.traffic()
        self.assertGreater(traffic["one"]["packets"], 10)
        self.assertGreater(traffic[None]["packets"], 5)

    def test_a_missing_nft_and_a_missing_directory_are_told(self):
        empty = self.directory / "empty.toml"
        empty.write_text(self.server.configuration.read_text().replace(str(self.server.data), str(self.directory / "none")))
        out = subprocess.run([PROGRAM, "firewall", "print", "--config", str(empty)], capture_output=True, text=True)
        self.assertEqual((out.returncode, out.stderr.split(";")[0].startswith("bulkhead: there is no directory at")), (1, True))
        # An empty place over /usr/sbin and /sbin, in a mount namespace of its own, hides the program.
        hidden = self.directory / "hidden"
        hidden.mkdir()
        out = subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {hidden} /usr/sbin && PATH=/none exec {PROGRAM} "
                              f"firewall apply --config {self.server.configuration}"], capture_output=True, text=True)
        self.assertEqual(out.returncode, 1, out.stderr)
        self.assertIn("there is no program nft on this host", out.stderr)
        self.assertIn("apt-get install nftables", out.stderr)


if __name__ == "__main__":
    main()
