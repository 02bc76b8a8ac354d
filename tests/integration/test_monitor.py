#!/usr/bin/env python3
"""Lists of bad senders by a real rbldnsd, and what recipients report: what is believed, what is told.

One list that works, one that answers for everything, one that never answers.
"""
import signal
import time

from harness import main, swaks, wait_until
from monitor_scene import OTHER, OWN, PASSWORD, REMOTE, MonitorCase


class Monitor(MonitorCase):
    def test_an_address_gets_listed_and_delisted(self):
        self.names({OWN: "mx.one.test", OTHER: "mx.two.test"})
        self.lists()
        server = self.serve('[monitor]\nzones = ["bl.test", "dbl.test kind=domain", "wild.test", "slow.test"]\n'
                            'interval = "2s"\nconfirm_after = "1s"\n'
                            '[notify]\noperator = "noc@told.test"\ntenant = "isp"\n')
        told = self.tell_people(server)
        server.add_tenant("one", "one.test", [(OWN, "mx.one.test")])
        server.add_tenant("two", "two.test", [(OTHER, "mx.two.test")])
        for tenant in ("one", "two"):
            server.cli("tenant", "set", tenant, "--postmaster", f"{tenant}@told.test")
        wait_until(lambda: self.zones(server)["bl.test"]["state"] == "trusted", "bl.test to be trusted", 40)
        wait_until(lambda: self.zones(server)["wild.test"]["state"] == "set aside", "wild.test to be set aside", 40)
        self.assertIn("answer for everything", self.zones(server)["wild.test"]["why"])
        wait_until(lambda: self.zones(server)["slow.test"]["state"] == "set aside", "slow.test to be set aside", 40)
        self.assertIn("does not answer", self.zones(server)["slow.test"]["why"])
        self.assertEqual(server.json("listing", "list"), [])

        self.list_them(OWN, domains=["two.test"])
        rows = wait_until(lambda: len(server.json("listing", "list")) == 2 and server.json("listing", "list"), "both listings",
                          60)
        self.assertEqual([(r["name"], r["tenant"], r["zone"], r["codes"]) for r in rows],
                         [(OWN, "one", "bl.test", "127.0.0.2"), ("two.test", "two", "dbl.test", "127.0.1.2")])
        self.assertEqual(server.json("listing", "list", "--domain", "two.test"), rows[1:])
        self.assertEqual(server.json("address", "show", OWN)["listed_by"], ["bl.test"])
        self.assertEqual(server.json("address", "show", OTHER)["listed_by"], [])
        self.assertEqual(len(server.json("status")["listings"]), 2)
        events = server.json("trace", "search", "--event", "listed", "--tenant", "one")
        self.assertEqual([(e["source"], e["rule"], e["verdict"]) for e in events], [(OWN, "bl.test", "127.0.0.2")])
        metrics = self.metrics(server)
        self.assertIn('bulkhead_listings{kind="address",zone="bl.test"} 1', metrics)
        self.assertIn('bulkhead_listing_zones{zone="wild.test",branch="ipv4",state="set aside"} 1', metrics)
        self.assertIn('bulkhead_listing_transitions_total{zone="bl.test",change="listed"} 1', metrics)
        checked = server.cli_result("listing", "check", OWN, "--json")
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertIn('"listed"', checked.stdout)

        # Its owner and the operator are told, nobody else.
        notice = self.wait_for_notice(told, "one@told.test", f"address {OWN} is listed by bl.test. It answers 127.0.0.2.")
        self.assertEqual((notice["peer"].rsplit(":", 1)[0], notice["sender"]), ("10.77.0.20", ""))
        self.wait_for_notice(told, "two@told.test", "domain two.test is listed by dbl.test. It answers 127.0.1.2.")
        self.wait_for_notice(told, "noc@told.test", "is listed by")
        self.assertNotIn("two.test", "".join(m["data"] for m in told.messages() if m["recipients"] == ["one@told.test"]))
        self.assertLessEqual(len(told.messages()), 6, "an address's state is told besides, not one mail of each thing")

        # What is believed survives a kill; it is not told again.
        server.kill()
        server.start()
        self.assertEqual(len(server.json("listing", "list")), 2)
        before = len(told.messages())
        self.list_them()
        wait_until(lambda: server.json("listing", "list") == [], "the end of both listings", 60)
        wait_until(lambda: len(server.json("trace", "search", "--event", "listed")) == 2, "what was told before")
        wait_until(lambda: len(server.json("trace", "search", "--event", "delisted")) == 2, "both events")

        self.wait_for_notice(told, "one@told.test", f"address {OWN} is no longer listed by bl.test.")
        self.wait_for_notice(told, "two@told.test", "domain two.test is no longer listed by dbl.test.")
        self.assertNotIn("is listed by", "".join(m["data"] for m in told.messages()[before:]))

        # The settings are live.
        text = server.configuration.read_text()
        server.configuration.write_text(text.replace('"wild.test", "slow.test"', '"third.bl.test"'))
        server.process.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: "wild.test" not in self.zones(server), "the new settings")
        self.assertIn("third.bl.test", self.zones(server))
        server.configuration.write_text(text.replace('zones = ["bl.test"', 'zones = ["bl..test"'))
        server.process.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: "the old settings stay" in server.process.text(), "the refusal")
        self.assertIn("third.bl.test", self.zones(server))
        self.assertEqual(server.stop(), 0)

    def test_complaints_and_late_bounces_are_those_of_the_message(self):
        self.names({OWN: "mx.one.test"})
        server = self.serve('[monitor]\nzones = []\n')
        sink = self.sink(f"{REMOTE}:25", namespace=self.net.remote)
        server.add_tenant("one", "one.test", [(OWN, "mx.one.test")], "a@one.test", PASSWORD)
        self.assertNotEqual(server.cli_result("tenant", "set", "one", "--feedback-address", "fbl@elsewhere.test").returncode, 0)
        server.cli("tenant", "set", "one", "--feedback-address", "fbl@one.test")
        self.submit(OWN, "a@one.test", "x@dest.test")
        message = sink.wait_for(1)[0]
        identity = server.json("trace", "search", "--event", "delivered")[0]["id"]
        head = f"Received: from a by node.bulkhead.test with ESMTPSA id {identity}; Mon\r\nFrom: a@one.test\r\n"
        complaint = ("From: fbl@dest.test\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n"
                     "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: <RCPT>\n\n--b\n"
                     "Content-Type: message/rfc822\n\n" + head + "\n--b--\n")
        bounce = ("From: mailer-daemon@dest.test\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
                  "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; inner.dest.test\n\n"
                  "Final-Recipient: rfc822; x@dest.test\nAction: failed\nStatus: 5.2.2\n\n--b\n"
                  "Content-Type: text/rfc822-headers\n\n" + head + "\n--b--\n")

        def report(text, to="fbl@one.test"):
            status, transcript = swaks("--server", OWN, "--from", "fbl@dest.test", "--to", to, "--data", text,
                                       namespace=self.net.remote)
            self.assertEqual(status, 0, transcript)
        report(complaint.replace("RCPT", "nobody@dest.test"))
        report(complaint.replace("RCPT", "x@dest.test"))
        report(complaint.replace("RCPT", "x@dest.test"))
        report(bounce)
        report("Subject: no report\n\nhello\n")

        def told():
            events = [e["event"] for e in server.json("trace", "show", identity)["events"]]
            return "returned" in events and events
        self.assertEqual(wait_until(told, "the late bounce").count("complained"), 1)
        wait_until(lambda: server.json("queue", "count")["deliveries"] == 0, "the reports to be taken")
        metrics = self.metrics(server)
        for outcome in ("complaint", "bounce", "repeated", "unproven", "unreadable"):
            self.assertIn(f'bulkhead_feedback_reports_total{{tenant="one",outcome="{outcome}"}} 1', metrics)
        self.assertIn("x@dest.test", message["recipients"])
        # The address is its domain's, whatever that is called by now.
        server.cli("domain", "rename", "one.test", "renamed.test")
        report(complaint.replace("RCPT", "x@dest.test"), "fbl@renamed.test")
        repeated = 'bulkhead_feedback_reports_total{tenant="one",outcome="repeated"} 2'
        wait_until(lambda: repeated in self.metrics(server), "the report to the new name to be read")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
