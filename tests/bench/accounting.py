"""Control groups for measurements: what a server with all its processes takes, also those that have ended, and how much it may take.

Linux, root. Version 1 (cpuacct, cpu) and version 2 of the hierarchy.
"""
import os
import pathlib
import re
import signal
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


def hierarchy(controller):
    """Where groups with this controller are made, and whether that is version 1."""
    for name in (controller, "cpu,cpuacct"):
        if (ROOT / name).is_dir():
            return ROOT / name, True
    return ROOT, False


class Group:
    """Counts the processor time of the processes that were started in it."""

    def __init__(self, name):
        top, self.is_old = hierarchy("cpuacct")
        self.path = top / f"bulkhead-{os.getpid()}-{name}"
        self.path.mkdir()

    def prefix(self):
        """To put before a command, so that it starts in the group."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.path / "cgroup.procs")]

    def seconds(self):
        if self.is_old:
            return int((self.path / "cpuacct.usage").read_text()) / 1e9
        return int(re.search(r"usage_usec (\d+)", (self.path / "cpu.stat").read_text()).group(1)) / 1e6

    def pids(self):
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def mebibytes(self):
        """Proportional set size of all."""
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            found = re.search(r"^Pss:\s+(\d+)", text, re.M)
            total += int(found.group(1)) if found else 0
        return total / 1024

    def end(self):
        """Ends what is left in it, by pid."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            for _ in range(50):
                if not self.pids():
                    break
                time.sleep(0.1)
        self.path.rmdir()
