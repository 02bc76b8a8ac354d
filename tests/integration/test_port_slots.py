#!/usr/bin/env python3
"""Test programs that run side by side have ports of their own, also for a server that is killed and started again."""
import socket
import subprocess
import sys

from harness import TOP, TestCase, main
from port_slots import LOWEST, SLOT, PortSlots, lowest_ephemeral

HOLDER = """
import sys
from port_slots import PortSlots
slots = PortSlots(sys.argv[1], int(sys.argv[2]))
print(*[slots.free() for _ in range(120)], flush=True)
sys.stdin.read()
"""


class Slots(TestCase):
    def setUp(self):
        super().setUp()
        self.locks = self.directory / "ports"

    def slots(self, end):
        slots = PortSlots(self.locks, end)
        self.addCleanup(slots.close)
        return slots

    def holder(self, end):
        """Another program that has 120 ports, and which they are."""
        process = subprocess.Popen([sys.executable, "-c", HOLDER, self.locks, str(end)], cwd=TOP / "tests/integration", text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, {int(port) for port in process.stdout.readline().split()}

    def test_programs_share_no_port_and_none_is_ephemeral(self):
        holders = [self.holder(lowest_ephemeral()) for _ in range(4)]
        together = set().union(*(ports for _, ports in holders))
        self.assertEqual(len(together), 4 * 120)
        self.assertTrue(all(LOWEST <= port < lowest_ephemeral() for port in together))

    def test_a_program_that_was_killed_frees_its_ports(self):
        end = LOWEST + 2 * SLOT
        process, ports = self.holder(end)
        self.assertLess(max(ports), end)
        slots = self.slots(end)
        self.assertGreaterEqual(slots.free(), lowest_ephemeral(), "all slots are taken")
        process.kill()
        process.wait()
        self.assertLess(slots.free(), end)

    def test_a_port_that_somebody_listens_on_is_left_out(self):
        slots = self.slots(lowest_ephemeral())
        port = slots.free()
        with socket.create_server(("127.0.0.1", port + 1)):
            self.assertNotIn(port + 1, [slots.free() for _ in range(3)])

    def test_a_server_that_is_killed_finds_its_ports_again(self):
        """Beside one that opens connections all the time, each from an ephemeral port."""
        server = self.node()
        server.start()
        self.assertLess(max(server.smtp, server.http, server.metrics), lowest_ephemeral())
        held = [socket.create_connection(("127.0.0.1", server.http)) for _ in range(50)]
        server.kill()
        others = [socket.create_server(("127.0.0.1", 0)) for _ in range(200)]
        server.start()
        for each in held + others:
            each.close()


if __name__ == "__main__":
    main()
