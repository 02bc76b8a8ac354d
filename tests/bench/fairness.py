#!/usr/bin/env python3
"""Ten messages of one tenant while another has a flood for the same slow site over the same shared address, as ratios to an idle server.

fairness.py [--flood 100000] [--ten 10] [--data DIR] [--json FILE]

Scenarios: the flood of one account; of 50 accounts in 50 domains; and a flood for a black hole (connects, never answers) while the ten go to
another site. Prints the seconds until the last of the ten arrived and the ratio; the goal is at most 2. Exits with 1 above it.
"""
import argparse
import pathlib
import shutil
import socket
import sys
import tempfile
import time

import stage
from stage import harness, show

GOOD = [("s@good.example", stage.GOOD_CLIENT)]


class BlackHole:
    """Accepts connections into its backlog and never says a word."""

    def __init__(self, address, port):
        self.socket = socket.create_server((address, port), backlog=4096)

    def stop(self):
        self.socket.close()


def ten(s, sink, domain, count, tag):
    """Seconds until the last of `count` messages arrived at the sink."""
    start = time.time()
    recipient = f"{tag}@{domain}"
    stage.Injector(s.node.smtp, GOOD, recipient, count, sessions=1).start().join()
    arrivals = lambda: [e["at"] for e in sink.messages() if recipient in e["recipients"]]
    harness.wait_until(lambda: len(arrivals()) >= count, f"the ten of {tag}", 600, 0.05)
    return max(arrivals()) - start


def flooded(s, options, senders, domain, tag, sink, to):
    injector = stage.Injector(s.node.smtp, senders, f"victim@{domain}", options.flood).start()
    injector.join()
    time.sleep(2)
    show(f"{tag}: queued", s.queued())
    seconds = ten(s, sink, to, options.ten, tag)
    return seconds


def empty(s):
    """Ends the flood before the next scenario."""
    s.node.cli("queue", "purge", "--tenant", "bad")
    harness.wait_until(lambda: s.queued("--tenant", "bad") == 0, "the flood to be purged", 120, 0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood", type=int, default=100000)
    parser.add_argument("--ten", type=int, default=10)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--json")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-fairness-", dir=options.data))
    s = stage.Stage(directory, bad_accounts=50)
    hole = BlackHole("127.0.0.5", harness.free_port("127.0.0.5"))
    result, bad = {}, False
    try:
        s.node.cli("route", "add", "hole.example", "--host", "127.0.0.5", "--port", hole.socket.getsockname()[1])
        slow, fast = s.sink("slow", 0.1), s.sink("fast", 0.1)
        idle = min(ten(s, slow, "slow.example", options.ten, f"idle{n}") for n in range(3))
        show("idle", f"{idle:.2f} s")
        idle_fast = min(ten(s, fast, "fast.example", options.ten, f"idle{n}") for n in range(3))
        scenarios = {
            "one account floods the same site": (s.bad_senders[:1], "slow.example", slow, "slow.example", idle),
            "50 accounts flood the same site": (s.bad_senders, "slow.example", slow, "slow.example", idle),
            "a flood for a black hole": (s.bad_senders[:1], "hole.example", fast, "fast.example", idle_fast),
        }
        for number, (name, (senders, domain, sink, to, base)) in enumerate(scenarios.items()):
            seconds = flooded(s, options, senders, domain, f"flood{number}", sink, to)
            ratio = seconds / base
            bad = bad or ratio > 2
            result[name] = round(ratio, 2)
            show(name, f"{seconds:.2f} s, {ratio:.2f} times idle")
            if number + 1 < len(scenarios):
                empty(s)
        stage.write_result(options.json, result)
        sys.exit(1 if bad else 0)
    finally:
        s.close()
        hole.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
