#!/usr/bin/env python3
"""The relay workload: smtp-source → Bulkhead → smtp-sink, every message synced before its 250.

relay.py [--count N] [--size BYTES] [--sessions N] [--reuse] [--tls] [--reps N] [--data DIR] [--port N] [--shards N] [--queued N]
         [--serve] [--target HOST:PORT] [--strace] [--calls] [--profile FILE] [--sink-only]

--data should be on a real file system (ext4) of its own, not tmpfs: bytes and flushes are counted on its device. --serve
only starts and sets up the server and waits for Ctrl-C, so that another program can measure it (mail from s@client.example
to r@dest.example, sink 127.0.0.2:2525). --queued puts so many messages into the queue first, for a host that does not answer.
--tls uses STARTTLS in and out, with smtp_load.cc as generator and sink; --target with it measures another server that
relays to the sink, but for its processor time.
--calls counts system calls with perf, --profile records one with perf. --sink-only measures generator and sink without a
server: what nothing in between can exceed. Prints a line a run and the medians. Needs Postfix's smtp-source and smtp-sink.
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
MESSAGES_PER_SESSION = 8000  # below what the server takes of one (smtp.messages_per_session)


def smtp_load():
    """The generator and sink that speak TLS, built once."""
    source = pathlib.Path(__file__).with_name("smtp_load.cc")
    program = pathlib.Path(tempfile.gettempdir()) / f"bulkhead-smtp-load-{int(source.stat().st_mtime)}"
    if not program.exists():
        subprocess.run(["g++", "-std=c++20", "-O2", "-o", program, source, "-lssl", "-lcrypto", "-lpthread"], check=True)
    return str(program)


def certificate(directory, name):
    """A throw-away one with a P-256 key; (chain, key)."""
    chain, key = f"{directory}/{name}.pem", f"{directory}/{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-keyout", key, "-out", chain], check=True, capture_output=True)
    return chain, key


def tls_sink_command():
    return [smtp_load(), "sink", SINK, "--tls", *certificate(tempfile.mkdtemp(prefix="bulkhead-sink-"), "sink.example")]


class CountingSink:
    """smtp-sink, or the one with TLS, with its counter read as it runs."""

    def __init__(self, has_tls):
        self.count, self.last, self.seen = 0, 0.0, {}
        command = ["smtp-sink", "-u", "nobody", "-c", "-4", "-m", "1000", SINK, "512"]
        self.process = subprocess.Popen(tls_sink_command() if has_tls else command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
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
            for line in re.findall(rb"mesg=\d+\s[^\n]*(?=\n)", tail)[-1:]:
                self.seen = {key.decode(): int(value) for key, value in re.findall(rb"(\w+)=(\d+)", line)}
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


def device_counters(path):
    """Bytes written to and flushes of the device below `path`; zeros where it has none."""
    status = os.stat(path)
    name = f"{os.major(status.st_dev)} {os.minor(status.st_dev)}".split()
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if fields[:2] == name:
            return int(fields[9]) * 512, int(fields[18]) if len(fields) > 18 else 0
    return 0, 0


def resident(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1)) / 1024


class CallCounter:
    """System calls of a process by name, counted by perf with next to no cost."""

    def __init__(self, pid):
        self.perf = subprocess.Popen(["perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_*", "-p", str(pid)],
                                     stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(1.5)

    def report(self, messages):
        self.perf.send_signal(signal.SIGINT)
        counts = {}
        for line in self.perf.communicate(timeout=30)[1].splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[0].isdigit():
                counts[fields[2].removeprefix("syscalls:sys_enter_")] = int(fields[0]) / messages
        most = sorted(counts.items(), key=lambda item: -item[1])
        print(f"system calls a message: {sum(counts.values()):.1f}: "
              + " ".join(f"{name}={count:.2f}" for name, count in most if count >= 0.005), flush=True)


def source_command(options, target, recipient="r@dest.example", count=None):
    if options.tls and not count:
        return [smtp_load(), "source", target, "--sessions", str(options.sessions), "--count", str(options.count), "--size",
                str(options.size), "--to", recipient, "--tls", *(["--reuse"] if options.reuse else [])]
    command = ["smtp-source", "-4", "-s", str(options.sessions), "-m", str(count or options.count), "-l", str(options.size),
               "-f", "s@client.example", "-t", recipient, "-M", "client.example"]
    return [*command, *(["-d"] if options.reuse or count else []), target]


def measure_sink(options):
    sink = CountingSink(options.tls)
    cpu, start = cpu_of(sink.process.pid), time.monotonic()
    subprocess.run(source_command(options, SINK), check=True, timeout=600)
    rate = options.count / (time.monotonic() - start)
    print(f"sink alone: rate={rate:.0f} cpu={(cpu_of(sink.process.pid) - cpu) * 1000 / options.count:.3f}", flush=True)
    sink.close()


def measure(options, node):
    sink = CountingSink(options.tls)
    pid = node.process.pid
    strace = None
    if options.strace:
        strace = subprocess.Popen(["strace", "-c", "-f", "-qq", "-o", f"{node.directory}/strace.txt", "-p", str(pid)])
        time.sleep(1)
    calls = CallCounter(pid) if options.calls else None
    profile = None
    if options.profile:
        profile = subprocess.Popen(["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", "2500", "-p", str(pid), "-o",
                                    options.profile], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sync()
    cpu, (written, flushes), start = cpu_of(pid), device_counters(node.directory), time.monotonic()
    source = subprocess.run(source_command(options, f"127.0.0.1:{node.smtp}"), capture_output=True, text=True, timeout=600)
    accepted = time.monotonic() - start
    harness.wait_until(lambda: sink.count >= options.count, f"{options.count} messages at the sink", 120)
    whole = sink.last - start
    time.sleep(1.5)
    os.sync()
    written_now, flushes_now = device_counters(node.directory)
    result = dict(accepted=options.count / accepted, rate=options.count / whole,
                  cpu=(cpu_of(pid) - cpu) * 1000 / options.count, written=(written_now - written) / options.count,
                  flushes=(flushes_now - flushes) / options.count, resident=resident(pid))
    if calls:
        calls.report(options.count)
    if profile:
        profile.send_signal(signal.SIGINT)
        profile.wait()
    if strace:
        strace.send_signal(signal.SIGINT)
        strace.wait()
        print(pathlib.Path(f"{node.directory}/strace.txt").read_text())
    sink.close()
    if source.returncode != 0:
        sys.exit("smtp-source: " + source.stdout + source.stderr)
    print("  ".join(f"{name}={value:.3f}" if name in ("cpu", "flushes") else f"{name}={value:.0f}"
                    for name, value in result.items()), flush=True)
    return result


def measure_other(options):
    """Only rates: the target is not ours."""
    sink = CountingSink(options.tls)
    start = time.monotonic()
    subprocess.run(source_command(options, options.target), check=True, timeout=600, stdout=subprocess.DEVNULL)
    accepted = time.monotonic() - start
    harness.wait_until(lambda: sink.count >= options.count, f"{options.count} messages at the sink", 300)
    result = dict(accepted=options.count / accepted, rate=options.count / (sink.last - start))
    sink.close()
    print("  ".join(f"{name}={value:.0f}" for name, value in result.items()), flush=True)
    return result


def fill_queue(options, node):
    """Messages that wait: nobody listens at the route of their domain."""
    node.cli("route", "add", "waits.example", "--host", "127.0.0.3", "--port", str(harness.free_port("127.0.0.3")))
    filling = argparse.Namespace(**{**vars(options), "size": 1024})
    target = f"127.0.0.1:{node.smtp}"
    most = options.sessions * MESSAGES_PER_SESSION
    for first in range(0, options.queued, most):
        count = min(most, options.queued - first)
        subprocess.run(source_command(filling, target, "r@waits.example", count), check=True, timeout=3600)
    settle(node)
    print(f"{options.queued} messages queued, {resident(node.process.pid):.0f} MiB resident", flush=True)


def settle(node):
    """What filling has left to do, compaction and writing back, is not what a queue that stands costs."""
    os.sync()
    calm = 0
    for _ in range(300):
        before = cpu_of(node.process.pid)
        time.sleep(1)
        calm = calm + 1 if cpu_of(node.process.pid) - before < 0.03 else 0
        if calm == 3:
            return
    print("the server has not come to rest in five minutes", flush=True)


def set_up(options, directory, **node_options):
    node = harness.Node(directory, listen=["127.0.0.1"], **node_options)
    text = node.configuration.read_text()
    if options.port:
        text = text.replace(f"127.0.0.1:{node.smtp}\"", f"127.0.0.1:{options.port}\"", 1)
        node.smtp = options.port
    if options.shards:
        text = text.replace("[node]\n", f"[node]\nthreads = {options.shards}\n", 1)
    node.configuration.write_text(text)
    node.start()
    node.cli("tenant", "add", "client", "--plan", "bulk")
    node.cli("domain", "add", "client.example", "--tenant", "client")
    node.cli("address", "add", "127.0.0.1", "--tenant", "client", "--helo", "mx.client.example")
    node.cli("account", "add", "s@client.example")
    node.cli("account", "set", "s@client.example", "--client-networks", "127.0.0.1/32")
    node.cli("route", "add", "*", "--host", "127.0.0.2", "--port", "2525", "--tls", "required" if options.tls else "opportunistic")
    if options.queued:
        fill_queue(options, node)
    return node


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--target")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--data")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--strace", action="store_true")
    parser.add_argument("--shards", type=int, default=0)
    parser.add_argument("--queued", type=int, default=0)
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--profile")
    parser.add_argument("--sink-only", action="store_true")
    options = parser.parse_args()
    if options.sink_only:
        return measure_sink(options)
    if options.target:
        runs = [measure_other(options) for _ in range(options.reps)]
        return print("median: " + "  ".join(f"{k}={statistics.median(r[k] for r in runs):.3f}" for k in runs[0]))
    # Both end the server in an orderly way, also where a shell has made this a background job that ignores Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-bench-", dir=options.data or "/var/tmp"))
    node = set_up(options, directory)
    try:
        if options.serve:
            print(f"serving on 127.0.0.1:{node.smtp}, pid {node.process.pid}", flush=True)
            while True:
                signal.pause()
        runs = [measure(options, node) for _ in range(options.reps)]
        print("median: " + "  ".join(f"{k}={statistics.median(r[k] for r in runs):.3f}" for k in runs[0]))
    finally:
        node.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
