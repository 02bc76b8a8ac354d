#!/usr/bin/env python3
"""A tenant in quarantine: what its accounts have queued and send is held by a durable order; what it receives is not."""
import smtplib
import ssl

from harness import TestCase, free_port, main, wait_until

PASSWORD = "correct horse battery"


class TenantQuarantine(TestCase):
    def sign_in(self, user):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = smtplib.SMTP("127.0.0.1", self.server.submission, local_hostname="client.test", timeout=30)
        client.starttls(context=context)
        client.login(user, PASSWORD)
        return client

    def count(self, *selectors):
        return self.server.json("queue", "count", *selectors)["deliveries"]

    def orders(self):
        return [d for d in self.server.json("queue", "directives") if d["by"].startswith("reputation ")]

    def test_what_it_sends_is_held_over_a_kill_and_goes_when_it_is_free(self):
        self.server = server = self.node(listen=["127.0.0.1"])
        self.keep_in_memory(server)
        server.start()
        server.cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        for tenant, account in (("bad", "a@bad.test"), ("bad", "b@bad.test"), ("good", "c@good.test")):
            if account[0] != "b":
                server.cli("tenant", "add", tenant)
                server.cli("domain", "add", f"{tenant}.test", "--tenant", tenant)
            server.cli("account", "add", account, "--password-stdin", stdin=PASSWORD + "\n")
        opened = self.directory / "opened"
        remote = self.sink("127.0.0.3:%d" % free_port("127.0.0.3"), options=["--rcpt", "later=451 4.2.0 later",
                                                                           "--until", opened])
        host, port = remote.process.popen.args[-1].rsplit(":", 1)
        server.cli("route", "add", "far.test", "--host", host, "--port", port)
        clients = {user: self.sign_in(user) for user in ("a@bad.test", "b@bad.test", "c@good.test")}
        for user, client in clients.items():
            client.sendmail(user, ["later@far.test"], f"From: {user}\r\nSubject: x\r\n\r\nx\r\n")
        wait_until(lambda: self.count("--state", "scheduled") == 3, "what waits for the remote")
        server.cli("reputation", "set", "tenant:bad", "--state", "quarantined", "--for", "1h", "--reason", "all of them")
        [case] = server.json("case", "list", "--status", "open")
        [order] = self.orders()
        self.assertEqual(order["by"], "reputation " + case["id"])
        wait_until(lambda: self.count("--tenant", "bad", "--state", "held") == 2, "both to be held")
        self.assertEqual(self.count("--tenant", "good", "--state", "held"), 0)
        # An account of another tenant's is nobody: not even how much it has queued is told.
        answer = server.json("queue", "purge", "--tenant", "good", "--account", "a@bad.test")
        self.assertEqual((answer["deliveries"], answer["messages"]), (0, 0), answer)
        self.assertEqual(self.count("--tenant", "bad", "--state", "held"), 2)
        with self.assertRaises((smtplib.SMTPException, OSError), msg="its sessions end"):
            clients["b@bad.test"].sendmail("b@bad.test", ["later@far.test"], "x")
        code, text = self.sign_in("b@bad.test").mail("b@bad.test")
        self.assertEqual(code, 550, text)
        # What others send to it arrives.
        clients["c@good.test"].sendmail("c@good.test", ["a@bad.test"], "Subject: hello\r\n\r\nx\r\n")
        messages = lambda: server.json("account", "show", "a@bad.test")["mailbox"]["messages"]
        wait_until(lambda: messages() == 1, "mail to the tenant in its mailbox")
        server.kill()
        server.start()
        self.assertEqual(self.sign_in("a@bad.test").mail("a@bad.test")[0], 550)
        wait_until(lambda: self.count("--tenant", "bad", "--state", "held") == 2, "both to be held after a kill")
        self.assertEqual([o["by"] for o in self.orders()], [order["by"]], "one order, the same")
        opened.touch()
        server.cli("queue", "retry", "--tenant", "bad")
        server.cli("queue", "retry", "--tenant", "good")
        remote.wait_for(1)
        self.assertEqual([m["sender"] for m in remote.messages()], ["c@good.test"], "nothing of the tenant leaves")
        server.cli("case", "release", case["id"], "--reason", "cleaned up")
        wait_until(lambda: self.orders() == [], "the order's end")
        server.cli("queue", "retry", "--tenant", "bad")
        wait_until(lambda: len(remote.messages()) == 3, "the rest to leave", 30)

    def test_an_account_in_quarantine_stays_so_when_its_tenant_is_freed(self):
        self.server = server = self.node(listen=["127.0.0.1"])
        self.keep_in_memory(server)
        server.start()
        server.add_tenant("bad", "bad.test", [], "a@bad.test")
        for key in ("a@bad.test", "tenant:bad"):
            server.cli("reputation", "set", key, "--state", "quarantined", "--for", "1h", "--reason", "both")
        wait_until(lambda: len(self.orders()) == 2, "two orders")
        server.cli("reputation", "set", "tenant:bad", "--state", "restored", "--for", "1h", "--reason", "one only")
        [order] = wait_until(lambda: len(self.orders()) == 1 and self.orders(), "one order")
        self.assertIn("a@bad.test", str(order))

    def test_what_a_rule_in_shadow_would_do_is_in_the_trace(self):
        self.server = server = self.node(listen=["127.0.0.1"])
        self.keep_in_memory(server)
        server.start()
        server.add_tenant("bad", "bad.test", [], "a@bad.test", PASSWORD)
        server.cli("tenant", "set", "bad", "--plan", "normal")
        client = self.sign_in("a@bad.test")
        for i in range(40):
            try:
                client.sendmail("a@bad.test", [f"nobody{i}@bad.test"], "x")
            except smtplib.SMTPException:
                client = self.sign_in("a@bad.test")
        find = lambda: server.json("trace", "search", "--event", "throttled", "--account", "a@bad.test")
        [event] = wait_until(find, "the event of what would have been")
        self.assertIn("would be throttled", event["detail"])
        [case] = server.json("case", "list")
        self.assertIn(case["id"], event["detail"])
        self.assertEqual(case["status"], "reported")
        self.assertEqual(client.mail("a@bad.test")[0], 250, "nothing was done")
        client.close()


if __name__ == "__main__":
    main()
