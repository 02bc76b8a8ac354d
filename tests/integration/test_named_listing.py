#!/usr/bin/env python3
"""A refusal that names a DNS list is news of the address: event, metric, mail; once, however often it is said. Three sites that say so are believed."""
import smtplib
import urllib.request

from harness import TestCase, free_port, main, wait_until

ACME, ISP, OPERATORS = "127.83.0.1", "127.83.0.2", "127.83.9.9"
SITES = {"one.test": "127.83.9.1", "two.test": "127.83.9.2", "three.test": "127.83.9.3", "liar.test": "127.83.9.4"}
LINK = "https://check.example.org/listed"
REFUSAL = f"554 5.7.1 Service unavailable; Client host blocked using bl.example.org; {LINK}"


class NamedListing(TestCase):
    def setUp(self):
        super().setUp()
        ports = {domain: free_port(ip) for domain, ip in SITES.items()}
        for domain, ip in SITES.items():
            lies = [f"z{i}={REFUSAL.replace('bl.', f'z{i}.')}" for i in range(6)] if domain == "liar.test" else []
            self.sink(f"{ip}:{ports[domain]}", options=[o for rule in [*lies, f"*={REFUSAL}"] for o in ("--rcpt", rule)])
        operators = free_port(OPERATORS)
        self.operators = self.sink(f"{OPERATORS}:{operators}")
        self.server = self.node(reputation="shadow = false", extra='[notify]\noperator = "noc@noc.test"\ntenant = "isp"\n')
        self.server.start()
        self.server.add_tenant("acme", "acme.test", [(ACME, "mx.acme.test")], "info@acme.test")
        self.server.cli("reputation", "exempt", "info@acme.test", "--for", "1h", "--reason", "three such refusals have an account throttled")
        self.server.add_tenant("isp", "isp.test", [(ISP, "mx.isp.test")], "ops@isp.test")
        self.server.cli("account", "set", "info@acme.test", "--client-networks", "127.0.0.1/32")
        for domain, ip in SITES.items():
            self.server.cli("route", "add", domain, "--host", ip, "--port", ports[domain])
        self.server.cli("route", "add", "noc.test", "--host", OPERATORS, "--port", operators)

    def metric(self, start):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10).read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(start))

    def events(self, kind):
        return [row for row in self.server.json("trace", "search", "--since", "1h") if row["event"] == kind]

    def send(self, *recipients):
        before = len(self.events("bounced"))
        for recipient in recipients:
            with smtplib.SMTP(ACME, self.server.smtp, timeout=20) as client:
                client.sendmail("info@acme.test", [recipient], "Subject: x\r\n\r\nx\r\n")
        wait_until(lambda: len(self.events("bounced")) == before + len(recipients), "the refusals")

    def state(self):
        return self.server.json("reputation", "show", ACME)["state"]

    def test_one_site_is_told_once_and_three_are_believed(self):
        self.send("r1@one.test", "r2@one.test", "r3@one.test", "r4@two.test")
        listed = wait_until(lambda: self.events("listed"), "the event")
        self.assertEqual(self.state(), "normal", "two sites, who may be one")
        self.send("r5@three.test")
        self.assertEqual(len(self.events("listed")), 1, listed)
        self.assertEqual((listed[0]["rule"], listed[0]["source"], listed[0]["tenant"]), ("bl.example.org", ACME, "acme"))
        self.assertIn(LINK, listed[0]["detail"])
        self.assertEqual(self.metric('bulkhead_listing_transitions_total{zone="named",change="listed"}'), 1, "nobody outside chooses labels")
        wait_until(lambda: self.state() != "normal", "its state")
        self.assertEqual(self.state(), "watched")
        self.assertIn("address-listed", self.server.json("reputation", "history", ACME)[0]["what"])
        self.operators.wait_for(1, 30)
        self.assertIn("bl.example.org", self.operators.messages()[0]["data"])

    def test_a_site_that_names_one_list_after_the_other_is_told_of_five(self):
        self.send(*(f"z{i}@liar.test" for i in range(6)))
        wait_until(lambda: self.metric('bulkhead_listing_transitions_total{zone="named"') == 6, "all to be counted")
        wait_until(lambda: len(self.events("listed")) == 5, "five events")
        self.assertNotIn("address-listed", str(self.server.json("reputation", "history", ACME)))

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
