#!/usr/bin/env python3
"""Three tenants in both families: to Postfix's smtp-sink, over an address that goes and comes back, and over a kill -9."""
import collections
import re
import time

from harness import Process, main, swaks, wait_until
from three_tenants import ONE4, ONE6, REMOTE4, REMOTE6, THREE4, THREE6, TWO4, TWO6, ThreeTenants

ADDRESSES = {"a@one.test": (ONE4, ONE6), "b@two.test": (TWO4, TWO6), "c@three.test": (THREE4, THREE6)}


class InBothFamilies(ThreeTenants):
    def setUp(self):
        super().setUp()
        self.server.cli("address", "add", THREE6, "--tenant", "three", "--helo", "mx6.three.test")

    def smtp_sink(self, endpoint, folder):
        """Postfix's recording server; what it saw of each message, as a function."""
        process = Process(["smtp-sink", "-u", "root", "-d", f"{self.directory}/{folder}/m.", endpoint, "100"],
                          self.directory / f"{folder}.log", self.net.remote)
        self.own(process)

        def seen():
            files = (self.directory / folder).glob("m.*")
            fields = [dict(re.findall(r"(?m)^X-([\w-]+): <?(.*?)>?(?: .*)?$", f.read_text(errors="replace"))) for f in files]
            return sorted((f.get("Client-Addr", "").removeprefix("ipv6:"), f.get("Helo-Args"), f.get("Mail-Args")) for f in fields if "Rcpt-Args" in f)
        return seen

    def expected(self, family):
        """Peer, HELO name and sender of one message of each tenant."""
        return sorted((addresses[family == 6], f"mx{family}.{user.split('@')[1]}", user) for user, addresses in ADDRESSES.items())

    def test_to_a_real_peer(self):
        four, six = self.smtp_sink(f"inet:{REMOTE4}:25", "four"), self.smtp_sink(f"inet:[{REMOTE6}]:25", "six")
        for user, (over4, over6) in ADDRESSES.items():
            self.submit(user, over4, "x@four.test")
            self.submit(user, over6, "x@six.test")
        wait_until(lambda: len(four()) + len(six()) == 6, "six messages", 20)
        self.assertEqual(four(), self.expected(4))
        self.assertEqual(six(), self.expected(6))

    def test_an_ipv6_address_that_returns_is_used_within_a_second(self):
        sink = self.remote_sink()
        for user, (_, over6) in ADDRESSES.items():
            self.submit(user, over6, "x@six.test")
        sink.wait_for(3)
        self.net.remove(self.net.server, f"{ONE6}/64")
        time.sleep(0.2)
        before = len(sink.connections())
        self.submit("a@one.test", ONE4, "x@six.test")
        row = self.wait_for_state("held", "no-source")[0]
        self.assertEqual((row["attempts"], row["source"]), (0, None))
        self.assertIn(ONE6, self.server.cli("queue", "why", row["id"]))
        time.sleep(1)
        self.assertEqual(len(sink.connections()), before)
        back = time.time()
        self.net.add(self.net.server, f"{ONE6}/64")
        message = sink.wait_for(4, seconds=5)[3]
        print(f"{message['at'] - back:.2f} s after its return", flush=True)
        self.assertLess(message["at"] - back, 1.0)
        self.assertEqual((message["peer"], message["helo"]), (ONE6, "mx6.one.test"))

    def test_reports_leave_from_each_tenants_own_address_after_a_kill(self):
        """The reports wait for a server that is away when the program is killed, and once more while they are sent."""
        for user in ADDRESSES:
            for way in ("four", "six"):
                self.server.cli("alias", "add", f"{way}@{user.split('@')[1]}", "--to", f"refused@{way}.test")
        for domain in ("sender.test", "sender6.test"):
            self.server.cli("route", "add", domain, "--host", REMOTE4, "--port", 26)     # nobody listens
        sink = self.remote_sink("--rcpt", "refused=550 5.1.1 no such user here", "--delay", "0.1")
        for user, (over4, over6) in ADDRESSES.items():
            domain = user.split("@")[1]
            for address, way, writer in ((over4, "four", "writer@sender.test"), (over6, "six", "writer@sender6.test")):
                status, transcript = swaks("--server", f"[{address}]" if ":" in address else address, "--from", writer, "--to",
                                           f"{way}@{domain}", namespace=self.net.remote)
                self.assertEqual(status, 0, transcript)

        def reports():
            rows = self.queue()
            return len(rows) == 6 and all(row["sender"] == "" for row in rows)
        wait_until(reports, "six reports in the queue")
        self.server.kill()
        self.server.start()
        for row in self.server.json("route", "list"):
            self.server.cli("route", "remove", row["id"])
        self.server.cli_result("queue", "retry", "--sender", "<>")
        sink.wait_for(1)
        self.server.kill()
        self.server.start()
        # One that was taken and whose reply came after the kill is sent again; none is missing, and none is from elsewhere.
        peers = lambda: {(m["peer"], m["helo"], m["sender"], m["recipients"][0]) for m in sink.messages()}
        expected = {(peer, helo, "", f"writer@{'sender' if family == 4 else 'sender6'}.test")
                    for family in (4, 6) for peer, helo, _ in self.expected(family)}
        wait_until(lambda: len(peers()) >= 6, "the reports", 30)
        self.assertEqual(peers(), expected)
        wait_until(lambda: not self.queue(), "the queue to drain")
        copies = collections.Counter((m["peer"], m["recipients"][0]) for m in sink.messages())
        self.assertLessEqual(sum(copies.values()), 12)
        own = {ip for both in ADDRESSES.values() for ip in both}
        self.assertLessEqual({c["peer"] for c in sink.connections()}, own)
        self.assertEqual({m["data"].count("no such user here") > 0 for m in sink.messages()}, {True})


if __name__ == "__main__":
    main()
