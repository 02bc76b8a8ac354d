#!/usr/bin/env python3
"""The readiness of addresses: who waits for it, who does not, and what lets an address go."""
import time

from harness import main, wait_until
from monitor_scene import OTHER, OWN, PASSWORD, REMOTE, MonitorCase


class Readiness(MonitorCase):
    def test_a_new_address_waits_until_it_is_ready(self):
        names = self.names({})
        server = self.serve('[monitor]\nzones = []\nreadiness = "require"\nreadiness_interval = "1s"\n')
        sink = self.sink(f"{REMOTE}:25", namespace=self.net.remote)
        server.add_tenant("one", "one.test", [(OWN, "mx.one.test")], "a@one.test", PASSWORD)
        self.submit(OWN, "a@one.test", "x@dest.test")

        def held():
            rows = server.json("queue", "list")
            return rows and rows[0]["state"] == "held" and "is not ready to send" in rows[0]["reason"]["text"] and rows[0]
        row = wait_until(held, "the mail to wait for the address's readiness")
        self.assertEqual((row["reason"]["code"], row["attempts"]), ("address-withheld", 0))
        why = server.cli("queue", "why", row["id"])
        self.assertIn(f"bulkhead address set {OWN} --ready yes", why)
        readiness = wait_until(lambda: (r := server.json("address", "show", OWN)["readiness"])["state"] == "unready" and r,
                               "the second look")
        self.assertIn("no PTR record", readiness["why"])
        self.assertIn("bulkhead_source_addresses_withheld 1", self.metrics(server))
        self.assertEqual(sink.connections(), [])

        names.stop()
        self.names({OWN: "mx.one.test"})
        sink.wait_for(1, 30)
        shown = server.json("address", "show", OWN)["readiness"]
        self.assertEqual((shown["state"], shown["cleared"]), ("ready", "passed"))
        events = wait_until(lambda: server.json("trace", "search", "--event", "ready"), "the event")
        self.assertIn(OWN, " ".join(e["detail"] for e in events))

        # Another, let go by hand; taken back, it waits again, over a restart too.
        server.add_tenant("two", "two.test", [(OTHER, "mx.two.test")], "b@two.test", PASSWORD)
        server.cli("address", "set", OTHER, "--ready", "yes")
        self.assertEqual(server.json("address", "show", OTHER)["readiness"]["cleared"], "by hand")
        server.cli("address", "set", OTHER, "--ready", "no")
        server.kill()
        server.start()
        self.assertEqual(server.json("address", "show", OTHER)["readiness"]["cleared"], "no")
        self.assertEqual(server.json("address", "show", OWN)["readiness"]["cleared"], "passed")
        self.assertEqual(server.stop(), 0)

    def test_a_new_public_address_waits_by_default(self):
        public, private, zones = "11.77.0.11", "10.77.0.13", {"11.in-addr.arpa": []}
        self.net.add(self.net.server, f"{public}/24", f"{private}/24")
        self.net.add(self.net.remote, "11.77.0.100/24")
        records = ["mx.pub IN A " + public, "mx.dest IN A 11.77.0.100"]
        names = self.names({}, records, zones)
        server = self.serve('[monitor]\nzones = []\nreadiness_interval = "1s"\nreadiness_patience = "5m"\n'
                            '[notify]\noperator = "noc@told.test"\ntenant = "isp"\n')
        told = self.tell_people(server)
        sink = self.sink(f"{REMOTE}:25", "11.77.0.100:25", namespace=self.net.remote)

        # A private address without a PTR is told of, and sends.
        server.add_tenant("lab", "lab.test", [(private, "mx.one.test")], "a@lab.test", PASSWORD)
        self.submit(private, "a@lab.test", "x@dest.test")
        sink.wait_for(1)
        readiness = wait_until(lambda: (r := server.json("address", "show", private)["readiness"])["state"] == "unready" and r,
                               "the private address to be judged")
        self.assertEqual((readiness["cleared"], readiness["withheld"]), ("no", False))

        # A public one waits.
        server.cli("tenant", "add", "pub", "--plan", "bulk")
        server.cli("domain", "add", "pub.test", "--tenant", "pub")
        server.cli("tenant", "set", "pub", "--postmaster", "admin@told.test")
        added = server.json("address", "add", public, "--tenant", "pub", "--helo", "mx.pub.test")
        self.assertIn("mail waits until", " ".join(added["warnings"]))
        server.cli("account", "add", "a@pub.test", "--password-stdin", stdin=PASSWORD + "\n")
        self.submit(public, "a@pub.test", "x@dest.test")
        row = wait_until(lambda: server.json("queue", "list", "--state", "held"), "the mail to wait")[0]
        self.assertEqual((row["reason"]["code"], row["attempts"]), ("address-withheld", 0))
        wait_until(lambda: server.json("address", "show", public)["readiness"]["state"] == "unready", "the second look")
        for who in ("noc", "admin"):
            notice = self.wait_for_notice(told, f"{who}@told.test", f"address {public} is not ready to send, and its mail waits")
            self.assertEqual("--ready yes" in notice["data"], who == "noc")
        server.kill()                       # it waits over a crash, too
        server.start()
        self.assertTrue(server.json("address", "show", public)["readiness"]["withheld"])
        time.sleep(1)
        self.assertEqual(len(sink.messages()), 1)

        names.stop()
        names = self.names({public: "mx.pub.test"}, records, zones)
        self.assertEqual(sink.wait_for(2, 30)[1]["peer"].rsplit(":", 1)[0], public)
        readiness = server.json("address", "show", public)["readiness"]
        self.assertEqual((readiness["state"], readiness["cleared"], readiness["withheld"]), ("ready", "passed", False))
        self.wait_for_notice(told, "admin@told.test", f"address {public} is ready to send, and its mail leaves.")

        # Lost later, it is told, and goes on sending.
        server.kill()
        names.stop()
        names = self.names({}, records, zones)
        server.start()
        self.wait_for_notice(told, "admin@told.test", f"address {public} is not ready to send any more.")
        self.submit(public, "a@pub.test", "x@dest.test")
        sink.wait_for(3)
        self.assertNotIn(private, "".join(m["data"] for m in told.messages()))
        self.assertEqual(server.stop(), 0)

    def test_an_address_that_nobody_can_judge_is_let_go(self):
        public = "11.77.0.11"
        self.net.add(self.net.server, f"{public}/24")
        self.net.add(self.net.remote, "11.77.0.100/24")
        server = self.own(self.node(namespace=self.net.server, extra='[dns]\nservers = ["127.0.0.1:9"]\n[monitor]\nzones = []\n'
                                    'readiness_interval = "1s"\nreadiness_patience = "3s"\n'))
        server.start()
        sink = self.sink("11.77.0.100:25", namespace=self.net.remote)
        server.add_tenant("pub", "pub.test", [(public, "mx.pub.test")], "a@pub.test", PASSWORD)
        server.cli("route", "add", "dest.test", "--host", "11.77.0.100")
        self.assertTrue(server.json("address", "show", public)["readiness"]["withheld"])
        self.submit(public, "a@pub.test", "x@dest.test")
        sink.wait_for(1, 30)
        events = wait_until(lambda: server.json("trace", "search", "--event", "unready"), "the event")
        self.assertIn("sends unchecked: No check could be made for 3 s", events[0]["detail"])
        self.assertEqual(server.json("address", "show", public)["readiness"]["cleared"], "no")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
