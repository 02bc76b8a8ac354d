#!/usr/bin/env python3
"""Cases are told by mail: to the operator, to the tenant's administrator, not to other tenants; a storm is summed up."""
import subprocess

from harness import PROGRAM, TestCase, free_port, main, wait_until

ACME, ISP, GLOBEX, REMOTE = "127.82.0.1", "127.82.0.2", "127.82.0.3", "127.82.9.1"


class Notifications(TestCase):
    def start(self, settings):
        self.server = self.node(extra=f"[notify]\n{settings}\n")
        self.server.start()
        self.port = free_port(REMOTE)
        self.remote = self.sink(f"{REMOTE}:{self.port}")
        s = self.server
        s.add_tenant("acme", "acme.test", [(ACME, "mx.acme.test")], "info@acme.test")
        s.add_tenant("isp", "isp.test", [(ISP, "mx.isp.test")], "ops@isp.test")
        s.add_tenant("globex", "globex.test", [(GLOBEX, "mx.globex.test")], "b@globex.test")
        s.cli("tenant", "set", "acme", "--postmaster", "admin@elsewhere.test")
        s.cli("tenant", "set", "globex", "--postmaster", "admin@other.test")
        s.cli("route", "add", "*", "--host", REMOTE, "--port", self.port)

    def quarantine(self, account):
        self.server.cli("reputation", "set", account, "--state", "quarantined", "--reason", "stolen password")

    def sent(self):
        return [(m["recipients"], m["peer"], m["sender"]) for m in self.remote.messages()]

    def test_the_tenants_administrator_and_the_operator_are_told_once(self):
        self.start('operator = "noc@noc.test"\ntenant = "isp"')
        self.quarantine("info@acme.test")
        self.remote.wait_for(2, 30)
        self.assertEqual(sorted(self.sent()), [(["admin@elsewhere.test"], ISP, ""), (["noc@noc.test"], ISP, "")])
        case = self.server.json("case", "list")[0]["id"]
        for message in self.remote.messages():
            text = message["data"].replace("\r\n", "\n")
            self.assertIn("Subject: [node.bulkhead.test] account info@acme.test is quarantined\n", text)
            self.assertIn("Auto-Submitted: auto-generated\n", text)
            self.assertEqual(f"bulkhead case release {case}" in text, "noc@noc.test" in text, "who may do it is told how")
            self.assertIn(f"bulkhead case show {case}", text)
            self.assertIn("stolen password", text.replace("\n", " "))
            self.assertEqual("case purge" in text, "noc@noc.test" in text)
        # What the quarantined account sends is held; the mail about it was not. A release is told a minute later.
        self.assertEqual(self.server.json("queue", "count")["held"], 0)
        self.server.cli("case", "close", case)

    def test_the_check_says_when_nobody_would_be_told(self):
        self.start('operator = "noc@noc.test"\ntenant = "isp"')
        check = lambda: subprocess.run([PROGRAM, "check", "--config", str(self.server.configuration)], capture_output=True, text=True, timeout=30)
        self.assertNotIn("notify", check().stdout + check().stderr)
        text = self.server.configuration.read_text()
        for wrong, words in (('operator = "noc@noc.test"', "noc@noc.test is not of a domain here"),
                             ('operator = "noc@noc.test"\ntenant = "nosuch"', "there is no tenant nosuch")):
            self.server.configuration.write_text(text.replace('operator = "noc@noc.test"\ntenant = "isp"', wrong))
            result = check()
            self.assertIn(words, result.stdout + result.stderr)

    def test_an_operator_here_has_it_in_the_mailbox_and_a_storm_is_one_mail(self):
        self.start('operator = "ops@isp.test"\ntenants = false')
        for i in range(20):
            self.server.cli("account", "add", f"u{i}@acme.test")
            self.quarantine(f"u{i}@acme.test")
        mailbox = lambda: self.server.json("account", "show", "ops@isp.test")["mailbox"]["messages"]
        wait_until(lambda: mailbox() >= 1, "the first mail in the operator's mailbox", 30)
        self.assertLessEqual(mailbox(), 2)
        self.assertEqual(self.remote.messages(), [], "tenants are not told")


if __name__ == "__main__":
    main()
