#!/usr/bin/env python3
"""The relay workload: smtp-source → Bulkhead → smtp-sink, every message synced before its 250.

relay.py [--count N] [--size BYTES] [--sessions N] [--reuse] [--reps N] [--data DIR] [--port N] [--serve] [--strace]

--data should be on a real file system (ext4), not tmpfs. --serve only starts and sets up the server and waits for Ctrl-C, so
that another program can measure it (mail from s@client.example to r@dest.example, sink 127.0.0.2:2525). Prints a line a run and
the medians. Needs Postfix's smtp-source and smtp-sink.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness

SINK = "127.0.0.2:2525"
TICKS = os.sysconf("SC_CLK_TCK")


class CountingSink:
    """smtp-sink with its counter read as it runs."""

    def __init__(self):
        self.count, self.last = 0, 0.0
        self.process = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", "-4", "-m", "1000", SINK, "512"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()
        time.sleep(0.3)
        if self.process.poll() is not None:
            sys.exit(f"smtp-sink did not start on {SINK}")

    def read(self):
        tail = b""
        while True:
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                return
            tail = (tail + piece)[-400:]
            found = re.findall(rb"mesg=(\d+)\s", tail)
            if found and int(found[-1]) != self.count:
                self.count, self.last = int(found[-1]), time.monotonic()
            time.sleep(0.01)

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def written_by(pid):
    return int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(), re.M).group(1))


def resident(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1)) / 1024


def measure(options, node):
    sink = CountingSink()
    pid = node.process.pid
    strace = None
    if options.strace:
        strace = subprocess.Popen(["strace", "-c", "-f", "-qq", "-o", f"{node.directory}/strace.txt", "-p", str(pid)])
        time.sleep(1)
    cpu, written, start = cpu_of(pid), written_by(pid), time.monotonic()
    command = ["smtp-source", "-4", "-s", str(options.sessions), "-m", str(options.count), "-l", str(options.size),
               "-f", "s@client.example", "-t", "r@dest.example", "-M", "client.example"]
    if options.reuse:
        command.append("-d")
    source = subprocess.run([*command, f"127.0.0.1:{node.smtp}"], capture_output=True, text=True, timeout=600)
    accepted = time.monotonic() - start
    harness.wait_until(lambda: sink.count >= options.count, f"{options.count} messages at the sink", 120)
    whole = sink.last - start
    time.sleep(1.5)
    result = dict(accepted=options.count / accepted, rate=options.count / whole,
                  cpu=(cpu_of(pid) - cpu) * 1000 / options.count, written=(written_by(pid) - written) / options.count,
                  resident=resident(pid))
    if strace:
        strace.send_signal(signal.SIGINT)
        strace.wait()
        print(pathlib.Path(f"{node.directory}/strace.txt").read_text())
    sink.close()
    if source.returncode != 0:
        sys.exit("smtp-source: " + source.stdout + source.stderr)
    print("  ".join(f"{name}={value:.3f}" if name == "cpu" else f"{name}={value:.0f}" for name, value in result.items()),
          flush=True)
    return result


def set_up(options, directory):
    node = harness.Node(directory, listen=["127.0.0.1"])
    if options.port:
        text = node.configuration.read_text()
        node.configuration.write_text(text.replace(f"127.0.0.1:{node.smtp}\"", f"127.0.0.1:{options.port}\"", 1))
        node.smtp = options.port
    node.start()
    node.cli("tenant", "add", "client")
    node.cli("domain", "add", "client.example", "--tenant", "client")
    node.cli("address", "add", "127.0.0.1", "--tenant", "client", "--helo", "mx.client.example")
    node.cli("account", "add", "s@client.example")
    node.cli("account", "set", "s@client.example", "--client-networks", "127.0.0.1/32")
    node.cli("route", "add", "*", "--host", "127.0.0.2", "--port", "2525")
    return node


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--data")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--strace", action="store_true")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-bench-", dir=options.data or "/var/tmp"))
    node = set_up(options, directory)
    try:
        if options.serve:
            print(f"serving on 127.0.0.1:{node.smtp}, pid {node.process.pid}", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
            return
        runs = [measure(options, node) for _ in range(options.reps)]
        print("median: " + "  ".join(f"{k}={statistics.median(r[k] for r in runs):.3f}" for k in runs[0]))
    finally:
        node.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
