#!/usr/bin/env python3
"""More tenants than connections at a site: who has the connections gives them to who waits, in turns."""
import smtplib
import time

from harness import TestCase, free_port, main, wait_until

TENANTS = {"one": "127.0.0.1", "two": "127.0.0.3", "three": "127.0.0.4"}
BACKLOG, FEW = 400, 3


class Turns(TestCase):
    def setUp(self):
        super().setUp()
        port = free_port("127.0.0.2")
        self.server = self.node(listen=list(TENANTS.values()))
        self.server.start()
        for name, ip in TENANTS.items():
            self.server.add_tenant(name, f"{name}.test", [(ip, f"mx.{name}.test")], f"s@{name}.test")
            self.server.cli("account", "set", f"s@{name}.test", "--client-networks", f"{ip}/32")
        self.remote = self.sink(f"127.0.0.2:{port}", options=["--delay", "0.05"])
        self.server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", port)
        self.send("one", 1)
        delivered = wait_until(lambda: self.server.json("trace", "search", "--event", "delivered"), "the first delivery")
        site = delivered[0]["site"]
        self.server.cli("limit", "set", "--site", site, "--connections", "1")

    def send(self, name, count):
        ip = TENANTS[name]
        with smtplib.SMTP(ip, self.server.smtp, source_address=(ip, 0), timeout=20) as client:
            for number in range(count):
                client.sendmail(f"s@{name}.test", [f"{name}@dest.test"], f"Subject: {name} {number}\r\n\r\nHello\r\n")

    def arrived(self, name):
        return [m["at"] for m in self.remote.messages() if m["recipients"] == [f"{name}@dest.test"]]

    def test_tenants_that_come_later_have_their_turns(self):
        self.send("one", BACKLOG)
        before = len(self.arrived("one"))
        began = time.time()
        for name in ("two", "three"):
            self.send(name, FEW)
        for name in ("two", "three"):
            wait_until(lambda: len(self.arrived(name)) == FEW, f"the mail of {name}", 25)
        waited = max(self.arrived("two") + self.arrived("three")) - began
        done = len(self.arrived("one")) - before
        print(f"the few were delivered {waited:.1f} s later, and meanwhile {done} of the backlog of {BACKLOG}", flush=True)
        self.assertLess(len(self.arrived("one")), BACKLOG, "the backlog went on beside them")
        now = len(self.arrived("one"))
        wait_until(lambda: len(self.arrived("one")) > now, "the tenant that gave way goes on", 10)
        self.server.cli("queue", "purge", "--tenant", "one")


if __name__ == "__main__":
    main()
