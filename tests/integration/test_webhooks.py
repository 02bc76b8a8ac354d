#!/usr/bin/env python3
"""Webhooks: signed as the specification says, in order, tried again, kept over kill -9; a tenant's reaches no inner address."""
import base64
import hashlib
import hmac
import http.server
import json
import signal
import threading

from harness import TestCase, main, wait_until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Receiver:
    """Records each post and answers with `status`."""

    def __init__(self):
        self.status, self.posts, outer = 200, [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                outer.posts.append((dict(self.headers), body, outer.status))
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self):
        return [(h["webhook-id"], json.loads(b)) for h, b, s in self.posts if s == 200]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Webhooks(TestCase):
    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)
        secret = self.directory / "webhook.secret"
        secret.write_text(SECRET + "\n")
        url = f"http://127.0.0.1:{self.receiver.port}/hook"
        self.settings = f'[notify]\nwebhook = "{url}"\nwebhook_secret_file = "{secret}"\n'
        self.server = self.node(extra=self.settings)
        self.server.start()
        self.server.add_tenant("acme", "acme.test", [], "a@acme.test")
        for name in "bcd":
            self.server.cli("account", "add", f"{name}@acme.test")

    def quarantine(self, account):
        self.server.cli("reputation", "set", account, "--state", "quarantined", "--reason", "stolen password")

    def check_signatures(self):
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        for headers, body, _ in self.receiver.posts:
            content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
            expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
            self.assertEqual(headers["webhook-signature"], "v1," + expected)
            self.assertEqual(headers["Content-Type"], "application/json")

    def cases(self):
        return [(e["type"], e["data"]["name"]) for _, e in self.receiver.taken() if e["type"].startswith("case.")]

    def metric(self, name):
        import urllib.request
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10).read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def test_events_are_tried_again_in_order_and_outlive_a_kill(self):
        self.receiver.status = 500
        self.quarantine("a@acme.test")
        wait_until(lambda: self.receiver.posts, "the first attempt")
        self.quarantine("b@acme.test")
        failing = wait_until(lambda: self.server.json("status")["webhooks"], "a failing webhook in the status")
        self.assertEqual((failing[0]["tenant"], failing[0]["trouble"]), (None, "it answered 500"))
        self.assertGreaterEqual(self.metric("bulkhead_webhook_waiting"), 2)
        self.assertEqual(self.metric("bulkhead_webhooks_failing"), 1)
        self.server.kill()
        self.receiver.status = 302  # no redirect is followed, nothing is taken by it
        before = len(self.receiver.posts)
        self.server.start()
        wait_until(lambda: len(self.receiver.posts) > before, "an attempt right after the start")
        self.receiver.status = 200
        wait_until(lambda: len(self.cases()) >= 2, "both cases after the next attempt", 20)
        self.assertEqual(self.cases()[:2], [("case.opened", "a@acme.test"), ("case.opened", "b@acme.test")])
        first = self.receiver.posts[0][0]["webhook-id"]
        self.assertEqual(first, self.receiver.taken()[0][0], "each attempt has the event's id")
        ids = [i for i, _ in self.receiver.taken()]
        self.assertEqual(len(ids), len(set(ids)), "what was taken does not come again")
        self.check_signatures()
        wait_until(lambda: self.metric("bulkhead_webhook_waiting") == 0, "nothing to wait")
        self.assertEqual(self.server.json("status")["webhooks"], [])
        self.assertGreaterEqual(self.metric('bulkhead_webhook_posts_total{outcome="failed"}'), 1)
        case = next(e for _, e in self.receiver.taken() if e["type"] == "case.opened")["data"]
        self.assertEqual((case["tenant"], case["state"], case["node"]), ("acme", "quarantined", "node.bulkhead.test"))
        self.server.cli("case", "release", case["id"], "--reason", "password changed")
        wait_until(lambda: ("case.changed", "a@acme.test") in self.cases(), "the release")

    def test_the_operators_changes_live_and_410_switches_it_off(self):
        self.receiver.status = 410
        self.quarantine("a@acme.test")
        off = wait_until(lambda: [w for w in self.server.json("status")["webhooks"] if w["off"]], "it to be off")
        self.assertEqual(off[0]["waiting"], 0)
        posts = len(self.receiver.posts)
        self.quarantine("b@acme.test")
        text = self.server.configuration.read_text()
        self.server.configuration.write_text(text.replace("/hook", "/other"))
        self.server.process.popen.send_signal(signal.SIGHUP)
        self.receiver.status = 200
        wait_until(lambda: "[notify] changed" in self.server.process.text(), "the change to hold")
        self.quarantine("c@acme.test")
        wait_until(lambda: ("case.opened", "c@acme.test") in self.cases(), "what came after the change")
        self.assertNotIn(("case.opened", "b@acme.test"), self.cases(), "nothing is kept for one that is off")
        self.assertEqual(len(self.receiver.posts), posts + len(self.cases()))

    def test_a_tenants_leads_to_public_https_only(self):
        for url in (f"http://127.0.0.1:{self.receiver.port}/", f"https://127.0.0.1:{self.receiver.port}/",
                    "https://[::1]/", "https://10.0.0.1/", "file:///etc/passwd"):
            refused = self.server.cli_result("tenant", "set", "acme", "--webhook", url)
            self.assertEqual(refused.returncode, 2, url)
        # A name that leads to an inner address is found out when it is connected to.
        out = self.server.cli("tenant", "set", "acme", "--webhook", f"https://localhost:{self.receiver.port}/")
        self.assertIn("whsec_", out)
        self.assertNotIn("webhook_secret", self.server.cli("tenant", "show", "acme", "--json"))
        self.quarantine("a@acme.test")
        def trouble():
            return [w for w in self.server.json("status")["webhooks"] if w["tenant"] == "acme"]
        self.assertIn("is no public address", wait_until(trouble, "the tenant's webhook to fail")[0]["trouble"])
        self.assertTrue(all(headers.get("Host", "").startswith("127.0.0.1") for headers, _, _ in self.receiver.posts))
        token = self.server.json("token", "add", "acme", "--tenant", "acme")["secret"]
        import urllib.error
        import urllib.request
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.http}/api/v1/tenants/acme", method="PATCH",
                                         data=b'{"webhook": "https://panel.acme.net/"}',
                                         headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        self.assertEqual(refused.exception.code, 403)
        self.server.cli("tenant", "set", "acme", "--webhook", "")
        self.assertEqual(trouble(), [])


if __name__ == "__main__":
    main()
