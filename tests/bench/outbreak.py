#!/usr/bin/env python3
"""A hacked account fills the queue while others go on: how long it takes to see it, hold it and purge it, and what the others feel.

outbreak.py [--count 100000] [--others 1000] [--data DIR] [--json FILE]

The hacked account sends COUNT messages to a slow site, another tenant on the same shared address sends OTHERS to the same site and a
probe every 100 ms to a fast one. Then: top, a page of the list, hold, release, hold, purge; times are those of the command as its user sees
them, the process's start included. Exits with 1 when anything of the hacked account leaves after its hold, or counts disagree.
"""
import argparse
import pathlib
import shutil
import sys
import tempfile
import time

import stage
from stage import show

HACKED = "s@bad0.example"


def fill(s, options, probe):
    s.sink("slow", 0.05)
    probe.phase = "while the hacked account injects"
    start = time.monotonic()
    stage.Injector(s.node.smtp, s.bad_senders, "victim@slow.example", options.count).start().join()
    seconds = time.monotonic() - start
    show(f"{options.count} messages of the hacked account accepted", f"{options.count / seconds:.0f}/s")
    good = [("s@good.example", stage.GOOD_CLIENT)]
    stage.Injector(s.node.smtp, good, "friend@slow.example", options.others, sessions=5).start().join()
    show("queued", s.queued())
    show("resident", f"{stage.resident_mib(s.node.process.pid):.0f} MiB")


def leaves_after(s, seconds):
    """How many of the hacked account's messages reach the slow sink within so many seconds."""
    count = lambda: sum(1 for e in s.sinks["slow"].messages() if e["sender"] == HACKED)
    first = count()
    time.sleep(seconds)
    return count() - first


def command(s, result, name, *arguments):
    answer, seconds = s.timed(*arguments)
    result[name] = round(seconds * 1000, 1)
    show(f"{name}: bulkhead {' '.join(arguments[:4])}", f"{seconds * 1000:.0f} ms")
    return answer


def play(s, options, result, probe):
    faults = []
    probe.phase = "with the full queue"
    time.sleep(3)
    top = command(s, result, "top", "queue", "top", "--by", "account")
    if top[0].get("key", top[0].get("account")) != HACKED:
        faults.append(f"top names {top[0]}")
    command(s, result, "list a page", "queue", "list", "--limit", "100")
    command(s, result, "list a page of the account", "queue", "list", "--account", HACKED, "--limit", "100")
    before = s.queued("--account", HACKED)
    held = command(s, result, "hold", "queue", "hold", "--account", HACKED, "--and-future")
    show("matched (counted before)", f"{held['matched']} ({before})")
    time.sleep(1)  # what was on the wire ends
    if leaked := leaves_after(s, 3):
        faults.append(f"{leaked} messages left after the hold")
    probe.phase = "held"
    time.sleep(2)
    command(s, result, "count held", "queue", "count", "--account", HACKED)
    command(s, result, "release", "queue", "release", "--account", HACKED)
    if not leaves_after(s, 3):
        faults.append("nothing left after the release")
    command(s, result, "hold again", "queue", "hold", "--account", HACKED, "--and-future")
    time.sleep(1)
    probe.phase = "while purging"
    used = stage.disk_bytes(s.node.data)
    start = time.monotonic()
    purged = command(s, result, "purge", "queue", "purge", "--account", HACKED)
    while s.queued("--account", HACKED):
        time.sleep(0.1)
    result["purge until nothing is left"] = round(time.monotonic() - start, 2)
    show("purged", f"{purged['matched']} messages, gone after {time.monotonic() - start:.1f} s")
    show("disk before and 5 s after", f"{used >> 20} MiB, {(time.sleep(5), stage.disk_bytes(s.node.data))[1] >> 20} MiB")
    probe.phase = "after"
    time.sleep(3)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--others", type=int, default=1000)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--json")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-outbreak-", dir=options.data))
    s = stage.Stage(directory)
    result = {"count": options.count}
    try:
        fast = s.sink("fast", 0)
        probe = stage.Probe(s)
        time.sleep(3)
        fill(s, options, probe)
        faults = play(s, options, result, probe)
        probe.stop()
        print(f"\n{'others: from the connection to the other side, ms':45} {'n':>5} {'lost':>5} {'median':>8} {'worst':>8}")
        for phase, (count, missing, median, worst) in probe.table(fast).items():
            print(f"{phase:45} {count:5} {missing:5} {median:8.1f} {worst:8.1f}")
            result[f"others {phase}"] = [round(median, 1), round(worst, 1)]
        stage.write_result(options.json, result)
        for fault in faults:
            print("FAULT:", fault)
        sys.exit(1 if faults else 0)
    finally:
        s.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
