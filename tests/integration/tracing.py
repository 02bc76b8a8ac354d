"""Kills a server of a test before the Nth system call of a kind: strace attached to it, and which calls there are."""
import collections
import itertools
import os
import pathlib
import re
import time

from harness import Process, wait_until


def positions(counts):
    """(call, N) for all calls, spread so that any beginning of the list visits each call early and late."""
    lists = []
    for call, count in sorted(counts.items()):
        numbers, step = {1: None, count: None}, count   # a dict keeps the order: first, last, middle, quarters…
        while step > 1:
            step = (step + 1) // 2
            numbers |= dict.fromkeys(range(1, count + 1, step))
        lists.append([(call, n) for n in numbers])
    return [entry[i] for i in range(max(map(len, lists))) for entry in lists if i < len(entry)]


class Tracing:
    """For a TestCase with a `server`."""

    files = itertools.count()

    def traced(self, *options):
        """Attaches strace to the running server; its file grows with each call."""
        path = self.directory / f"calls{next(self.files)}"
        tracer = self.own(Process(["strace", "-f", "-p", self.server.process.pid, "-o", path, *options],
                                  self.directory / "strace.log"))
        threads = len(os.listdir(f"/proc/{self.server.process.pid}/task"))
        attached = lambda: self.tracees(tracer.pid) >= threads or not tracer.is_running()
        wait_until(attached, "strace to attach", every=0.01)
        # A server with something to do on its own may die of an injected signal at once.
        self.assertTrue(tracer.is_running() or not self.server.process.is_running(), tracer.text())
        return tracer, path

    def tracees(self, tracer):
        """How many of the server's threads this tracer has."""
        count = 0
        for task in pathlib.Path(f"/proc/{self.server.process.pid}/task").iterdir():
            try:
                count += f"TracerPid:\t{tracer}\n" in (task / "status").read_text()
            except OSError:
                pass
        return count

    def settle(self, path):
        """Waits until the server dies or makes no more calls."""
        size, since = -1, time.monotonic()
        while self.server.process.is_running() and time.monotonic() - since < 0.3:
            if path.stat().st_size != size:
                size, since = path.stat().st_size, time.monotonic()
            time.sleep(0.01)

    @staticmethod
    def counts(path):
        """How often each call was made by the thread that made it most."""
        by_thread = collections.Counter(re.findall(r"^(\d+) +(\w+)\(", path.read_text(), re.M))
        counts = collections.Counter()
        for (_, call), count in by_thread.items():
            counts[call] = max(counts[call], count)
        return counts
