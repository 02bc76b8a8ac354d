#!/usr/bin/env python3
"""Each tenant's mail leaves from its own address, in both families, bounces too; never from another; never unbound.

Two namespaces: the server host with addresses of three tenants, a remote host with a name server and recording sinks. What
counts is what the remote side saw.
"""
import os
import signal
import time

from harness import main, swaks, wait_until
from three_tenants import ONE4, ONE4B, ONE6, REMOTE6, THREE4, TWO4, TWO6, PASSWORD, ThreeTenants


class SourceAddresses(ThreeTenants):
    def test_each_tenant_leaves_from_its_own_address_in_both_families(self):
        sink = self.remote_sink()
        for user, address in (("a@one.test", ONE4), ("b@two.test", TWO4)):
            self.submit(user, address, "x@four.test")
            self.submit(user, address, "x@six.test")
        sink.wait_for(4)
        self.assertEqual(self.peers(sink), [
            (ONE4, "mx4.one.test", "a@one.test"), (TWO4, "mx4.two.test", "b@two.test"),
            (ONE6, "mx6.one.test", "a@one.test"), (TWO6, "mx6.two.test", "b@two.test")])

    def test_mail_leaves_on_the_address_that_it_arrived_on(self):
        self.server.cli("address", "add", ONE4B, "--tenant", "one", "--helo", "second.one.test")
        sink = self.remote_sink()
        self.submit("a@one.test", ONE4B, "x@four.test")
        self.submit("a@one.test", ONE4, "x@four.test")
        self.submit("a@one.test", ONE6, "x@six.test")
        sink.wait_for(3)
        self.assertEqual(self.peers(sink), [(ONE4, "mx4.one.test", "a@one.test"), (ONE4B, "second.one.test", "a@one.test"),
                                            (ONE6, "mx6.one.test", "a@one.test")])

    def test_clients_from_outside_come_over_ipv6_to_every_port(self):
        for port, tls in ((587, "--tls"), (465, "--tls-on-connect")):
            status, transcript = swaks("--server", f"[{ONE6}]", "--port", port, tls, "--auth", "PLAIN", "--auth-user", "a@one.test",
                                       "--auth-password", PASSWORD, "--from", "a@one.test", "--to", "a@one.test",
                                       namespace=self.net.remote)
            self.assertEqual(status, 0, transcript)
        status, transcript = swaks("--server", f"[{ONE6}]", "--port", 25, "--from", "x@dest.test", "--to", "a@one.test",
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
        self.assertIn("mx6.one.test", transcript, "the greeting names the arrival address")
        wait_until(lambda: self.server.json("account", "show", "a@one.test")["mailbox"]["messages"] == 3, "three messages")
        received = self.server.json("trace", "search", "--event", "received")
        self.assertEqual({e["client_ip"] for e in received}, {REMOTE6})
        self.assertEqual(sorted(e["arrival"] for e in received), [f"[{ONE6}]:25", f"[{ONE6}]:465", f"[{ONE6}]:587"])

    def test_a_missing_address_holds_the_mail_until_it_returns(self):
        sink = self.remote_sink()
        self.submit("a@one.test", ONE4, "x@four.test")
        sink.wait_for(1)
        self.net.remove(self.net.server, f"{ONE4}/24")
        time.sleep(0.2)
        before = len(sink.connections())
        self.submit("a@one.test", ONE6, "x@four.test")
        row = self.wait_for_state("held", "no-source")[0]
        self.assertEqual(row["attempts"], 0)
        self.assertIsNone(row["source"])
        self.assertEqual(len(sink.connections()), before)
        why = self.server.cli("queue", "why", row["id"])
        self.assertIn(ONE4, why)
        back = time.time()
        self.net.add(self.net.server, f"{ONE4}/24")
        messages = sink.wait_for(2, seconds=5)
        self.assertLess(messages[1]["at"] - back, 1.0)
        self.assertEqual(messages[1]["peer"], ONE4)

    def test_the_family_of_the_arrival_address_comes_first_and_is_waited_for(self):
        sink = self.remote_sink()
        self.submit("a@one.test", ONE4, "x@dest.test")
        self.submit("a@one.test", ONE6, "x@dest.test")
        sink.wait_for(2)
        self.assertEqual([peer for peer, _, _ in self.peers(sink)], [ONE4, ONE6])
        self.net.add(self.net.server, "10.77.0.99/24")   # who hands in by another address of the host
        self.net.remove(self.net.server, f"{ONE4}/24")
        time.sleep(0.2)
        self.submit("a@one.test", "10.77.0.99", "x@dest.test")
        row = self.wait_for_state("held", "no-source")[0]
        self.assertIsNone(row["source"])
        self.assertIn(ONE4, self.server.cli("queue", "why", row["id"]))
        self.submit("a@one.test", ONE6, "x@dest.test")
        sink.wait_for(3)
        self.assertEqual([peer for peer, _, _ in self.peers(sink)], [ONE4, ONE6, ONE6])
        self.net.add(self.net.server, f"{ONE4}/24")
        sink.wait_for(4, seconds=5)
        self.assertEqual([peer for peer, _, _ in self.peers(sink)], [ONE4, ONE4, ONE6, ONE6])
        self.assertEqual({c["peer"] for c in sink.connections()}, {ONE4, ONE6})

    def test_a_tenant_without_ipv6_never_connects_over_ipv6(self):
        sink = self.remote_sink()
        self.submit("c@three.test", THREE4, "x@dest.test")
        sink.wait_for(1)
        self.submit("c@three.test", THREE4, "x@six.test")
        self.wait_for_state("held", "no-source")
        self.assertEqual({c["peer"] for c in sink.connections()}, {THREE4})

    def test_bounces_leave_on_the_address_of_what_caused_them(self):
        self.server.cli("alias", "add", "away@two.test", "--to", "refused@four.test")
        sink = self.remote_sink("--rcpt", "refused=550 5.1.1 no such user here")
        status, transcript = swaks("--server", TWO4, "--from", "writer@sender.test", "--to", "away@two.test",
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
        bounce = sink.wait_for(1)[0]
        self.assertEqual((bounce["peer"], bounce["sender"], bounce["recipients"]), (TWO4, "", ["writer@sender.test"]))
        self.assertIn("multipart/report", bounce["data"])
        self.assertIn("no such user here", bounce["data"])
        self.assertEqual({c["peer"] for c in sink.connections()}, {TWO4})

    def test_bounces_over_ipv6_leave_on_the_address_too(self):
        self.server.cli("alias", "add", "away@two.test", "--to", "refused@six.test")
        sink = self.remote_sink("--rcpt", "refused=550 5.1.1 no such user here")
        status, transcript = swaks("--server", f"[{TWO6}]", "--from", "writer@sender6.test", "--to", "away@two.test",
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
        bounce = sink.wait_for(1)[0]
        self.assertEqual((bounce["peer"], bounce["helo"], bounce["sender"]), (TWO6, "mx6.two.test", ""))
        self.assertEqual({c["peer"] for c in sink.connections()}, {TWO6})

    def test_forwards_leave_on_the_address_that_they_came_to(self):
        self.server.cli("alias", "add", "away@two.test", "--to", "friend@four.test")
        sink = self.remote_sink()
        status, transcript = swaks("--server", TWO4, "--from", "writer@sender.test", "--to", "away@two.test",
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
        forwarded = sink.wait_for(1)[0]
        self.assertEqual((forwarded["peer"], forwarded["helo"], forwarded["recipients"]), (TWO4, "mx4.two.test", ["friend@four.test"]))

    def test_delay_warnings_leave_on_the_address_of_what_is_late(self):
        text = self.server.configuration.read_text()
        self.server.configuration.write_text(text.replace('retry = ["1s"]', 'retry = ["1s"]\nwarn_after = "1s"'))
        os.kill(self.server.process.pid, signal.SIGHUP)
        wait_until(lambda: "[queue] changed" in self.server.process.text(), "the new schedule")
        self.server.cli("alias", "add", "away@two.test", "--to", "late@four.test")
        sink = self.remote_sink("--rcpt", "late=451 4.2.0 not now")
        status, transcript = swaks("--server", TWO4, "--from", "writer@sender.test", "--to", "away@two.test",
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
        warning = sink.wait_for(1, seconds=20)[0]
        self.assertEqual((warning["peer"], warning["sender"], warning["recipients"]), (TWO4, "", ["writer@sender.test"]))
        self.assertIn("Action: delayed", warning["data"])
        self.assertEqual({c["peer"] for c in sink.connections()}, {TWO4})

    def test_address_check_asks_the_dns(self):
        good = self.server.json("address", "check", ONE4)
        self.assertTrue(good[0]["ok"] if isinstance(good, list) else good["ok"], good)
        self.assertEqual(self.server.cli_result("address", "check", ONE6).returncode, 0)
        bad = self.server.cli_result("address", "check", TWO4)
        self.assertEqual(bad.returncode, 1, bad)
        for what in ("elsewhere.test", "mx4.two.test", "two.test"):   # PTR, forward lookup, SPF
            self.assertIn(what, bad.stdout + bad.stderr)

    def test_moving_an_address_applies_to_mail_already_queued(self):
        self.server.cli("address", "add", ONE4B, "--tenant", "one", "--helo", "second.one.test")
        self.submit("a@one.test", ONE4B, "x@four.test")   # nobody listens yet: it is deferred
        wait_until(lambda: any(r["attempts"] > 0 for r in self.queue()), "a first attempt")
        self.server.cli("address", "move", ONE4B, "--tenant", "two")
        sink = self.remote_sink()
        message = sink.wait_for(1)[0]
        self.assertEqual((message["peer"], message["helo"]), (ONE4, "mx4.one.test"))

    def test_dns_decides_between_bounce_and_wait(self):
        sink = self.remote_sink()
        self.submit("a@one.test", ONE4, "x@implicit.test")
        self.assertEqual(sink.wait_for(1)[0]["peer"], ONE4)
        self.submit("a@one.test", ONE4, "x@null.test")
        self.submit("a@one.test", ONE4, "x@missing.test")

        def bounced():
            events = self.server.json("trace", "search", "--event", "bounced")
            return events if len(events) >= 2 else None
        replies = " ".join(e["reply"] for e in wait_until(bounced, "two bounces"))
        self.assertIn("5.1.10", replies)
        self.assertIn("5.1.2", replies)
        wait_until(lambda: self.server.json("account", "show", "a@one.test")["mailbox"]["messages"] == 2, "two bounces in the mailbox")
        self.submit("a@one.test", ONE4, "x@not-served.example")   # REFUSED: nobody may say that it does not exist
        wait_until(lambda: any(r["state"] == "scheduled" for r in self.queue()), "the unknown zone to be deferred")
        self.assertEqual(len(sink.messages()), 1)


if __name__ == "__main__":
    main()
