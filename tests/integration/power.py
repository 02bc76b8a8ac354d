"""A disk whose power can be cut: what was not flushed is gone.

nbdkit holds writes in a cache that only a flush empties into the image; nbdfuse and a loop device make it a block device with ext4 on
it. Killing nbdkit is the power cut.
"""
import os
import pathlib
import signal
import subprocess

from harness import Process, run, wait_until


class Disk:
    def __init__(self, directory, size_mib=512):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.image, self.mount = self.directory / "disk.img", self.directory / "mnt"
        self.mount.mkdir()
        (self.directory / "fuse").mkdir()
        self.round, self.loop, self.server, self.bridge = 0, None, None, None
        run(["truncate", "-s", f"{size_mib}M", str(self.image)])
        run(["mkfs.ext4", "-q", "-F", str(self.image)])

    def power_on(self):
        self.round += 1
        here, socket = self.directory, self.directory / f"nbd{self.round}.sock"
        self.point = here / "fuse" / f"disk{self.round}"
        self.server = Process(["nbdkit", "-f", "--filter=cache", "--unix", socket, "file", self.image, "cache=writeback",
                               "cache-max-size=4G"], here / "nbdkit.log")
        wait_until(socket.exists, "nbdkit's socket")
        self.point.touch()
        self.bridge = Process(["nbdfuse", self.point, f"nbd+unix:///?socket={socket}"], here / "nbdfuse.log")
        wait_until(lambda: os.path.ismount(self.point) and self.point.stat().st_size > 0, "nbdfuse's file")
        self.loop = run(["losetup", "-f", "--show", str(self.point)]).stdout.strip()
        run(["mount", "-o", "noatime", self.loop, str(self.mount)])

    def power_cut(self):
        """Call after the processes that use the disk were killed, or before: it makes no difference to the image."""
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.popen.wait()
        self.release()

    def power_off(self):
        run(["umount", str(self.mount)], check=False)
        self.release()
        self.server.kill()

    def release(self):
        if self.loop is None:
            return
        run(["umount", "-l", str(self.mount)], check=False)
        run(["losetup", "-d", self.loop], check=False)
        run(["umount", "-l", str(self.point)], check=False)
        self.bridge.kill()
        self.server.file.close()
        self.loop = None
        subprocess.run(["rm", "-f", str(self.directory / f"nbd{self.round}.sock")], check=False)

    def close(self):
        if self.loop is not None:
            self.power_cut()
