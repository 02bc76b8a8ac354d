#!/usr/bin/env python3
"""Certificates of tenants by the name asked for and by the address called, replaced live; and remote ones that change."""
import socket
import ssl

from certificates import Pair, presented
from dns import NameServer
from harness import TestCase, free_port, main, swaks, wait_until

NODE, ONE, TWO, THREE, REMOTE = "127.0.0.1", "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.2"


class TenantCertificates(TestCase):
    def setUp(self):
        super().setUp()
        self.node_pair = self.pair("node", "node.bulkhead.test")
        extra = f'[tls]\ncertificate = "{self.node_pair.chain}"\nkey = "{self.node_pair.key}"\n'
        self.server = self.node(listen=["0.0.0.0"], extra=extra)
        self.server.start()
        for name, address in (("one", ONE), ("two", TWO), ("three", THREE)):
            self.server.add_tenant(name, f"{name}.test", [(address, f"mx.{name}.test")])
        self.server.cli("domain", "add", "second.test", "--tenant", "one")
        self.one, self.two = self.pair("one", "one.test"), self.pair("two", "two.test")
        self.set("tenant", "one", self.one)
        self.set("tenant", "two", self.two)

    def pair(self, file, name):
        return Pair(self.directory, file, name)

    def set(self, noun, name, pair):
        self.server.cli(noun, "set", name, "--certificate", pair.chain, "--key", pair.key)

    def assert_presented(self, address, name, pair):
        for port, starttls in ((self.server.smtp, True), (self.server.submission, True), (self.server.submissions, False)):
            self.assertEqual(presented(f"{address}:{port}", name, starttls), pair.serial, (address, name, port))

    def test_by_name_and_by_address(self):
        for address, name, pair in (
                (NODE, None, self.node_pair), (NODE, "unknown.test", self.node_pair), (NODE, "node.bulkhead.test", self.node_pair),
                (ONE, None, self.one), (ONE, "unknown.test", self.one), (TWO, None, self.two), (THREE, None, self.node_pair),
                (NODE, "one.test", self.one), (NODE, "MAIL.One.Test", self.one), (NODE, "second.test", self.one),
                (ONE, "two.test", self.two), (TWO, "mail.one.test", self.one), (THREE, "three.test", self.node_pair)):
            self.assertEqual(presented(f"{address}:{self.server.smtp}", name), pair.serial, (address, name))
        self.assert_presented(ONE, None, self.one)
        self.assert_presented(NODE, "two.test", self.two)
        of_domain = self.pair("second", "second.test")
        self.set("domain", "second.test", of_domain)
        self.assert_presented(NODE, "second.test", of_domain)
        self.assertEqual(presented(f"{ONE}:{self.server.smtp}"), self.one.serial)

    def test_a_new_one_is_presented_at_once_also_in_open_sessions(self):
        with socket.create_connection((ONE, self.server.smtp), 10) as connection:
            stream = connection.makefile("rb")
            self.assertTrue(stream.readline().startswith(b"220 "))
            renewed = self.pair("renewed", "one.test")
            self.set("tenant", "one", renewed)
            connection.sendall(b"EHLO client.test\r\n")
            while stream.readline()[3:4] == b"-":
                pass
            connection.sendall(b"STARTTLS\r\n")
            self.assertTrue(stream.readline().startswith(b"220 "))
            context = ssl.create_default_context(cafile=str(renewed.chain))
            with context.wrap_socket(connection, server_hostname="one.test") as wrapped:   # verifies that it is the new one
                # And a session under way goes on with the one that it began with.
                self.set("tenant", "one", self.pair("again", "one.test"))
                wrapped.sendall(b"NOOP\r\n")
                self.assertTrue(wrapped.recv(100).startswith(b"250 "))
        self.assertNotIn(presented(f"{ONE}:{self.server.smtp}"), (renewed.serial, self.one.serial, None))
        self.assertEqual(presented(f"{TWO}:{self.server.smtp}"), self.two.serial)

    def test_what_does_not_fit_is_refused_and_the_old_one_stays(self):
        other, broken = self.pair("other", "one.test"), self.directory / "broken"
        broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
        for arguments, why in ((("--certificate", other.chain, "--key", self.one.key), "key"),
                               (("--certificate", broken, "--key", self.one.key), "certificate"),
                               (("--certificate", self.one.chain, "--key", broken), "key"),
                               (("--certificate", other.chain), "--key")):
            for noun, name in (("tenant", "one"), ("domain", "one.test")):
                result = self.server.cli_result(noun, "set", name, *arguments)
                self.assertIn(result.returncode, (1, 2), result)
                print(result.stderr.strip(), flush=True)
                self.assertIn(why, result.stderr)
        self.assertEqual(presented(f"{ONE}:{self.server.smtp}"), self.one.serial)
        self.server.kill()
        self.server.start()
        self.assertEqual(presented(f"{ONE}:{self.server.smtp}"), self.one.serial)


