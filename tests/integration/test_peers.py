#!/usr/bin/env python3
"""Mail to and from a real Postfix, with STARTTLS in both directions, verified where a route says so."""
from dns import NameServer
from harness import Namespaces, TestCase, main, swaks, wait_until
from postfix_peer import Postfix

SERVER, REMOTE, DNS = "10.77.0.11", "10.77.0.100", "10.77.0.53"
PASSWORD = "correct horse"


class Peers(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, f"{SERVER}/24")
        self.net.add(self.net.remote, f"{REMOTE}/24", f"{DNS}/24")
        self.own(NameServer(self.directory / "dns", f"{DNS}:53",
                            ["dest IN MX 10 mx.dest", f"mx.dest IN A {REMOTE}", "one IN MX 10 mx.one", f"mx.one IN A {SERVER}"],
                            namespace=self.net.remote))
        self.postfix = Postfix(self.directory / "postfix", REMOTE, "dest.test", namespace=self.net.remote,
                               settings=[f"relayhost = [{SERVER}]"])
        self.addCleanup(self.postfix.stop)
        self.server = self.node(namespace=self.net.server, extra=f'[dns]\nservers = ["{DNS}:53"]\n[queue]\nretry = ["1s"]\n')
        self.server.start()
        self.server.add_tenant("one", "one.test", [(SERVER, "mx.one.test")], "a@one.test", PASSWORD)

    def submit(self, *options, to="x@dest.test"):
        status, transcript = swaks("--server", SERVER, "--port", 587, "--tls", "--auth", "LOGIN", "--auth-user", "a@one.test",
                                   "--auth-password", PASSWORD, "--from", "a@one.test", "--to", to, *options,
                                   namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)

    def delivered(self):
        return self.server.json("trace", "search", "--event", "delivered")

    def test_postfix_takes_our_mail_over_tls(self):
        self.submit("--header", "Subject: over to you")
        event = wait_until(self.delivered, "the delivery")[0]
        self.assertIn("TLSv1.3", event["tls"])
        self.assertEqual(event["source"], SERVER)
        self.assertIn("queued as", event["reply"])
        box = wait_until(self.postfix.mailbox, "Postfix's mailbox")
        self.assertIn("Subject: over to you", box)
        self.assertIn("(using TLSv1.3", box)
        self.assertIn("from mx.one.test", box)

    def test_a_route_that_demands_a_verified_certificate_holds_back(self):
        self.server.cli("route", "add", "dest.test", "--host", "mx.dest.test", "--tls", "verified")
        self.submit()
        rows = wait_until(lambda: [r for r in self.server.json("queue", "list") if r["attempts"] > 0], "an attempt")
        self.assertIn("certificate", rows[0]["reason"]["text"])
        self.assertEqual(self.postfix.mailbox(), "")
        self.server.cli("route", "remove", self.server.json("route", "list")[0]["id"])
        wait_until(self.postfix.mailbox, "Postfix's mailbox after the route was removed", 30)

    def test_mail_of_postfix_arrives_in_the_mailbox(self):
        status, transcript = swaks("--server", REMOTE, "--from", "w@dest.test", "--to", "w@dest.test", namespace=self.net.remote)
        self.assertEqual(status, 0, transcript)
        message = "From: <w@dest.test>\nTo: <a@one.test>\nSubject: hello\n\nfrom Postfix\n"
        import subprocess
        subprocess.run(["ip", "netns", "exec", self.net.remote, "sendmail", "-C", str(self.postfix.configuration), "-f",
                        "w@dest.test", "a@one.test"], input=message, text=True, check=True)
        wait_until(lambda: self.server.json("account", "show", "a@one.test")["mailbox"]["messages"] == 1, "the message in the mailbox", 30)


if __name__ == "__main__":
    main()
