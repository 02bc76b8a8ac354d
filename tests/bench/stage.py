"""What the queue's benchmarks share: a node with a bad tenant and good ones on one shared address, a slow site, a probe."""
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness

BAD_CLIENT, GOOD_CLIENT = "127.0.0.1", "127.0.0.9"


class Stage:
    """Everything of one benchmark; close() ends what it started."""

    def __init__(self, directory, bad_accounts=1):
        self.directory = pathlib.Path(directory)
        self.slow_port, self.fast_port = harness.free_port("127.0.0.3"), harness.free_port("127.0.0.4")
        self.node = harness.Node(self.directory / "node", listen=["127.0.0.1"])
        self.node.start()
        self.sinks = {}
        cli = self.node.cli
        cli("address", "add", "127.0.0.1", "--shared", "--helo", "mx.node.test")
        cli("tenant", "add", "bad", "--plan", "bulk")
        cli("tenant", "add", "good", "--plan", "bulk")
        cli("domain", "add", "good.example", "--tenant", "good")
        cli("account", "add", "s@good.example")
        cli("account", "set", "s@good.example", "--client-networks", GOOD_CLIENT + "/32")
        self.bad_senders = []
        for number in range(bad_accounts):
            domain = f"bad{number}.example"
            cli("domain", "add", domain, "--tenant", "bad")
            cli("account", "add", f"s@{domain}")
            # One client address an account: 127.0.1.1, 127.0.1.2, … as the injector binds them.
            cli("account", "set", f"s@{domain}", "--client-networks", f"127.0.1.{number + 1}/32")
            self.bad_senders.append((f"s@{domain}", f"127.0.1.{number + 1}"))
        cli("route", "add", "slow.example", "--host", "127.0.0.3", "--port", self.slow_port)
        cli("route", "add", "fast.example", "--host", "127.0.0.4", "--port", self.fast_port)

    def sink(self, name, delay):
        address = {"slow": f"127.0.0.3:{self.slow_port}", "fast": f"127.0.0.4:{self.fast_port}"}[name]
        options = ["--no-data", "--delay", str(delay)]
        self.sinks[name] = harness.Sink(self.directory / name, [address], options=options)
        return self.sinks[name]

    def timed(self, *arguments):
        """Runs a command; returns (its JSON, seconds as its user sees them)."""
        start = time.monotonic()
        answer = self.node.json(*arguments)
        return answer, time.monotonic() - start

    def queued(self, *selectors):
        return self.node.json("queue", "count", *selectors)["deliveries"]

    def close(self):
        self.node.stop()
        for sink in self.sinks.values():
            sink.stop()


def greet(connection, stream):
    """Nothing may be said before the greeting, and only EHLO before its answer."""
    stream.readline()
    connection.sendall(b"EHLO client.example\r\n")
    while stream.readline()[3:4] == b"-":
        pass


class Injector:
    """Sends `count` small messages over `sessions` pipelining connections, the senders in turn."""

    def __init__(self, port, senders, recipient, count, sessions=20, size=500):
        self.port, self.senders, self.recipient = port, senders, recipient
        self.left, self.lock, self.size = count, threading.Lock(), size
        self.faults = []
        self.threads = [threading.Thread(target=self.run, args=(senders[n % len(senders)],), daemon=True)
                        for n in range(max(sessions, len(senders)))]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.faults:
            raise RuntimeError(f"{len(self.faults)} refusals, the first: {self.faults[0]}")

    def take(self, most=50):
        with self.lock:
            count = min(self.left, most)
            self.left -= count
            return count

    def run(self, sender):
        address, client = sender
        body = f"From: <{address}>\r\nSubject: offer\r\n\r\n{'x' * 70}\r\n".ljust(self.size, "y") + "\r\n.\r\n"
        one = f"MAIL FROM:<{address}>\r\nRCPT TO:<{self.recipient}>\r\nBDAT {len(body) - 3} LAST\r\n" + body[:-3]
        while count := self.take():
            with socket.create_connection(("127.0.0.1", self.port), 60, source_address=(client, 0)) as connection:
                stream = connection.makefile("rb")
                greet(connection, stream)
                connection.sendall(one.encode() * count + b"QUIT\r\n")
                for line in stream:
                    if line[:1] in b"45":
                        self.faults.append(line.decode().strip())


class Probe:
    """A good account's message every `every` seconds, and how long each takes from its 250 to the fast sink."""

    def __init__(self, stage, recipient="probe@fast.example", every=0.1):
        self.stage, self.recipient, self.every = stage, recipient, every
        self.sent, self.phase = [], "before"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = 0
        while not self.stopping.wait(self.every):
            number += 1
            start = time.time()
            text = (f"MAIL FROM:<s@good.example>\r\nRCPT TO:<p{number}-{self.recipient}>\r\nDATA\r\n"
                    "From: <s@good.example>\r\nSubject: probe\r\n\r\nprobe\r\n.\r\nQUIT\r\n")
            with socket.create_connection(("127.0.0.1", self.stage.node.smtp), 60, (GOOD_CLIENT, 0)) as connection:
                greet(connection, connection.makefile("rb"))
                connection.sendall(text.encode())
                while connection.recv(4096):
                    pass
            self.sent.append((f"p{number}-{self.recipient}", self.phase, start))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        time.sleep(2)

    def table(self, sink):
        """Milliseconds by phase: (count, missing, median, worst). From the connection to the arrival at the sink."""
        arrived = {e["recipients"][0]: e["at"] for e in sink.messages()}
        rows = {}
        for recipient, phase, start in self.sent:
            rows.setdefault(phase, []).append((arrived[recipient] - start) * 1000 if recipient in arrived else None)
        return {phase: (len(times), times.count(None), statistics.median(t for t in times if t is not None),
                        max(t for t in times if t is not None)) for phase, times in rows.items()}


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def disk_bytes(directory):
    return int(subprocess.run(["du", "-sB1", str(directory)], capture_output=True, text=True).stdout.split()[0])


def show(name, value):
    print(f"{name:55} {value}", flush=True)


def write_result(path, result):
    if path:
        pathlib.Path(path).write_text(json.dumps(result, indent=1))