class RemoteCertificates(TestCase):
    def setUp(self):
        super().setUp()
        names = f"127.0.0.1:{free_port()}"
        self.own(NameServer(self.directory / "dns", names, [f"mx.dest IN A {REMOTE}"]))
        self.trusted = Pair(self.directory, "trusted", "mx.dest.test")
        extra = f'[dns]\nservers = ["{names}"]\n[delivery]\nmessages_per_connection = 1\n[queue]\nretry = ["1s"]\n'
        self.server = self.node(listen=["127.0.0.1"], extra=extra)
        self.server.start(env={"SSL_CERT_FILE": str(self.trusted.chain)})
        self.server.add_tenant("one", "one.test", [("127.0.0.1", "mx.one.test")], "a@one.test")
        self.server.cli("account", "set", "a@one.test", "--client-networks", "127.0.0.1/32")
        self.chain, self.key = self.directory / "sink.crt", self.directory / "sink.key"
        self.trusted.copy_to(self.chain, self.key)
        port = free_port(REMOTE)
        self.remote = self.sink(f"{REMOTE}:{port}", options=["--certificate", self.chain, "--key", self.key])
        for domain, tls in (("verified.test", "verified"), ("any.test", "opportunistic")):
            self.server.cli("route", "add", domain, "--host", "mx.dest.test", "--port", port, "--tls", tls)

    def submit(self, domain):
        status, transcript = swaks("--server", f"127.0.0.1:{self.server.smtp}", "--from", "a@one.test", "--to", f"x@{domain}")
        self.assertEqual(status, 0, transcript)

    def arrived(self):
        return sorted(m["recipients"][0].split("@")[1] for m in self.remote.messages())

    def test_it_changes_between_connections(self):
        self.submit("verified.test")
        self.submit("any.test")
        self.remote.wait_for(2)
        for pair in (Pair(self.directory, "unknown", "mx.dest.test"), Pair(self.directory, "other", "elsewhere.test")):
            pair.copy_to(self.chain, self.key)
            before = len(self.remote.messages())
            self.submit("any.test")
            self.submit("verified.test")
            self.remote.wait_for(before + 1)

            def deferred():
                return [r for r in self.server.json("queue", "list") if r["attempts"] > 0 and "certificate" in r["reason"]["text"]]
            print(wait_until(deferred, "the verified route to defer")[0]["reason"]["text"], flush=True)
            self.assertEqual(self.arrived().count("verified.test"), 1)
        self.assertEqual(self.arrived(), ["any.test"] * 3 + ["verified.test"])
        self.trusted.copy_to(self.chain, self.key)
        self.server.cli("queue", "retry", "--sender", "a@one.test")
        self.remote.wait_for(6, 20)
        self.assertEqual(self.arrived(), ["any.test"] * 3 + ["verified.test"] * 3)
        self.assertEqual({m["tls"] for m in self.remote.messages()}, {"TLSv1.3"})


if __name__ == "__main__":
    main()
