#!/usr/bin/env python3
"""Who gets mail: full mailboxes in the session and in the queue, targets that do not exist, targets of other tenants."""
import smtplib
import subprocess
import time

from harness import PROGRAM, TestCase, main, wait_until

BOX = "box@ours.example"


class Recipients(TestCase):
    def setUp(self):
        super().setUp()
        self.server = self.node(listen=["127.0.0.1"])
        self.server.start()
        self.server.add_tenant("ours", "ours.example", [], BOX)
        self.server.cli("account", "add", "roomy@ours.example")
        self.server.cli("address", "add", "127.0.0.1", "--shared")

    def session(self):
        session = smtplib.SMTP("127.0.0.1", self.server.smtp, timeout=20)
        session.ehlo("client.example")
        return session

    def rcpt(self, recipient, size=None):
        with self.session() as session:
            session.mail("someone@remote.example", [] if size is None else [f"SIZE={size}"])
            return session.rcpt(recipient)

    def send(self, recipients, size=100, sender="someone@remote.example"):
        """Without SIZE, so that the size shows only at the end."""
        with self.session() as session:
            session.mail(sender)
            for recipient in recipients:
                self.assertEqual(session.rcpt(recipient)[0], 250)
            return session.data("Subject: x\r\n\r\n" + ("z" * 76 + "\r\n") * (size // 78))

    def mailbox(self, account=BOX):
        return self.server.json("account", "show", account)["mailbox"]

    def test_a_full_mailbox_is_refused_and_wakes_with_its_quota(self):
        self.server.cli("account", "set", BOX, "--quota", "4000")
        self.assertEqual(self.rcpt(BOX, 4001)[0], 552)
        self.assertEqual(self.rcpt(BOX, 4000)[0], 250)
        self.send([BOX], 3000)
        wait_until(lambda: self.mailbox()["messages"] == 1, "the first message")
        code, text = self.rcpt(BOX, 2000)
        self.assertEqual((code, text[:5]), (452, b"4.2.2"))
        self.assertEqual(self.rcpt(BOX)[0], 250, "there is some room")
        self.assertEqual(self.send([BOX], 2000)[0], 452)
        # Two recipients: one has room, so the message is taken, and the other's copy waits.
        self.send([BOX, "roomy@ours.example"], 2000)
        wait_until(lambda: self.mailbox("roomy@ours.example")["messages"] == 1, "the copy that has room")
        wait_until(lambda: self.server.json("queue", "count")["scheduled"] == 1, "the copy that waits")
        self.server.cli("account", "set", BOX, "--quota", "8000")
        start = time.monotonic()
        wait_until(lambda: self.mailbox()["messages"] == 2, "the copy that waited", 5)
        self.assertLess(time.monotonic() - start, 2.0)

    def test_what_can_never_fit_is_returned_at_once(self):
        self.server.cli("account", "add", "sender@ours.example", "--client-networks", "127.0.0.1/32")
        self.server.cli("account", "set", BOX, "--quota", "1500")
        self.assertEqual(self.send([BOX, "roomy@ours.example"], 2000, "sender@ours.example")[0], 250)
        wait_until(lambda: self.mailbox("sender@ours.example")["messages"] == 1, "the report")
        self.assertEqual(self.server.json("queue", "count")["deliveries"], 0)
        bounced = self.server.json("trace", "search", "--event", "bounced")
        self.assertIn("5.2.2", bounced[0]["reply"])

    def test_a_target_that_does_not_exist_is_told_to_everybody_concerned(self):
        set_catch_all = self.server.cli_result("domain", "set", "ours.example", "--catch-all", "nobody@ours.example")
        self.assertEqual(set_catch_all.returncode, 0)
        self.assertIn("bulkhead account add nobody@ours.example", set_catch_all.stderr)
        self.assertEqual(self.rcpt("anything@ours.example")[1][:5], b"5.1.1")
        check = subprocess.run([PROGRAM, "check", "--config", str(self.server.configuration)], capture_output=True, text=True, timeout=60)
        self.assertIn("the catch-all of ours.example leads to nobody@ours.example, which does not exist", check.stdout)
        self.server.cli("account", "add", "nobody@ours.example")
        self.assertEqual(self.rcpt("anything@ours.example")[0], 250)

    def test_an_alias_leads_into_another_tenants_mailbox_as_its_own_tenants_mail(self):
        self.server.add_tenant("theirs", "theirs.example", [], "ann@theirs.example")
        self.server.cli("alias", "add", "ann@ours.example", "--to", "ann@theirs.example")
        self.send(["ann@ours.example"])
        wait_until(lambda: self.mailbox("ann@theirs.example")["messages"] == 1, "the message")
        received = self.server.json("trace", "search", "--event", "received")
        self.assertEqual(received[0]["tenant"], "ours")


if __name__ == "__main__":
    main()
