"""A server host with addresses of three tenants, and a remote host with a name server and mail servers, in two namespaces.

The first two tenants have both families; the third has IPv4, and an IPv6 address that is the host's but nobody's yet.
"""
from dns import NameServer
from harness import Namespaces, TestCase, swaks, wait_until

ONE4, TWO4, THREE4, ONE4B = "10.77.0.11", "10.77.0.12", "10.77.0.13", "10.77.0.14"
ONE6, TWO6, THREE6 = "fd77::11", "fd77::12", "fd77::13"
REMOTE4, REMOTE6, DNS = "10.77.0.100", "fd77::100", "10.77.0.53"
PASSWORD = "correct horse"

RECORDS = [
    "dest IN MX 10 mx.dest", f"mx.dest IN A {REMOTE4}", f"mx.dest IN AAAA {REMOTE6}",
    "four IN MX 10 mx.four", f"mx.four IN A {REMOTE4}",
    "six IN MX 10 mx.six", f"mx.six IN AAAA {REMOTE6}",
    "null IN MX 0 .",
    f"implicit IN A {REMOTE4}",
    "sender IN MX 10 mx.four",
    "sender6 IN MX 10 mx.six",
    f"mx4.one IN A {ONE4}", f"mx6.one IN AAAA {ONE6}", f'one IN TXT "v=spf1 ip4:{ONE4} ip6:{ONE6} -all"',
    f"mx4.two IN A {ONE4}", f'two IN TXT "v=spf1 ip4:{ONE4} -all"',
]
REVERSE = {ONE4: "mx4.one.test", ONE6: "mx6.one.test", TWO4: "elsewhere.test"}


class ThreeTenants(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, *(f"{ip}/24" for ip in (ONE4, TWO4, THREE4, ONE4B)), *(f"{ip}/64" for ip in (ONE6, TWO6, THREE6)))
        self.net.add(self.net.remote, f"{REMOTE4}/24", f"{DNS}/24", f"{REMOTE6}/64")
        self.dns = self.own(NameServer(self.directory / "dns", f"{DNS}:53", RECORDS, REVERSE, namespace=self.net.remote))
        self.server = self.node(namespace=self.net.server, extra=f'[dns]\nservers = ["{DNS}:53"]\n[queue]\nretry = ["1s"]\n')
        self.server.start()
        self.server.add_tenant("one", "one.test", [(ONE4, "mx4.one.test"), (ONE6, "mx6.one.test")], "a@one.test", PASSWORD)
        self.server.add_tenant("two", "two.test", [(TWO4, "mx4.two.test"), (TWO6, "mx6.two.test")], "b@two.test", PASSWORD)
        self.server.add_tenant("three", "three.test", [(THREE4, "mx4.three.test")], "c@three.test", PASSWORD)

    def remote_sink(self, *options):
        return self.sink(f"{REMOTE4}:25", f"[{REMOTE6}]:25", namespace=self.net.remote, options=options)

    def submit(self, user, address, *recipients):
        host = f"[{address}]" if ":" in address else address
        status, transcript = swaks("--server", host, "--port", 587, "--tls", "--auth", "PLAIN", "--auth-user", user,
                                   "--auth-password", PASSWORD, "--from", user, "--to", ",".join(recipients),
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)

    def peers(self, sink):
        return sorted((m["peer"], m["helo"], m["sender"]) for m in sink.messages())

    def queue(self):
        return self.server.json("queue", "list")

    def wait_for_state(self, state, reason):
        def there():
            rows = self.queue()
            return rows if rows and all(r["state"] == state and r["reason"]["code"] == reason for r in rows) else None
        return wait_until(there, f"the queue to be {state}:{reason}")
