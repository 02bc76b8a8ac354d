#!/usr/bin/env python3
"""What a second shard brings, on a machine whose generator and sink need its processors, too.

shards.py [--share 0.25] [--sites 16] [--count N] [--single] [--sessions N] [--size BYTES] [--reps N] [--data DIR] [--json FILE]

Each shard's thread may use no more than `share` of one processor (control groups), everything else as much as it likes: what two such
shards relay against one is what two processors would bring against one on a machine that has some to spare. A lane is served by one shard,
so that the messages go to as many sites as --sites says, spread over the shards by their hash; --sites 1 shows the other extreme. Two
servers, with one shard and with two, take turns with the same work. Printed: rates, CPU seconds per 1,000 messages of the process and of
each thread, how much of the time each shard was held back (near 0: it waited for something else), what the processors had left.
Runs in a network namespace of its own, as root.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import accounting
import relay
import stage
from versus import idle_seconds


class Sharded:
    def __init__(self, options, directory, shards):
        self.shards, self.limits = shards, {}
        options.shards = shards
        self.group = accounting.Group(f"shards-{shards}")
        try:
            self.node = relay.set_up(options, directory, prefix=self.group.prefix())
        except BaseException:
            self.group.end()
            raise
        for n in range(options.sites):
            self.node.cli("route", "add", f"dest{n}.example", "--host", f"127.0.1.{n + 1}", "--port", "2525")
        self.limits = self.group.throttle({f"shard-{n}": self.thread(f"shard-{n}") for n in range(shards)}, options.share)

    def threads(self):
        """(name, id) of all; a thread that has no name of its own has that of the one that made it."""
        top = pathlib.Path(f"/proc/{self.node.process.pid}/task")
        return [((entry / "comm").read_text().strip(), int(entry.name)) for entry in sorted(top.iterdir(), key=lambda e: int(e.name))]

    def thread(self, name):
        return next(number for found, number in self.threads() if found == name)

    def times(self):
        """Seconds on a processor by thread."""
        top = f"/proc/{self.node.process.pid}/task"
        return {(name, number): int(pathlib.Path(f"{top}/{number}/schedstat").read_text().split()[0]) / 1e9
                for name, number in self.threads()}

    def stopped(self):
        return {name: limit.stopped_seconds() for name, limit in self.limits.items()}

    def stop(self):
        for limit in self.limits.values():
            limit.close()
        self.node.stop()
        self.group.end()


class Sources:
    """smtp-source for each site, all at once."""

    def __init__(self, options, port, count):
        each = max(1, options.sessions // options.sites)
        work = argparse.Namespace(**{**vars(options), "sessions": each, "count": max(1, count // options.sites)})
        self.count = work.count * options.sites
        self.children = [subprocess.Popen(relay.source_command(work, f"127.0.0.1:{port}", f"r@dest{n}.example"),
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for n in range(options.sites)]

    def wait(self):
        for child in self.children:
            text = child.communicate(timeout=600)[0]
            if child.returncode != 0:
                sys.exit("smtp-source: " + text)


class QuietSink:
    """smtp-sink on all addresses of the namespace, its counter read now and then."""

    def __init__(self):
        self.count, self.last = 0, 0.0
        self.process = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", "-4", "-m", "1000", "0.0.0.0:2525", "512"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()
        time.sleep(0.3)

    def read(self):
        tail = b""
        while piece := os.read(self.process.stdout.fileno(), 1 << 16):
            tail = (tail + piece)[-200:]
            if found := re.findall(rb"mesg=(\d+)\s", tail):
                if int(found[-1]) != self.count:
                    self.count, self.last = int(found[-1]), time.monotonic()
            time.sleep(0.02)

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def measure(options, server, count):
    sink = QuietSink()
    cpu, times, stopped, idle = server.group.seconds(), server.times(), server.stopped(), idle_seconds()
    start = time.monotonic()
    sources = Sources(options, server.node.smtp, count)
    sources.wait()
    accepted = time.monotonic() - start
    stage.harness.wait_until(lambda: sink.count >= sources.count, f"{sources.count} messages at the sink", 300)
    whole = sink.last - start
    count = sources.count
    result = dict(rate=count / whole, accepted=count / accepted, cpu=(server.group.seconds() - cpu) * 1000 / count,
                  idle=(idle_seconds() - idle) / whole)
    threads = {}
    for (name, number), seconds in server.times().items():
        spent = seconds - times.get((name, number), 0.0)
        key = name if name not in threads else f"{name}/{number}"
        threads[key] = spent * 1000 / count
    held_back = {name: (seconds - stopped[name]) / whole for name, seconds in server.stopped().items()}
    sink.close()
    print(f"{server.shards} shard{'s' if server.shards > 1 else ' '}  " + "  ".join(f"{k}={v:.3f}" if v < 10 else f"{k}={v:.0f}" for k, v in result.items())
          + f"  load average {os.getloadavg()[0]:.1f}", flush=True)
    print("    CPU by thread: " + "  ".join(f"{k} {v:.3f}" for k, v in sorted(threads.items(), key=lambda i: -i[1]) if v >= 0.002)
          + "; held back: " + "  ".join(f"{k} {v:.2f}" for k, v in held_back.items()), flush=True)
    return result


def play(options, servers):
    for server in servers:
        measure(options, server, max(options.sites, options.count // 10))
    print("measured:", flush=True)
    rows = {server.shards: [] for server in servers}
    for _ in range(options.reps):
        for server in servers:
            rows[server.shards].append(measure(options, server, options.count))
    medians = {shards: {k: statistics.median(r[k] for r in runs) for k in runs[0]} for shards, runs in rows.items()}
    print("\n| shards | rate | accepted | CPU s per 1,000 | idle processors |\n| --- | --- | --- | --- | --- |")
    for shards, row in medians.items():
        print(f"| {shards} | {row['rate']:.0f} | {row['accepted']:.0f} | {row['cpu']:.3f} | {row['idle']:.2f} |")
    one, two = medians[1], medians[2]
    print(f"| 2 / 1 | {two['rate'] / one['rate']:.2f} | {two['accepted'] / one['accepted']:.2f} | {two['cpu'] / one['cpu']:.2f} | |")
    return medians


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--sites", type=int, default=16)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--single", action="store_true", help="one message a connection")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--json")
    options = parser.parse_args()
    if os.environ.get("BULKHEAD_SHARDS_NETNS") != "1":
        os.environ["BULKHEAD_SHARDS_NETNS"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    options.reuse, options.tls, options.port, options.queued = not options.single, False, 0, 0
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-shards-", dir=options.data))
    servers = []
    try:
        for shards in (1, 2):
            servers.append(Sharded(options, directory / str(shards), shards))
        stage.write_result(options.json, play(options, servers))
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
