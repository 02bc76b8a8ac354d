#!/usr/bin/env python3
"""The server's memory while a million messages come in and some of them go out.

intake.py [--count 1000000] [--tenants 10000] [--delivering 2] [--after 60] [--heap] [--data DIR] [--json FILE]

The tenants of million.py send to ten domains. So many of them as --delivering says have a server that takes everything at once, at the
others' sites nobody listens, so that these are tried and put off: each tenant sends from an address of its own, so that there are lanes and
connections for each. Resident memory each second from the first message until --after seconds after the last, and where it lies when it
was largest and at the end; --heap asks the allocator at the end, with gdb. Runs in a network namespace of its own, as root.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import million
import relay
import stage
from stage import show

SINK_HOST = "127.0.0.8"
KINDS = (("anonymous", lambda name: not name), ("heap", lambda name: name == "[heap]"), ("program", lambda name: "/bulkhead" in name and ".so" not in name),
         ("libraries", lambda name: ".so" in name), ("files", lambda name: name.startswith("/")), ("stacks and others", lambda name: True))


def where(pid):
    """Resident MiB by kind of mapping, and the largest ones."""
    kinds, mappings, name, span = {}, [], "", ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if head := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)", line):
            name, span = head.group(4), f"{(int(head.group(2), 16) - int(head.group(1), 16)) >> 20} MiB {head.group(3)}"
        elif line.startswith("Rss:"):
            size = int(line.split()[1]) / 1024
            kind = next(kind for kind, is_one in KINDS if is_one(name))
            kinds[kind] = kinds.get(kind, 0) + size
            mappings.append((size, f"{name or 'anonymous'} of {span}"))
    return {"kinds": {k: round(v, 1) for k, v in kinds.items()},
            "largest": [f"{size:.1f} MiB in {what}" for size, what in sorted(mappings, reverse=True)[:12]]}


class Sampler(threading.Thread):
    """Memory each second, the queue's length every fifth; where() whenever memory has grown by 10 MiB over the last look."""

    def __init__(self, node, sink):
        super().__init__(daemon=True)
        self.node, self.sink, self.pid = node, sink, node.process.pid
        self.rows, self.over, self.peak, self.at_peak = [], threading.Event(), 0.0, None
        self.began = time.monotonic()

    def run(self):
        api = million.Api(self.node.socket)
        waiting, looked_at = 0, 0.0
        while not self.over.wait(1):
            found = million.memory(self.pid)
            if len(self.rows) % 5 == 0:
                waiting = api.call("GET", "/queue/count")["deliveries"]
            row = {"t": round(time.monotonic() - self.began), "resident": round(found["resident"], 1), "anonymous": round(found["anonymous"], 1),
                   "queued": waiting, "delivered": self.sink.count, "load": round(os.getloadavg()[0], 1)}
            self.rows.append(row)
            self.peak = max(self.peak, found["resident"])
            if found["resident"] > looked_at + 10:
                looked_at, self.at_peak = found["resident"], where(self.pid)
            if len(self.rows) % 10 == 1:
                print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)


def heap(pid):
    """The allocator's own account of each arena."""
    path = f"/tmp/bulkhead-heap-{pid}.xml"
    subprocess.run(["gdb", "-batch", "-p", str(pid), "-ex", f'call (int)malloc_info(0, (void*)fopen("{path}", "w"))',
                    "-ex", "call (int)fflush(0)"], capture_output=True, check=False, timeout=60)
    text = pathlib.Path(path).read_text()
    os.unlink(path)
    lines = []
    for arena, body in re.findall(r'<heap nr="(\d+)">(.*?)</heap>', text, re.S):
        free = sum(int(size) for size in re.findall(r'<total type="\w+" count="\d+" size="(\d+)"/>', body)) >> 20
        system = int(re.search(r'<system type="current" size="(\d+)"', body).group(1)) >> 20
        lines.append(f"arena {arena}: {system} MiB from the system, {free} MiB of them free")
    mapped = re.findall(r'<total type="mmap" count="(\d+)" size="(\d+)"', text)
    return lines + [f"mapped blocks: {count}, {int(size) >> 20} MiB" for count, size in mapped[-1:]]


def set_up_sites(node, delivering):
    """The last domains have a server each; one host for all makes one site."""
    for n in range(million.DOMAINS - delivering, million.DOMAINS):
        node.cli("route", "remove", f"dest{n}.example")
        node.cli("route", "add", f"dest{n}.example", "--host", SINK_HOST, "--port", "2525")


def play(options, node, result):
    node.start(30)
    million.set_up(node, options)
    set_up_sites(node, options.delivering)
    relay.SINK = f"{SINK_HOST}:2525"
    sink = relay.CountingSink(False)
    million.show_memory("before the first message", node.process.pid, result)
    sampler = Sampler(node, sink)
    sampler.start()
    try:
        million.fill(node, options)
        filled = time.monotonic() - sampler.began
        million.show_memory("after the last message", node.process.pid, result)
        time.sleep(options.after)
        million.show_memory(f"{options.after} s later", node.process.pid, result)
        count = million.Api(node.socket).call("GET", "/queue/count")
        show("queued at the end", f"{count['deliveries']}, delivered {sink.count}")
    finally:
        sampler.over.set()
        sampler.join()
        sink.close()
    while_filling = [row["resident"] for row in sampler.rows if row["t"] <= filled + 1]
    show("largest while messages came in, and in all", f"{max(while_filling):.0f} MiB, {sampler.peak:.0f} MiB")
    result.update(rows=sampler.rows, peak=sampler.peak, at_peak=sampler.at_peak, at_end=where(node.process.pid), filled=round(filled))
    for name, place in (("when largest", sampler.at_peak), ("at the end", result["at_end"])):
        show(name, "  ".join(f"{k} {v:.0f} MiB" for k, v in place["kinds"].items()))
        for line in place["largest"][:6]:
            print("    " + line)
    if options.heap:
        result["heap"] = heap(node.process.pid)
        print("\n".join(result["heap"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000000)
    parser.add_argument("--tenants", type=int, default=10000)
    parser.add_argument("--delivering", type=int, default=2)
    parser.add_argument("--after", type=int, default=60)
    parser.add_argument("--heap", action="store_true")
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--json")
    options = parser.parse_args()
    if os.environ.get("BULKHEAD_MILLION_NETNS") != "1":
        os.environ["BULKHEAD_MILLION_NETNS"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    million.make_network(options.tenants)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-intake-", dir=options.data))
    node = stage.harness.Node(directory / "node", listen=["0.0.0.0"])
    result = {"count": options.count, "tenants": options.tenants, "delivering": options.delivering}
    try:
        play(options, node, result)
        stage.write_result(options.json, result)
    finally:
        if node.process is not None and node.process.is_running():
            node.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
