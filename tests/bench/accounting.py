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

    def throttle(self, threads, share):
        """Lets each of the threads (name to id) of the group's process run for no more than `share` of one processor."""
        return {name: ThreadLimit(self, name, thread, share) for name, thread in threads.items()}

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


class ThreadLimit:
    """A group for one thread, with a bound; close() puts the thread back."""

    PERIOD = 10000  # microseconds: short, so that a stopped thread keeps nobody waiting for long

    def __init__(self, group, name, thread, share):
        top, self.is_old = hierarchy("cpu")
        quota = int(self.PERIOD * share)
        self.thread = str(thread)
        if self.is_old:
            self.home, self.list = top / "tasks", "tasks"
            self.path = top / f"{group.path.name}-{name}"
            self.path.mkdir()
            (self.path / "cpu.cfs_period_us").write_text(str(self.PERIOD))
            (self.path / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            self.home, self.list = group.path / "cgroup.threads", "cgroup.threads"
            self.path = group.path / name
            self.path.mkdir()
            (self.path / "cgroup.type").write_text("threaded")
            (top / "cgroup.subtree_control").write_text("+cpu")
            (group.path / "cgroup.subtree_control").write_text("+cpu")
            (self.path / "cpu.max").write_text(f"{quota} {self.PERIOD}")
        (self.path / self.list).write_text(self.thread)

    def stopped_seconds(self):
        """How long it would have run, had it been allowed to."""
        found = re.search(r"throttled_(time|usec) (\d+)", (self.path / "cpu.stat").read_text())
        return int(found.group(2)) / (1e9 if found.group(1) == "time" else 1e6)

    def close(self):
        if (self.path / self.list).read_text():
            self.home.write_text(self.thread)
        self.path.rmdir()
