"""What the integration tests share: a temporary directory, a node under test, a recording sink, namespaces.

Every process is started by the test and stopped by its pid; ports are its own (port_slots.py); nothing leaves the machine. A test that
fails keeps its directory and prints it. BULKHEAD overrides the program under test.
"""
import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from port_slots import PortSlots

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("BULKHEAD", str(TOP / "build/release/src/app/bulkhead"))


def wait_until(condition, what, seconds=15.0, every=0.02):
    """Returns the first true value of condition(); fails the test with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for: {what}")
        time.sleep(every)


ports = PortSlots()


def free_port(address="127.0.0.1"):
    """One that nobody listens on, and that no other test is given while this program runs."""
    return ports.free(address)


class Process:
    """A child process in a namespace (or none), its output in a file, ended by pid."""

    def __init__(self, args, log, namespace=None, env=None):
        self.log = pathlib.Path(log)
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        self.file = open(self.log, "ab")
        self.popen = subprocess.Popen(prefix + [str(a) for a in args], stdout=self.file, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def stop(self, sig=signal.SIGTERM, seconds=20):
        """Sends the signal and returns the exit status; kills what does not end in time."""
        if self.is_running():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
                self.file.close()
                raise AssertionError(f"process {self.popen.args} did not end within {seconds} s of signal {sig}")
        self.file.close()
        return self.popen.returncode

    def kill(self):
        if self.is_running():
            self.popen.kill()
            self.popen.wait()
        self.file.close()


class Node:
    """A Bulkhead server with its own configuration and data directory.

    Reputation only reports unless a test is about it: most tests send more than any person would.
    """

    def __init__(self, directory, namespace=None, address="127.0.0.1", listen=None, extra="", prefix=(), reputation="shadow = true"):
        self.kills = []   # when, as time.time() tells
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.namespace, self.prefix = namespace, list(prefix)
        self.address = address
        ports = {} if namespace else {k: free_port() for k in ("smtp", "submission", "submissions", "http", "metrics")}
        self.smtp = ports.get("smtp", 25)
        self.submission = ports.get("submission", 587)
        self.submissions = ports.get("submissions", 465)
        self.http = ports.get("http", 8080)
        self.metrics = ports.get("metrics", 9925)
        self.socket = self.directory / "admin.sock"
        self.data = self.directory / "data"
        self.configuration = self.directory / "bulkhead.toml"
        self.process = None
        wildcards = listen or ["0.0.0.0", "[::]"]
        lists = {k: json.dumps([f"{w}:{p}" for w in wildcards])
                 for k, p in (("smtp", self.smtp), ("submission", self.submission), ("submissions", self.submissions))}
        self.configuration.write_text(f"""[node]
