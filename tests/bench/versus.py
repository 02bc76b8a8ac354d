#!/usr/bin/env python3
"""Bulkhead and Postfix in turn in one run: generator → server → sink, every message synced before its 250.

versus.py [--tls] [--count N] [--size BYTES] [--sessions N] [--reps N] [--data DIR] [--only reuse|single] [--json FILE]

Starts both servers, each in an accounting group of its own, and gives them the same work: first with many messages a connection (reuse),
then with one (single). --tls: STARTTLS in and out, required out, the same kind of certificate for both, sessions resumed; Postfix takes
part twice, as it comes and with smtp_tls_connection_reuse. Without it: Postfix's smtp-source and smtp-sink.
Prints a line a run, then medians and ratios. "cpu" is seconds of processor per 1,000 messages of all the server's processes, "load"
that of generator and sink, "idle" what the machine's processors did not do: where it is near nothing, rates tell of the generator, too.
Root; --data on an ext4 of its own, because bytes and flushes are its device's.
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import accounting
import peer
import relay
import stage

COLUMNS = ("rate", "accepted", "cpu", "load", "idle", "written", "flushes", "memory")
DIGITS = {"cpu": 3, "load": 3, "idle": 2, "flushes": 2}


class Ours:
    """A Bulkhead in an accounting group."""

    name = "Bulkhead"

    def __init__(self, options, directory, certificate):
        self.options, self.directory = options, directory
        self.extra = f'[tls]\ncertificate = "{certificate[0]}"\nkey = "{certificate[1]}"' if certificate else ""
        self.group = self.node = None

    def start(self):
        self.group = accounting.Group("bulkhead")
        self.node = relay.set_up(self.options, self.directory, prefix=self.group.prefix(), extra=self.extra)
        self.smtp = self.node.smtp

    def complaints(self):
        return [line for line in self.node.process.text().splitlines() if re.search(r"warn|error", line, re.I)]

    def stop(self):
        if self.node is not None:
            self.node.stop()
        if self.group is not None:
            self.group.end()


class Peak:
    """The largest memory of a group, looked at twice a second."""

    def __init__(self, group):
        self.group, self.most, self.over = group, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.5):
            self.most = max(self.most, self.group.mebibytes())

    def close(self):
        self.over.set()
        self.thread.join()
        return max(self.most, self.group.mebibytes())


def idle_seconds():
    return int(pathlib.Path("/proc/stat").read_text().split()[4]) / relay.TICKS


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(options, server, count):
    sink, peak = relay.CountingSink(options.tls), Peak(server.group)
    os.sync()
    cpu, generator, idle, (written, flushes) = (server.group.seconds(), children_seconds(), idle_seconds(),
                                                relay.device_counters(options.directory))
    start = time.monotonic()
    work = argparse.Namespace(**{**vars(options), "count": count})
    source = subprocess.run(relay.source_command(work, f"127.0.0.1:{server.smtp}"), capture_output=True, text=True, timeout=900)
    accepted = time.monotonic() - start
    if source.returncode != 0:
        sys.exit(f"{server.name}: {source.stdout}{source.stderr}")
    stage.harness.wait_until(lambda: sink.count >= count, f"{count} messages of {server.name} at the sink", 600)
    whole, idle = sink.last - start, idle_seconds() - idle
    generator = children_seconds() - generator + relay.cpu_of(sink.process.pid)
    time.sleep(1.5)  # what a server does after its last message belongs to its cost
    cpu = server.group.seconds() - cpu
    os.sync()
    written_now, flushes_now = relay.device_counters(options.directory)
    result = dict(rate=count / whole, accepted=count / accepted, cpu=cpu * 1000 / count, load=generator * 1000 / count,
                  idle=idle / whole, written=(written_now - written) / count, flushes=(flushes_now - flushes) / count,
                  memory=peak.close())
    seen = sink.seen
    sink.close()
    if options.tls and seen.get("secure") != seen.get("mesg"):
        sys.exit(f"{server.name} sent {seen} of its messages in clear")
    print(f"{server.name:30} " + "  ".join(f"{k}={v:.{DIGITS.get(k, 0)}f}" for k, v in result.items())
          + f"  load average {os.getloadavg()[0]:.1f}", flush=True)
    if options.tls:
        print(f"{'':30} in: {source.stdout.strip()}; out: {seen.get('handshakes')} handshakes, {seen.get('resumed')} resumed",
              flush=True)
    return result


def report(way, rows):
    print(f"\n| {way} | " + " | ".join(COLUMNS) + " |\n|" + " --- |" * (len(COLUMNS) + 1))
    medians = {name: {k: statistics.median(r[k] for r in runs) for k in COLUMNS} for name, runs in rows.items()}
    for name, row in medians.items():
        print(f"| {name} | " + " | ".join(f"{row[k]:.{DIGITS.get(k, 0)}f}" for k in COLUMNS) + " |")
    ours = medians[Ours.name]
    for name, row in medians.items():
        if name != Ours.name:
            print(f"| Bulkhead / {name} | " + " | ".join(f"{ours[k] / row[k]:.2f}" if row[k] and k not in ("load", "idle") else "" for k in COLUMNS) + " |")
    print(flush=True)
    return medians


def play(options, servers):
    result = {}
    for way in (["reuse", "single"] if not options.only else [options.only]):
        options.reuse = way == "reuse"
        for server in servers:
            measure(options, server, max(200, options.count // 20))  # warms up
        print("measured:", flush=True)
        rows = {server.name: [] for server in servers}
        for _ in range(options.reps):
            for server in servers:
                rows[server.name].append(measure(options, server, options.count))
        result[way] = report(f"{'TLS, ' if options.tls else ''}{options.size} B, {way}", rows)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--only", choices=["reuse", "single"])
    parser.add_argument("--json")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    options.directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-versus-", dir=options.data))
    options.directory.chmod(0o755)
    options.port = options.shards = options.queued = 0
    servers = []
    try:
        certificate = relay.certificate(options.directory, "relay.example") if options.tls else None
        servers.append(peer.Postfix("Postfix", options.directory / "postfix", relay.SINK, certificate))
        if options.tls:
            servers.append(peer.Postfix("Postfix keeping connections", options.directory / "keeping", relay.SINK, certificate, True))
        servers.append(Ours(options, options.directory / "bulkhead", certificate))
        for server in servers:
            server.start()
        stage.write_result(options.json, play(options, servers))
        for server in servers:
            for line in server.complaints()[:5]:
                print(f"{server.name} says: {line}")
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(options.directory, ignore_errors=True)


if __name__ == "__main__":
    main()
