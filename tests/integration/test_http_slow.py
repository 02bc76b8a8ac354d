#!/usr/bin/env python3
"""Clients that do not finish their HTTP requests, on every HTTP port and on the Unix socket: who asks properly is served."""
import re
import socket
import time
import urllib.request

from harness import TestCase, main

MANY = 400      # each listener has 200 seats


class SlowHttp(TestCase):
    def silent(self, family, address):
        """Connections that have sent the beginning of a request and wait."""
        held = []
        for i in range(MANY):
            s = socket.socket(family)
            s.settimeout(5)
            s.connect(address)
            try:
                s.send(b"GET / HT" if i % 2 else b"")
            except OSError:
                pass     # it made room already
            held.append(s)
        self.addCleanup(lambda: [s.close() for s in held])

    def test_who_asks_properly_is_served_within_a_second(self):
        server = self.node(listen=["127.0.0.1"])
        server.start()
        secret = server.json("token", "add", "panel")["secret"]
        self.silent(socket.AF_INET, ("127.0.0.1", server.http))
        self.silent(socket.AF_INET, ("127.0.0.1", server.metrics))
        self.silent(socket.AF_UNIX, str(server.socket))

        def in_time(what, ask):
            begun = time.monotonic()
            answer = ask()
            self.assertLess(time.monotonic() - begun, 1.5, what)
            return answer
        in_time("the Unix socket", lambda: server.cli("queue", "count"))
        request = urllib.request.Request(f"http://127.0.0.1:{server.http}/api/v1/status", headers={"Authorization": f"Bearer {secret}"})
        in_time("the API", lambda: urllib.request.urlopen(request, timeout=5).read())
        metrics = in_time("the metrics", lambda: urllib.request.urlopen(f"http://127.0.0.1:{server.metrics}/metrics",
                                                                        timeout=5).read().decode())
        for listener in ("admin", "http", "metrics"):
            cut = re.search(rf'bulkhead_http_connections_refused_total\{{listener="{listener}",reason="too-slow"\}} (\d+)', metrics)
            self.assertGreaterEqual(int(cut.group(1)), MANY // 2, listener)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
