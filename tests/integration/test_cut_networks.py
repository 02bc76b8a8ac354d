#!/usr/bin/env python3
"""A network that is cut or slow while mail is sent: deferred, sent again when it is back, twice only after a lost reply."""
import re

from harness import Namespaces, TestCase, main, run, swaks, wait_until

SERVER, REMOTE = "10.77.0.11", "10.77.0.100"
PASSWORD = "correct horse"
CUT = """table inet cut {
  chain in { type filter hook input priority 0; policy drop; }
  chain out { type filter hook output priority 0; policy drop; }
}
"""


class CutNetworks(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, f"{SERVER}/24")
        self.net.add(self.net.remote, f"{REMOTE}/24")
        extra = '''[queue]
retry = ["1s"]
[delivery]
connect_timeout = "1s"
greeting_timeout = "2s"
command_timeout = "2s"
data_timeout = "2s"
end_of_data_timeout = "2s"
'''
        self.server = self.node(namespace=self.net.server, extra=extra)
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("one", "one.test", [(SERVER, "mx.one.test")], "a@one.test", PASSWORD)
        self.server.cli("account", "set", "a@one.test", "--client-networks", f"{SERVER}/32")
        self.server.cli("route", "add", "*", "--host", REMOTE)

    def submit(self, size=0):
        body = self.directory / "body"
        body.write_text("Subject: x\n\n" + ("x" * 70 + "\n") * (1 + size // 72))
        status, transcript = swaks("--server", SERVER, "--from", "a@one.test", "--to", "x@dest.test", "--data", f"@{body}",
                                   "--hide-all", namespace=self.net.server)
        self.assertEqual(status, 0, transcript)

    def cut(self):
        rules = self.directory / "cut.nft"
        rules.write_text(CUT)
        run(["ip", "netns", "exec", self.net.remote, "nft", "-f", str(rules)])

    def mend(self):
        run(["ip", "netns", "exec", self.net.remote, "nft", "delete", "table", "inet", "cut"])

    def slow_down(self, rate):
        run(["ip", "netns", "exec", self.net.server, "tc", "qdisc", "add", "dev", "veth0", "root", "tbf", "rate", rate, "burst",
             "16kb", "latency", "50ms"])

    def remote_has_got(self, octets):
        out = run(["ip", "-n", self.net.remote, "-s", "-j", "link", "show", "veth0"]).stdout
        return int(re.search(r'"rx":\{"bytes":(\d+)', out)[1]) > octets

    def wait_for_deferral(self):
        def deferred():
            rows = self.server.json("queue", "list")
            return rows[0] if rows and rows[0]["attempts"] > 0 and rows[0]["state"] != "active" else None
        row = wait_until(deferred, "the delivery to be deferred", 10)
        print(row["reason"]["text"], flush=True)
        return row

    def drain(self):
        self.server.cli("queue", "retry", "--sender", "a@one.test")
        wait_until(lambda: self.server.json("queue", "count")["messages"] == 0, "the queue to drain", 20)

    def ambiguous(self):
        text = run(["ip", "netns", "exec", self.net.server, "curl", "-s", "http://127.0.0.1:9925/metrics"]).stdout
        return sum(float(n) for n in re.findall(r"(?m)^bulkhead_ambiguous_deliveries_total\{.*\} ([0-9.e+]+)$", text))

    def test_a_cut_before_the_connection(self):
        sink = self.sink(f"{REMOTE}:25", namespace=self.net.remote)
        self.cut()
        self.submit()
        self.wait_for_deferral()
        self.assertEqual(sink.connections(), [])
        self.mend()
        self.drain()
        self.assertEqual(len(sink.messages()), 1)
        self.assertEqual(self.ambiguous(), 0)

    def test_a_cut_in_the_middle_of_a_message(self):
        sink = self.sink(f"{REMOTE}:25", namespace=self.net.remote, options=["--no-data"])
        self.slow_down("16mbit")
        self.submit(12 << 20)   # more than any socket buffer holds
        wait_until(lambda: self.remote_has_got(1 << 20), "the first MiB")
        self.cut()
        self.wait_for_deferral()
        self.assertEqual(sink.messages(), [])
        self.mend()
        self.drain()
        self.assertEqual(len(sink.messages()), 1)
        self.assertGreater(sink.messages()[0]["size"], 12 << 20)
        self.assertEqual(self.ambiguous(), 0)

    def test_a_cut_before_the_reply_to_the_final_dot(self):
        sink = self.sink(f"{REMOTE}:25", namespace=self.net.remote, options=["--delay", "0.6"])
        self.submit()
        wait_until(sink.messages, "the message at the sink", every=0.005)
        self.cut()   # before its 250, which is said 0.6 s later
        self.wait_for_deferral()
        self.assertEqual(self.ambiguous(), 1)
        self.mend()
        self.drain()
        self.assertEqual(len(sink.messages()), 2, "sent again: nobody can know that it was taken")
        self.assertEqual(self.ambiguous(), 1)

    def test_a_slow_network_is_no_fault(self):
        sink = self.sink(f"{REMOTE}:25", namespace=self.net.remote, options=["--no-data"])
        self.slow_down("2mbit")
        self.submit(1 << 20)   # takes more than four seconds; no pause is as long as the time-out
        message = sink.wait_for(1, 20)[0]
        self.assertGreater(message["size"], 1 << 20)
        wait_until(lambda: self.server.json("queue", "count")["messages"] == 0, "the queue to drain", 5)
        self.assertEqual((len(sink.messages()), len(sink.connections())), (1, 1))


if __name__ == "__main__":
    main()
