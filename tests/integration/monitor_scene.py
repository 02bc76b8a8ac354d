"""Where the monitor of lists and readiness is tested: lists by a real rbldnsd, names by NSD, a forwarder that stands for
the recursive resolver, a server in a namespace.
"""
import sys

from dns import NameServer
from harness import TOP, Namespaces, Process, TestCase, run, swaks, wait_until

OWN, OTHER, REMOTE = "10.77.0.11", "10.77.0.12", "10.77.0.100"
RECORDS = [
    f"mx.one IN A {OWN}", f"mx.two IN A {OTHER}",
    "one IN MX 10 mx.one", f'one IN TXT "v=spf1 ip4:{OWN} -all"', "two IN MX 10 mx.two",
    "dest IN MX 10 mx.dest", f"mx.dest IN A {REMOTE}",
]
PASSWORD = "correct horse"
SOA = "$SOA 1 ns.test root.test 0 2 2 2 1"      # a "no" holds for a second


class MonitorCase(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, f"{OWN}/24", f"{OTHER}/24")
        self.net.add(self.net.remote, f"{REMOTE}/24")

    def names(self, reverse, records=(), zones=None):
        return self.own(NameServer(self.directory / "nsd", "127.0.0.1:5301", [*RECORDS, *records], reverse, self.net.server,
                                   zones))

    def lists(self):
        """A list of addresses and one of domains as files, one that lists everything."""
        self.addresses = self.directory / "addresses"
        self.domains = self.directory / "domains"
        everything = self.directory / "everything"
        self.list_them()
        everything.write_text(":127.0.0.2:all\n0.0.0.0/1\n128.0.0.0/1\n")
        self.own(Process(["rbldnsd", "-n", "-b", "127.0.0.1/5302", "-c", "1", "-t", "1", "-w", self.directory,
                          "-u", "nobody", f"bl.test:ip4set:{self.addresses}", f"dbl.test:dnset:{self.domains}",
                          f"wild.test:ip4set:{everything}"], self.directory / "rbldnsd.log", self.net.server))

    def list_them(self, *ips, domains=()):
        self.addresses.write_text("\n".join([SOA, ":127.0.0.2:listed", "127.0.0.2", *ips]) + "\n")
        self.domains.write_text("\n".join([SOA, ":127.0.1.2:listed", "test", *domains]) + "\n")

    def serve(self, monitor):
        arguments = [sys.executable, TOP / "tests/integration/dns_router.py", "127.0.0.1:53", "bl.test=127.0.0.1:5302",
                     "dbl.test=127.0.0.1:5302", "wild.test=127.0.0.1:5302", "slow.test=drop", "=127.0.0.1:5301"]
        router = self.own(Process(arguments, self.directory / "router.log", self.net.server))
        wait_until(lambda: "listening" in router.text(), "the forwarder")
        server = self.node(namespace=self.net.server, extra=f'[dns]\nservers = ["127.0.0.1:53"]\n{monitor}')
        server.start()
        return server

    def tell_people(self, server):
        """The operator, whose own tenant sends what people are told, to a sink for everything; returns it."""
        self.net.add(self.net.server, "10.77.0.20/24")
        sink = self.sink(f"{REMOTE}:2525", namespace=self.net.remote)
        server.add_tenant("isp", "isp.test", [("10.77.0.20", "mx.isp.test")])
        server.cli("route", "add", "told.test", "--host", REMOTE, "--port", 2525)
        return sink

    def wait_for_notice(self, sink, recipient, words, seconds=30):
        def found():
            return [m for m in sink.messages() if m["recipients"] == [recipient] and
                    " ".join(words.split()) in " ".join(m["data"].split())]
        return wait_until(found, f"{recipient} to be told: {words}", seconds)[0]

    def zones(self, server):
        return {zone["zone"]: zone for zone in server.json("listing", "zones")}

    def events(self, server, *kinds):
        rows = [e for kind in kinds for e in server.json("trace", "search", "--event", kind)]
        return sorted((e["at"], e["event"], e["detail"]) for e in rows)

    def metrics(self, server):
        out = run(["ip", "netns", "exec", self.net.server, "curl", "-s", f"http://127.0.0.1:{server.metrics}/metrics"])
        return out.stdout

    def submit(self, server, account, recipient):
        """A message of `account`, handed in on one of the server's addresses."""
        status, transcript = swaks("--server", server, "--port", 587, "--tls", "--auth", "PLAIN", "--auth-user", account,
                                   "--auth-password", PASSWORD, "--from", account, "--to", recipient,
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
