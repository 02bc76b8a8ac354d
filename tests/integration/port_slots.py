"""Ports that belong to one test program: below the ephemeral range, where no connection of another one takes them.

A program holds a slot of a hundred ports by a lock on a file, which the kernel lets go of when the program ends,
however it ends. So a server that was killed finds its ports free when it is started again.
"""
import fcntl
import os
import pathlib
import socket
import tempfile

SLOT, LOWEST = 100, 10000


def lowest_ephemeral():
    return int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def is_free(address, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            return True
        except OSError:
            return False


class PortSlots:
    """Gives each port once. Another slot is taken when one is used up; without any left the ports are ephemeral ones."""

    def __init__(self, directory=None, end=None):
        self.directory = pathlib.Path(directory or pathlib.Path(tempfile.gettempdir()) / f"bulkhead-test-ports-{os.getuid()}")
        self.slots = range(LOWEST // SLOT, (end or lowest_ephemeral()) // SLOT)
        self.locks, self.waiting, self.given = [], iter(()), set()

    def free(self, address="127.0.0.1"):
        """One that nobody listens on, and that this program has not been given yet."""
        while True:
            port = next(self.waiting, None)
            if port is None:
                if self.take_slot():
                    continue
                return self.ephemeral(address)
            if is_free(address, port):
                return port

    def close(self):
        """Gives the slots back; the end of the program does so, too."""
        while self.locks:
            os.close(self.locks.pop())
        self.waiting = iter(())

    def take_slot(self):
        self.directory.mkdir(mode=0o700, exist_ok=True)
        first = os.getpid() % max(1, len(self.slots))   # so that programs which start together rarely meet
        for slot in [*self.slots[first:], *self.slots[:first]]:
            lock = os.open(self.directory / str(slot), os.O_WRONLY | os.O_CREAT, 0o600)   # no child inherits it
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            self.locks.append(lock)
            self.waiting = iter(range(slot * SLOT, (slot + 1) * SLOT))
            return True
        return False

    def ephemeral(self, address):
        while True:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, 0))
                port = probe.getsockname()[1]
            if port not in self.given:
                self.given.add(port)
                return port
