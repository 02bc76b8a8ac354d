#!/usr/bin/env python3
"""A refusal that names a DNS list is a listing of the address: event, metric, state, mail; once, however often it is said."""
import smtplib
import urllib.request

from harness import TestCase, free_port, main, wait_until

ACME, ISP, REMOTE, OPERATORS = "127.83.0.1", "127.83.0.2", "127.83.9.1", "127.83.9.2"
LINK = "https://check.example.org/listed"
REFUSAL = f"554 5.7.1 Service unavailable; Client host blocked using bl.example.org; {LINK}"


class NamedListing(TestCase):
    def setUp(self):
        super().setUp()
        port = free_port(REMOTE)
        self.remote = self.sink(f"{REMOTE}:{port}", options=["--rcpt", f"*={REFUSAL}"])
        operators = free_port(OPERATORS)
        self.operators = self.sink(f"{OPERATORS}:{operators}")
        self.server = self.node(reputation="shadow = false", extra='[notify]\noperator = "noc@noc.test"\ntenant = "isp"\n')
        self.server.start()
        self.server.add_tenant("acme", "acme.test", [(ACME, "mx.acme.test")], "info@acme.test")
        self.server.add_tenant("isp", "isp.test", [(ISP, "mx.isp.test")], "ops@isp.test")
        self.server.cli("account", "set", "info@acme.test", "--client-networks", "127.0.0.1/32")
        self.server.cli("route", "add", "*", "--host", REMOTE, "--port", port)
        self.server.cli("route", "add", "noc.test", "--host", OPERATORS, "--port", operators)

    def metric(self, start):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10).read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(start))

    def events(self, kind):
        return [row for row in self.server.json("trace", "search", "--since", "1h") if row["event"] == kind]

    def test_it_is_told_once(self):
        for i in range(4):
            with smtplib.SMTP(ACME, self.server.smtp, timeout=20) as client:
                client.sendmail("info@acme.test", [f"r{i}@far.test"], f"Subject: {i}\r\n\r\nx\r\n")
        listed = wait_until(lambda: self.events("listed"), "the event")
        wait_until(lambda: len(self.events("bounced")) == 4, "the refusals")
        self.assertEqual(len(self.events("listed")), 1, listed)
        self.assertEqual((listed[0]["rule"], listed[0]["source"], listed[0]["tenant"]), ("bl.example.org", ACME, "acme"))
        self.assertIn(LINK, listed[0]["detail"])
        self.assertEqual(self.metric('bulkhead_listing_transitions_total{zone="bl.example.org",change="listed"}'), 1)
        standing = wait_until(lambda: (s := self.server.json("reputation", "show", ACME))["state"] != "normal" and s, "its state")
        self.assertEqual(standing["state"], "watched")
        self.assertIn("address-listed", self.server.json("reputation", "history", ACME)[0]["what"])
        # Who sent it is not to blame for an address that is listed; at most for what came before that was known.
        self.assertIn(self.server.json("reputation", "show", "info@acme.test")["state"], ("normal", "watched"))
        self.operators.wait_for(1, 30)
        self.assertIn("bl.example.org", self.operators.messages()[0]["data"])

    def test_policies_take_shares_and_volumes(self):
        rules = lambda *options: {r["rule"]: r for r in self.server.json("reputation", "policy", *options)["rules"]}
        self.assertEqual((rules()["account-bounces"]["share_over"], rules()["account-bounces"]["volume"]), (0.1, 100))
        self.server.cli("reputation", "policy", "--tenant", "acme", "--rule", "account-bounces", "--share", "25%", "--volume", 400)
        changed = rules("--tenant", "acme")["account-bounces"]
        self.assertEqual((changed["share_over"], changed["volume"], changed["own"]), (0.25, 400, True))
        self.assertEqual(rules("--tenant", "isp")["account-bounces"]["share_over"], 0.1)
        self.server.kill()
        self.server.start()
        self.assertEqual(rules("--tenant", "acme")["account-bounces"]["share_over"], 0.25, "after kill -9")


if __name__ == "__main__":
    main()
