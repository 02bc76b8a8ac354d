#!/usr/bin/env python3
"""Start, stop, long queues, dropped privileges, refused configurations, exit statuses.

BULKHEAD_QUEUED sets the length of the queue that must not delay a start (default 20000; 100000 by hand).
"""
import os
import pathlib
import pwd
import select
import signal
import smtplib
import socket
import subprocess
import time
import urllib.request

from harness import PROGRAM, TestCase, free_port, main, run, swaks, wait_until

QUEUED = int(os.environ.get("BULKHEAD_QUEUED", "20000"))


class LifeCycle(TestCase):
    def serve(self, **options):
        server = self.node(listen=["127.0.0.1"], **options)
        server.start()
        server.add_tenant("client", "client.example", [("127.0.0.1", "mx.client.example")], "s@client.example")
        server.cli("account", "set", "s@client.example", "--client-networks", "127.0.0.1/32")
        return server

    def follow_until_a_change(self, server, process):
        """Changes something until the follower, which may have to connect first, tells of it."""
        for i in range(100):
            server.cli("tenant", "set", "client", "--recipients-max", 500 + i % 2)
            if select.select([process.stdout], [], [], 0.2)[0]:
                return self.assertIn("changed", process.stdout.readline())
        self.fail("the follower shows nothing")

    def test_sigterm_tells_sessions_and_ends_with_0(self):
        server = self.serve()
        connection = socket.create_connection(("127.0.0.1", server.smtp), 5)
        stream = connection.makefile("rb")
        self.assertTrue(stream.readline().startswith(b"220 "))
        os.kill(server.process.pid, signal.SIGTERM)
        self.assertTrue(stream.readline().startswith(b"421 "), "an idle session is told")
        self.assertEqual(server.stop(), 0)
        self.assertFalse(server.socket.exists())

    def test_a_long_queue_does_not_delay_the_start(self):
        server = self.serve()
        port = free_port("127.0.0.2")
        server.cli("route", "add", "*", "--host", "127.0.0.2", "--port", port)   # nobody listens there
        out = run(["smtp-source", "-4", "-d", "-s", "20", "-m", str(QUEUED), "-l", "1000", "-f", "s@client.example", "-t",
                   "r@dest.example", "-M", "load.test", f"127.0.0.1:{server.smtp}"])
        self.assertEqual(out.returncode, 0)
        self.assertEqual(server.json("queue", "count")["messages"], QUEUED)
        server.kill()
        start = time.monotonic()
        server.start()
        status, transcript = swaks("--server", f"127.0.0.1:{server.smtp}", "--from", "s@client.example", "--to",
                                   "s@client.example")
        took = time.monotonic() - start
        self.assertEqual(status, 0, transcript)
        print(f"{QUEUED} queued: serving {took:.2f} s after the start", flush=True)
        self.assertLess(took, 2.0)
        wait_until(lambda: server.json("queue", "count")["messages"] >= QUEUED, "the queue to be loaded", 60)
        wait_until(lambda: server.json("account", "show", "s@client.example")["mailbox"]["messages"] == 1, "the local message")

    def test_root_is_given_up(self):
        server = self.node(listen=["127.0.0.1"])
        os.chmod(server.directory, 0o777)
        user = "nobody"
        server.configuration.write_text(server.configuration.read_text().replace('user = ""', f'user = "{user}"'))
        server.start()
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        uid = str(pwd.getpwnam(user).pw_uid)
        self.assertIn(f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}", status)
        self.assertIn("CapEff:\t0000000000000000", status)
        self.assertEqual(server.json("tenant", "list"), [])      # root on the socket still administers
        self.assertEqual(server.stop(), 0)

    def test_a_certificate_that_only_root_reads_is_renewed_after_root_was_given_up(self):
        server = self.node(listen=["127.0.0.1"])
        os.chmod(server.directory, 0o777)
        secret = pathlib.Path(server.directory) / "secret"
        secret.mkdir(mode=0o700)
        chain, key = secret / "chain.pem", secret / "key.pem"

        def make(name):
            out = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                  "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "30", "-keyout",
                                  str(key), "-out", str(chain)], capture_output=True, text=True)
            self.assertEqual(out.returncode, 0, out.stderr)
            key.chmod(0o600)

        def presented():
            out = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{server.smtp}"],
                                 input="QUIT\r\n", capture_output=True, text=True, timeout=20)
            return out.stdout

        make("one.example")
        text = server.configuration.read_text().replace('user = ""', 'user = "nobody"')
        server.configuration.write_text(text + f'[tls]\ncertificate = "{chain}"\nkey = "{key}"\n')
        server.start()
        self.assertIn("one.example", presented())
        make("two.example")
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: "two.example" in presented(), "the renewed certificate")
        key.write_text("broken")
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: "the old certificate stays" in server.process.text(), "the refusal in the log")
        self.assertIn("two.example", presented())
        self.assertEqual(server.stop(), 0)

    def test_metrics_and_health_of_a_running_server(self):
        server = self.serve()
        swaks("--server", f"127.0.0.1:{server.smtp}", "--from", "x@elsewhere.example", "--to", "nobody@nowhere.example")

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(get(path)[0], 200, path)
        status, text = get("/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(text, r'bulkhead_smtp_sessions_total\{[^}]*\} 1\n')
        self.assertEqual(server.stop(), 0)

    def test_settings_change_without_a_restart(self):
        server = self.serve()

        def size():
            with smtplib.SMTP("127.0.0.1", server.smtp) as session:
                session.ehlo("client.example")
                return session.esmtp_features["size"]

        with smtplib.SMTP("127.0.0.1", server.smtp) as open_session:
            open_session.ehlo("client.example")
            self.assertEqual(open_session.esmtp_features["size"], "52428800")
            text = server.configuration.read_text()
            server.configuration.write_text(text + "[smtp]\nmessage_size = 1000000\n")
            os.kill(server.process.pid, signal.SIGHUP)
            wait_until(lambda: size() == "1000000", "the new limit")
            open_session.ehlo("client.example")
            self.assertEqual(open_session.esmtp_features["size"], "1000000", "of an open session")
        server.configuration.write_text(text + "[smtp]\nmessage_size = 2000000\nmessage_sise = 1\n")
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: "the old settings stay" in server.process.text(), "the refusal in the log")
        self.assertEqual(size(), "1000000")
        self.assertEqual(server.stop(), 0)

    def test_a_second_server_on_the_data_is_refused(self):
        server = self.serve()
        out = subprocess.run([PROGRAM, "serve", "--config", str(server.configuration)], capture_output=True, text=True, timeout=20)
        self.assertEqual(out.returncode, 1, out)
        self.assertIn("another bulkhead serve runs on", out.stderr)
        self.assertIn(f"pid {server.process.pid}", out.stderr)

    def test_a_second_server_on_the_ports_is_refused(self):
        server = self.serve()
        other = self.directory / "other.toml"
        text = server.configuration.read_text()
        other.write_text(text.replace(str(server.data), str(self.directory / "other-data")).replace("admin.sock", "other.sock"))
        out = subprocess.run([PROGRAM, "serve", "--config", str(other)], capture_output=True, text=True, timeout=20)
        self.assertEqual(out.returncode, 1, out)
        self.assertIn("another program uses this port", out.stderr)

    def test_check_asks_the_dns_servers(self):
        port = free_port("127.0.0.1")
        server = self.node(listen=["127.0.0.1"], extra=f'[dns]\nservers = ["127.0.0.1:{port}"]')
        out = subprocess.run([PROGRAM, "check", "--config", str(server.configuration)], capture_output=True, text=True, timeout=30)
        self.assertEqual(out.returncode, 1, out)
        self.assertIn(f"DNS server 127.0.0.1:{port} ", out.stdout)   # nobody listens there

    def test_a_bad_configuration_is_refused_with_every_fault(self):
        server = self.node()
        server.configuration.write_text("[node]\nthreads = \"x\"\n[listen]\nstmp = []\n")
        for verb in ("serve", "check"):
            out = subprocess.run([PROGRAM, verb, "--config", str(server.configuration)], capture_output=True, text=True)
            self.assertEqual(out.returncode, 1, out)
            self.assertIn("bulkhead.toml:2: node.threads", out.stderr + out.stdout)
            self.assertIn("did you mean listen.smtp?", out.stderr + out.stdout)

    def test_check_tells_what_is_wrong_with_each_file(self):
        server = self.node(listen=["127.0.0.1"], extra=f'[tls]\ncertificate = "{self.directory}/no.crt"\nkey = "{self.directory}/no.key"\n')
        rules = self.directory / "rules"
        rules.write_text("these are no rules\n")
        text = server.configuration.read_text().replace("[reputation]\n", f'[reputation]\nreply_rules = "{rules}"\n')
        server.configuration.write_text(text + "[smtp]\nmessage_sise = 1\n")
        out = subprocess.run([PROGRAM, "check", "--config", str(server.configuration)], capture_output=True, text=True, timeout=30)
        self.assertEqual(out.returncode, 1, out)
        for part in ("smtp.message_sise", "no.crt (tls.certificate) cannot be read", "no.key (tls.key) cannot be read", f"{rules}: ", "MiB free"):
            self.assertIn(part, out.stdout)

    def test_a_configuration_that_is_named_must_be_there(self):
        for named in ({"env": {**os.environ, "BULKHEAD_CONFIG": "/nowhere/x.toml"}}, {"args": ["--config", "/nowhere/x.toml"]}):
            out = subprocess.run([PROGRAM, "tenant", "list", *named.get("args", [])], capture_output=True, text=True, timeout=20,
                                 env=named.get("env"))
            self.assertEqual(out.returncode, 2, out)
            self.assertIn("/nowhere/x.toml cannot be opened", out.stderr)

    def test_exit_statuses(self):
        server = self.serve()
        self.assertEqual(server.cli_result("tenant", "show", "nobody").returncode, 1)
        self.assertEqual(server.cli_result("tenant", "no-such-verb").returncode, 2)
        self.assertEqual(server.cli_result("queue", "retry", "01JDABCDEFGHJKMNPQRSTVWXYZ").returncode, 1)
        self.assertEqual(server.cli_result("queue", "show", "01JDABCDEFGHJKMNPQRSTVWXYZ").returncode, 1)
        self.assertEqual(server.cli_result("queue", "list", "--older-than", "soon").returncode, 2)
        self.assertEqual(server.cli_result("trace", "search", "--event", "bounce").returncode, 2)
        self.assertEqual(server.cli_result("queue", "retry").returncode, 2)
        self.assertIn("there is nothing to verify yet", server.cli("trace", "verify"))
        follower = subprocess.Popen([PROGRAM, "trace", "follow", "--socket", str(server.socket)], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(follower.kill)
        interrupted = subprocess.Popen([PROGRAM, "trace", "follow", "--socket", str(server.socket)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(interrupted.kill)
        for process in (follower, interrupted):
            self.follow_until_a_change(server, process)
        interrupted.send_signal(signal.SIGINT)
        self.assertEqual(interrupted.wait(10), 0)
        server.stop()
        self.assertIn("the server has ended the stream", follower.communicate(timeout=10)[1])
        self.assertEqual(follower.returncode, 1)
        self.assertEqual(server.cli_result("tenant", "list").returncode, 3)

    def test_a_taken_port_is_named(self):
        server = self.node(listen=["127.0.0.1"])
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", server.smtp))
            holder.listen()
            out = subprocess.run([PROGRAM, "serve", "--config", str(server.configuration)], capture_output=True, text=True,
                                 timeout=20)
        self.assertEqual(out.returncode, 1)
        self.assertIn(f"127.0.0.1:{server.smtp}", out.stderr)


if __name__ == "__main__":
    main()
