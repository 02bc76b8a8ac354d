#!/usr/bin/env python3
"""What the states of a client do to its sessions: slow answers, no service, its neighbours, its /64, and loopback."""
import base64
import concurrent.futures
import smtplib
import socket
import ssl
import time

from harness import Namespaces, TestCase, inside, main, wait_until

SERVER, SERVER6 = "198.51.100.1", "fd77:1::1"
BAD, GOOD = "198.51.100.66", "198.51.100.77"
BAD6, SAME_NETWORK, ELSEWHERE = "fd77:1:0:6::66", "fd77:1:0:6:ffff::1", "fd77:1:0:7::1"
ACCOUNT, PASSWORD = "ann@good.test", "correct horse battery"
TARPIT = 5.0     # docs/reputation.md


class Clients(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, f"{SERVER}/24", f"{SERVER6}/48")
        self.net.add(self.net.remote, f"{BAD}/24", f"{GOOD}/24", *(f"{ip}/48" for ip in (BAD6, SAME_NETWORK, ELSEWHERE)))
        self.server = self.node(namespace=self.net.server, reputation="", extra="[monitor]\nzones = []\nreadiness = \"off\"\n")
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("good", "good.test", [(SERVER, "mx.good.test"), (SERVER6, "mx.good.test")], ACCOUNT, PASSWORD)

    def set(self, client, state, *options):
        self.server.cli("reputation", "set", f"client:{client}", "--state", state, "--reason", "a test", *options)

    def talk(self, client, talk, namespace=None):
        """talk's value, in whose namespace sockets are the client's host's."""
        return inside(namespace or self.net.remote, lambda: talk(client))

    @staticmethod
    def server_of(client):
        return client if client == "127.0.0.1" else SERVER6 if ":" in client else SERVER

    def greeting(self, client, port=25, tls=False):
        def talk(client):
            with socket.create_connection((self.server_of(client), port), 20, (client, 0)) as connection:
                with self.context().wrap_socket(connection) if tls else connection as session, session.makefile("rb") as stream:
                    line = stream.readline().decode()
                    return line, (stream.readline() == b"" if line[:3] != "220" else None)
        return self.talk(client, talk)

    @staticmethod
    def context():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def sign_in(self, client, password=PASSWORD, namespace=None, account=ACCOUNT):
        """(code, seconds that AUTH took)."""
        def talk(client):
            with smtplib.SMTP(self.server_of(client), 587, "pc.test", 30, (client, 0)) as session:
                session.starttls(context=self.context())
                session.ehlo()
                begun = time.monotonic()
                plain = base64.b64encode(f"\0{account}\0{password}".encode()).decode()
                return session.docmd("AUTH", "PLAIN " + plain)[0], time.monotonic() - begun
        return self.talk(client, talk, namespace)

    def test_a_throttled_client_is_answered_slowly(self):
        self.assertLess(self.sign_in(BAD)[1], 3)
        self.set(BAD, "throttled")
        code, took = self.sign_in(BAD)
        self.assertEqual(code, 235, "its owner is served all the same")
        self.assertGreaterEqual(took, TARPIT)
        self.assertLess(took, TARPIT + 3)
        self.assertLess(self.sign_in(GOOD)[1], 3, "another client of the same account")
        self.assertEqual(self.greeting(BAD)[0][:3], "220", "and mail is taken from it")
        self.assertEqual(self.server.json("reputation", "show", ACCOUNT)["state"], "normal")

    def test_a_quarantined_client_hears_why(self):
        self.set(BAD, "quarantined")
        [case] = self.server.json("case", "list", "--status", "open")
        for port, code in ((25, "421 4.7.1"), (587, "554 5.7.1")):
            line, is_closed = self.greeting(BAD, port)
            self.assertTrue(line.startswith(code), line)
            self.assertIn(case["id"], line)
            self.assertTrue(is_closed)
        with self.assertRaises(OSError, msg="closed before TLS"):
            self.greeting(BAD, 465, tls=True)
        for port in (25, 587, 465):
            self.assertEqual(self.greeting(GOOD, port, port == 465)[0][:3], "220")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.greeting(BAD)[0][:3], "421", "nor after a kill")
        self.server.cli("case", "release", case["id"], "--reason", "mended")
        self.assertEqual(self.greeting(BAD)[0][:3], "220")

    def test_an_ipv6_client_is_its_network(self):
        self.set(SAME_NETWORK, "quarantined")     # any address of it names it
        for client, code in ((BAD6, "421"), (SAME_NETWORK, "421"), (ELSEWHERE, "220"), (BAD, "220")):
            self.assertEqual(self.greeting(client)[0][:3], code, client)

    def test_a_guesser_is_slowed_and_then_shut_out_and_nobody_elses_account_is(self):
        """client-guessing and client-guessing-many, with less to wait for; by the sign-ins themselves."""
        for rule, count in (("client-guessing", 2), ("client-guessing-many", 3)):
            self.server.cli("reputation", "policy", "--rule", rule, "--count", count)
        for _ in range(2):
            self.assertEqual(self.sign_in(BAD, "wrong")[0], 535)
        state = lambda: self.server.json("reputation", "show", f"client:{BAD}")["state"]
        wait_until(lambda: state() == "throttled", "the guesser to be throttled")
        self.assertGreaterEqual(self.sign_in(BAD, "wrong")[1], TARPIT)
        wait_until(lambda: state() == "quarantined", "the guesser to be shut out")
        self.assertEqual(self.greeting(BAD, 587)[0][:3], "554")
        self.assertEqual(self.sign_in(GOOD)[0], 235)
        self.assertEqual(self.server.json("reputation", "show", ACCOUNT)["state"], "normal")

    def test_one_who_tries_many_names_is_shut_out(self):
        """client-spraying: at least ten names, whatever the count."""
        self.server.cli("reputation", "policy", "--rule", "client-spraying", "--count", 10)
        for n in range(9):
            self.server.cli("account", "add", f"u{n}@good.test")
        names = [f"u{n}@good.test" for n in range(9)] + ["nobody@good.test"]
        with concurrent.futures.ThreadPoolExecutor(10) as threads:
            for code, _ in threads.map(lambda name: self.sign_in(BAD, "Summer2026", account=name), names[:9]):
                self.assertEqual(code, 535)
        time.sleep(0.5)
        self.assertEqual(self.greeting(BAD, 587)[0][:3], "220", "nine names")
        self.sign_in(BAD, "Summer2026", account=names[9])
        wait_until(lambda: self.greeting(BAD, 587)[0][:3] == "554", "the client to be shut out")
        self.assertEqual([(r["kind"], r["name"]) for r in self.server.json("reputation", "list")], [("client", BAD)])

    def test_one_who_tries_many_recipients_is_slowed(self):
        """client-unknown-recipients: a server that harvests addresses without an account."""
        self.server.cli("reputation", "policy", "--rule", "client-unknown-recipients", "--count", 4)

        def talk(client):
            with smtplib.SMTP(SERVER, 25, "harvest.test", 30, (client, 0)) as session:
                session.ehlo()
                session.mail("x@elsewhere.test")
                return [session.rcpt(f"nobody{n}@good.test")[0] for n in range(4)]
        self.assertEqual(self.talk(BAD, talk), [550] * 4)
        wait_until(lambda: [(r["name"], r["state"]) for r in self.server.json("reputation", "list")] == [(BAD, "throttled")],
                   "the client to be throttled, and nobody else")

    def test_no_rule_restricts_loopback(self):
        """A webmail or a filter of the host speaks for many."""
        self.server.cli("reputation", "policy", "--rule", "client-guessing", "--count", 2)
        for client in ("127.0.0.1", BAD):
            namespace = self.net.server if client == "127.0.0.1" else None
            for _ in range(2):
                self.sign_in(client, "wrong", namespace)
        wait_until(lambda: self.server.json("reputation", "show", f"client:{BAD}")["state"] == "throttled", "the other one to be throttled")
        self.assertEqual([row["name"] for row in self.server.json("reputation", "list")], [BAD])
        self.assertLess(self.sign_in("127.0.0.1", namespace=self.net.server)[1], 3)


if __name__ == "__main__":
    main()
