#!/usr/bin/env python3
"""One source address has a connection to each of many remote hosts, though it has fewer ports than that.

The port is chosen when the socket connects, for each destination, and not when it is bound: a busy address would
otherwise be exhausted by 28,000 connections, however many hosts they lead to.
"""
from harness import Namespaces, TestCase, main, run, swaks, wait_until

OWN = "10.78.0.11"
REMOTES = [f"10.78.0.{100 + i}" for i in range(6)]
PASSWORD = "correct horse"


class Ports(TestCase):
    def test_an_address_has_more_connections_than_ports(self):
        net = Namespaces()
        self.addCleanup(net.close)
        net.add(net.server, f"{OWN}/24")
        net.add(net.remote, *(f"{ip}/24" for ip in REMOTES))
        run(["ip", "netns", "exec", net.server, "sh", "-c", "echo 40000 40001 >/proc/sys/net/ipv4/ip_local_port_range"])
        server = self.node(namespace=net.server)
        server.start()
        server.add_tenant("one", "one.test", [(OWN, "mx.one.test")], "a@one.test", PASSWORD)
        for i, ip in enumerate(REMOTES):
            server.cli("route", "add", f"d{i}.test", "--host", ip)
        sink = self.sink(*(f"{ip}:25" for ip in REMOTES), namespace=net.remote, options=["--delay", "1"])
        to = ",".join(f"x@d{i}.test" for i in range(len(REMOTES)))
        status, transcript = swaks("--server", OWN, "--port", 587, "--tls", "--auth", "PLAIN", "--auth-user", "a@one.test",
                                   "--auth-password", PASSWORD, "--from", "a@one.test", "--to", to, namespace=net.remote)
        self.assertEqual(status, 0, transcript)

        def connections():
            listed = run(["ip", "netns", "exec", net.server, "ss", "-Htn", "state", "established", "dport", "=", ":25"])
            return len(listed.stdout.splitlines())
        wait_until(lambda: connections() == len(REMOTES), "a connection to each, all at once")
        sink.wait_for(len(REMOTES))
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 0, "the queue to be empty")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
