#!/usr/bin/env python3
"""Name servers that lie, break off, storm or die: mail waits for them alone, memory stays bounded, others are served."""
import re
import socket
import time

import bad_dns
from harness import Namespaces, TestCase, inside, main, wait_until

SENDER = "s@client.test"
SERVER, GOOD, EVIL = "10.77.0.11", "10.77.0.100", "10.77.0.66"
HEADER = f"From: <{SENDER}>\r\nDate: Mon, 23 Nov 2026 01:02:03 +0000\r\nMessage-ID: <1@client.test>\r\n"


class HostileDns(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, f"{SERVER}/24")
        self.net.add(self.net.remote, f"{GOOD}/24", f"{EVIL}/24")
        self.names = [inside(self.net.server, lambda: bad_dns.NameServer(GOOD, EVIL)) for _ in range(2)]
        for server in self.names:
            self.addCleanup(server.close)
        servers = ", ".join(f'"{server.endpoint}"' for server in self.names)
        self.server = self.node(namespace=self.net.server, extra=f'[dns]\nservers = [{servers}]\n[queue]\nretry = ["1h"]\n')
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("client", "client.test", [(SERVER, "mx.client.test")], SENDER)
        self.server.cli("account", "set", SENDER, "--client-networks", f"{SERVER}/32")
        self.server.cli("route", "add", "routed.test", "--host", GOOD)
        self.good = self.sink(f"{GOOD}:25", namespace=self.net.remote, options=["--no-data"])
        self.evil = self.sink(f"{EVIL}:25", namespace=self.net.remote)
        self.send(["warm@routed.test"])
        self.arrived("warm@routed.test", 5)
        self.memory_at_first = self.memory()

    def send(self, recipients):
        """One session, a message for each hundred of them; returns how long it took."""
        start = time.monotonic()
        connect = lambda: socket.create_connection((SERVER, self.server.smtp), 30, (SERVER, 0))
        with inside(self.net.server, connect) as connection:
            stream = connection.makefile("rb")
            self.assertTrue(stream.readline().startswith(b"220 "))
            messages = [recipients[n:n + 100] for n in range(0, len(recipients), 100)]
            text = "HELO client.test\r\n" + "".join(
                f"MAIL FROM:<{SENDER}>\r\n" + "".join(f"RCPT TO:<{r}>\r\n" for r in part) + f"DATA\r\n{HEADER}\r\ntext\r\n.\r\n"
                for part in messages)
            connection.sendall((text + "QUIT\r\n").encode())
            replies = [line[:3] for line in stream]
        self.assertEqual(replies.count(b"250"), 1 + 2 * len(messages) + len(recipients), replies)
        return time.monotonic() - start

    def recipients(self):
        return {r for m in self.good.messages() for r in m["recipients"]}

    def arrived(self, recipient, seconds):
        start = time.monotonic()
        wait_until(lambda: recipient in self.recipients(), f"{recipient} to arrive", seconds)
        return time.monotonic() - start

    def serve_others(self, label, cached):
        """A neighbour's session, mail that is routed, and mail whose DNS answers are known, at once."""
        took = self.send([f"{label}@routed.test", f"{label}@{cached}"])
        arrival = max(self.arrived(f"{label}@routed.test", 5), self.arrived(f"{label}@{cached}", 5))
        print(f"{label}: a session {took:.3f} s, arrival {arrival:.2f} s later", flush=True)
        self.assertLess(took, 1.0)
        self.assertLess(arrival, 3.0)

    def queue_count(self):
        return self.server.json("queue", "count")

    def bounces(self):
        return self.server.json("account", "show", SENDER)["mailbox"]["messages"]

    def test_answers_of_an_attacker(self):
        self.send(["first@plain1.test"])
        self.arrived("first@plain1.test", 5)
        every = bad_dns.DELIVERED + bad_dns.DEFERRED + bad_dns.BOUNCED
        domains = [f"{kind}{number}.test" for number in range(20) for kind in every]
        self.send([f"r@{domain}" for domain in domains])
        self.serve_others("during", "plain1.test")
        wait_until(lambda: len(self.recipients()) >= 20 * len(bad_dns.DELIVERED) + 4, "what can be delivered", 20)
        waiting = 20 * len(bad_dns.DEFERRED)
        wait_until(lambda: self.queue_count()["scheduled"] >= waiting, "the rest to be deferred", 30)
        wait_until(lambda: self.bounces() >= 1, "the bounces")
        for row in self.server.json("queue", "list", "--limit", 1000):
            domain = row["recipients"][0].split("@")[1]
            self.assertIn(re.match("[a-z]*", domain)[0], bad_dns.DEFERRED, row)
            self.assertEqual(row["state"], "scheduled", row)
        self.assertEqual(self.queue_count()["deliveries"], waiting, self.queue_count())
        got = {re.match("[a-z]*", r.split("@")[1])[0] for r in self.recipients()} - {"routed"}
        self.assertEqual(got, set(bad_dns.DELIVERED))
        self.assertEqual(self.evil.connections(), [], "a forged answer was believed")
        self.assert_modest(64)
        self.serve_others("after", "plain1.test")

    def test_a_storm_of_names_that_do_not_exist(self):
        self.send(["first@plain1.test"])
        self.arrived("first@plain1.test", 5)
        self.send([f"r@nothing{number}.test" for number in range(3000)])
        self.serve_others("during", "plain1.test")
        wait_until(lambda: self.queue_count()["messages"] == 0, "the bounces", 40)
        self.assertGreaterEqual(self.bounces(), 30)
        self.assert_modest(224)     # no more with three times as many; a minute later most of it is given back
        self.serve_others("after", "plain1.test")

    def test_all_resolvers_die_and_come_back(self):
        cached = [f"known{n}.test" for n in range(5)]
        for number in range(8):     # each shard has a cache of its own
            self.send([f"first{number}@{domain}" for domain in cached])
        wait_until(lambda: len(self.recipients()) >= 1 + 8 * len(cached), "the first")
        self.names[0].is_silent = True     # one keeps its port open and says nothing, of the other the port is closed
        self.names[1].close()
        waiting = [f"r@new{number}.test" for number in range(400)]
        self.send(waiting)
        for number, domain in enumerate(cached):
            self.serve_others(f"beside{number}", domain)
            time.sleep(1)
        wait_until(lambda: self.queue_count()["scheduled"] > 0, "the first to be deferred", 30)
        self.assert_modest(128)
        self.serve_others("later", cached[0])
        rows = self.server.json("queue", "list", "--limit", 1000)
        self.assertEqual(len(rows), len(waiting))
        print(next(row for row in rows if row["state"] == "scheduled")["reason"]["text"], flush=True)
        self.assertEqual(self.bounces(), 0)
        self.names[0].is_silent = False
        time.sleep(2.5)     # a failure is remembered for two seconds

        def all_here():
            self.server.cli_result("queue", "retry", "--sender", SENDER)    # 1 when there is nothing to retry
            return self.recipients() >= set(waiting)
        wait_until(all_here, "all to arrive", 40, every=0.5)
        wait_until(lambda: self.queue_count()["messages"] == 0, "the queue to drain")
        self.assertEqual(self.bounces(), 0)


if __name__ == "__main__":
    main()