name = "node.bulkhead.test"
data = "{self.data}"
user = ""
[listen]
smtp = {lists["smtp"]}
submission = {lists["submission"]}
submissions = {lists["submissions"]}
http = ["127.0.0.1:{self.http}"]
metrics = ["127.0.0.1:{self.metrics}"]
admin = "{self.socket}"
[reputation]
{reputation}
{extra}
""")

    def start(self, seconds=15, env=None):
        log = self.directory / "server.log"
        offset = log.stat().st_size if log.exists() else 0
        self.process = Process([*self.prefix, PROGRAM, "serve", "--config", self.configuration], log, self.namespace, env)

        def ready():
            if not self.process.is_running():
                raise AssertionError("the server ended at its start:\n" + self.process.text()[-3000:])
            with open(log, "rb") as file:
                file.seek(offset)
                return b"ready" in file.read().split(b"\n")
        wait_until(ready, "the server's 'ready'", seconds)
        return self

    def stop(self, sig=signal.SIGTERM):
        return self.process.stop(sig)

    def kill(self):
        self.process.kill()
        self.kills.append(time.time())

    def cli_result(self, *args, stdin=None):
        prefix = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        return subprocess.run([*prefix, PROGRAM, *map(str, args), "--socket", str(self.socket)], input=stdin,
                              capture_output=True, text=True, timeout=60)

    def cli(self, *args, stdin=None):
        """Runs a command that must succeed; returns its standard output."""
        out = self.cli_result(*args, stdin=stdin)
        if out.returncode != 0:
            raise AssertionError(f"bulkhead {' '.join(map(str, args))}: exit {out.returncode}: {out.stderr}{out.stdout}")
        return out.stdout

    def json(self, *args, stdin=None):
        return json.loads(self.cli(*args, "--json", stdin=stdin))

    def add_tenant(self, name, domain, addresses=(), account=None, password="correct horse"):
        """A tenant with a domain, dedicated addresses (ip, helo) and perhaps one account."""
        self.cli("tenant", "add", name, "--plan", "bulk")
        self.cli("domain", "add", domain, "--tenant", name)
        for ip, helo in addresses:
            self.cli("address", "add", ip, "--tenant", name, "--helo", helo)
        if account:
            self.cli("account", "add", account, "--password-stdin", stdin=password + "\n")


class Sink:
    """tests/integration/sink.py as a process; what it saw is one JSON document a line."""

    def __init__(self, directory, endpoints, namespace=None, options=(), program="sink.py"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.record = self.directory / "sink.jsonl"
        self.record.touch()
        arguments = [sys.executable, TOP / "tests/integration" / program, "--record", self.record, *options, *endpoints]
        self.process = Process(arguments, self.directory / "sink.log", namespace)
        wait_until(lambda: "listening" in self.process.text() or not self.process.is_running(), "the sink to listen")
        if not self.process.is_running():
            raise AssertionError("the sink did not start: " + self.process.text())

    def events(self):
        lines = self.record.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]

    def connections(self):
        return [e for e in self.events() if e["event"] == "connect"]

    def messages(self):
        return [e for e in self.events() if e["event"] == "message"]

    def wait_for(self, count, seconds=15.0):
        wait_until(lambda: len(self.messages()) >= count, f"{count} messages at the sink", seconds)
        return self.messages()

    def stop(self):
        self.process.stop()


def swaks(*arguments, namespace=None):
    """Runs swaks; returns (exit status, transcript)."""
    prefix = ["ip", "netns", "exec", namespace] if namespace else []
    out = subprocess.run([*prefix, "swaks", "--timeout", "20", *map(str, arguments)], capture_output=True, text=True,
                         timeout=90)
    return out.returncode, out.stdout + out.stderr


class TestCase(unittest.TestCase):
    """Owns a temporary directory and everything that was started; stops it all, in reverse order."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-test-"))
        os.chmod(self.directory, 0o755)
        self.started = []
        self.addCleanup(self.kill_all)    # also when a setUp fails, after which there is no tearDown

    def own(self, thing):
        self.started.append(thing)
        return thing

    def node(self, **options):
        return self.own(Node(self.directory / f"node{len(self.started)}", **options))

    def keep_in_memory(self, node):
        """Moves the data of a node that has not started, so that a test which bounds times does not depend on a disk."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-data-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, directory, True)
        text = node.configuration.read_text()
        node.configuration.write_text(text.replace(str(node.data), str(directory / "data")))
        node.data = directory / "data"

    def memory(self):
        """Resident KiB of self.server."""
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def assert_modest(self, mebibytes):
        """self.server has grown by no more since self.memory_at_first was taken."""
        grown = (self.memory() - self.memory_at_first) / 1024
        print(f"memory: {grown:+.1f} MiB", flush=True)
        self.assertLess(grown, mebibytes)

    def sink(self, *endpoints, **options):
        return self.own(Sink(self.directory / f"sink{len(self.started)}", endpoints, **options))

    def kill_all(self):
        while self.started:
            thing = self.started.pop()
            process = getattr(thing, "process", thing)
            if process is not None:
                process.kill()

    def tearDown(self):
        self.kill_all()
        outcome = self._outcome.result
        failed = any(test is self for test, _ in outcome.failures + outcome.errors)
        if failed:
            print(f"\nkept: {self.directory}\nrepeat: python3 {sys.argv[0]} {type(self).__name__}.{self._testMethodName}",
                  file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def run(command, check=True):
    return subprocess.run(command, shell=isinstance(command, str), check=check, capture_output=True, text=True)


def inside(namespace, action):
    """action()'s value, called in the network namespace: sockets that it makes stay there."""
    def enter():
        with open(f"/run/netns/{namespace}") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:   # CLONE_NEWNET, of this thread alone
                raise OSError(ctypes.get_errno(), "setns")
        return action()
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(enter).result()


class Namespaces:
    """A server host and a remote host joined by a veth pair, each in a namespace of its own, names unique to this process."""

    def __init__(self):
        tag = f"bh{os.getpid()}"
        self.server, self.remote, self.clients = f"{tag}s", f"{tag}r", []
        for name in (self.server, self.remote):
            run(["ip", "netns", "add", name])
            # Without it, removing the first address of a network removes the others, too.
            run(["ip", "netns", "exec", name, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/promote_secondaries"])
            run(["ip", "-n", name, "link", "set", "lo", "up"])
        run(["ip", "link", "add", "veth0", "netns", self.server, "type", "veth", "peer", "name", "veth0", "netns",
             self.remote])
        for name in (self.server, self.remote):
            run(["ip", "-n", name, "link", "set", "veth0", "up"])

    def add(self, namespace, *networks):
        for network in networks:
            options = ["nodad"] if ":" in network else []
            run(["ip", "-n", namespace, "address", "add", network, "dev", "veth0", *options])

    def client(self, number):
        """A further host with a network of its own, 10.78.NUMBER.2, that reaches the server's; returns its namespace."""
        name, link = f"{self.server[:-1]}c{number}", f"veth{number}"
        self.clients.append(name)
        run(["ip", "netns", "add", name])
        run(["ip", "link", "add", link, "netns", self.server, "type", "veth", "peer", "name", "veth0", "netns", name])
        for namespace, device, host in ((self.server, link, 1), (name, "veth0", 2)):
            run(["ip", "-n", namespace, "address", "add", f"10.78.{number}.{host}/24", "dev", device])
            run(["ip", "-n", namespace, "link", "set", device, "up"])
        run(["ip", "-n", name, "route", "add", "default", "via", f"10.78.{number}.1"])
        return name

    def remove(self, namespace, network):
        run(["ip", "-n", namespace, "address", "del", network, "dev", "veth0"])

    def close(self):
        for name in (self.server, self.remote, *self.clients):
            run(["ip", "netns", "del", name], check=False)


def main():
    unittest.main(verbosity=2)
