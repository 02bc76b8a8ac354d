#!/usr/bin/env python3
"""What deploy/ has: units that systemd understands, scripts without faults, and deploy/up from beginning to end."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

from harness import PROGRAM, TOP, TestCase, main, run, wait_until

DEPLOY = TOP / "deploy"


def scripts():
    names = subprocess.run(["git", "ls-files", ".ci", "deploy", "tests"], cwd=TOP, capture_output=True, text=True).stdout.split("\n")
    names = names if names != [""] else [str(p.relative_to(TOP)) for p in DEPLOY.iterdir() if p.is_file()]
    return [TOP / n for n in names if n and (TOP / n).is_file() and re.match(rb"#!.*sh\n", (TOP / n).read_bytes()[:40])]


class Deploy(TestCase):
    def test_scripts_have_no_faults(self):
        found = scripts()
        self.assertIn(DEPLOY / "up", found)
        for script in found:
            self.assertEqual(run(["bash", "-n", str(script)], check=False).stderr, "", script)
            self.assertTrue(os.access(script, os.X_OK), f"{script} cannot be run")
            text = script.read_text()
            self.assertIn("set -euo pipefail", text, script)
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed: only the syntax was looked at")
        out = run(["shellcheck", "-S", "warning", *map(str, found)], check=False)
        self.assertEqual(out.returncode, 0, out.stdout)

    def test_scripts_explain_themselves_and_refuse_what_they_do_not_know(self):
        for name in ("up", "packages"):
            out = run([str(DEPLOY / name), "--help"], check=False)
            self.assertEqual(out.returncode, 0, out)
            self.assertIn(f"deploy/{name}", out.stdout)
            out = run([str(DEPLOY / name), "nonsense"], check=False)
            self.assertEqual(out.returncode, 2, out)
            self.assertIn("nonsense", out.stderr)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_units_are_understood(self):
        folder = self.directory / "units"
        shutil.copytree(DEPLOY / "systemd", folder)
        units = sorted(folder.glob("*.service"))
        self.assertEqual([unit.name for unit in units], ["bulkhead-firewall.service", "bulkhead.service"])
        for unit in units:
            text = unit.read_text()
            self.assertRegex(text, r"ExecStart=/usr/bin/bulkhead [a-z ]+ --config /etc/bulkhead/bulkhead.toml\n")
            unit.write_text(text.replace("/usr/bin/bulkhead", "/bin/true"))    # which need not be installed here
        for unit in units:
            out = run(["systemd-analyze", "verify", "--man=no", str(unit)], check=False)
            self.assertEqual((out.returncode, out.stdout + out.stderr), (0, ""), unit.name)
        # And a fault is seen: in a unit, and in what belongs to it.
        (folder / "bulkhead.service.d" / "fault.conf").write_text("[Service]\nNoNewPrivilegez=yes\n")
        out = run(["systemd-analyze", "verify", "--man=no", str(folder / "bulkhead.service")], check=False)
        self.assertIn("NoNewPrivilegez", out.stdout + out.stderr)


class Up(TestCase):
    """deploy/up in a tree of its own, of which the program is built already, and a network of its own: its ports are fixed."""

    def setUp(self):
        super().setUp()
        self.namespace = f"bh{os.getpid()}u"
        run(["ip", "netns", "add", self.namespace])
        self.addCleanup(run, ["ip", "netns", "del", self.namespace])
        run(["ip", "-n", self.namespace, "link", "set", "lo", "up"])
        self.tree = self.directory / "tree"
        (self.tree / "deploy").mkdir(parents=True)
        for name in ("up", "packages"):
            shutil.copy(DEPLOY / name, self.tree / "deploy")
        build = self.tree / "deploy" / "build"
        build.write_text("#!/bin/sh\necho built already\n")
        build.chmod(0o755)
        program = self.tree / "build/release/src/app/bulkhead"
        program.parent.mkdir(parents=True)
        program.symlink_to(pathlib.Path(PROGRAM).resolve())
        (self.tree / "tests").mkdir()
        (self.tree / "tests/integration").symlink_to(TOP / "tests/integration")

    def up(self, log):
        file = open(self.directory / log, "wb")
        self.addCleanup(file.close)
        process = subprocess.Popen(["ip", "netns", "exec", self.namespace, str(self.tree / "deploy/up")], stdout=file,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    def end(self, process, sig=signal.SIGKILL):
        """As Ctrl-C does it: to all who were started from there."""
        if process.poll() is None:
            os.killpg(process.pid, sig)
        return process.wait(60)

    def text(self, log):
        return (self.directory / log).read_text(errors="replace")

    def wait_for_service(self, process, log):
        wait_until(lambda: "The server goes on serving" in self.text(log) or process.poll() is not None, "deploy/up", 60)
        self.assertIsNone(process.poll(), self.text(log))

    def test_from_beginning_to_end_twice(self):
        for log in ("first", "second"):
            process = self.up(log)
            self.wait_for_service(process, log)
            text = self.text(log)
            self.assertRegex(text, r"from 127\.1\.0\.1 +HELO mx\.acme\.example +MAIL FROM:<alice@acme\.example>")
            self.assertRegex(text, r"from 127\.2\.0\.1 +HELO mx\.globex\.example +MAIL FROM:<bob@globex\.example>")
            if log == "second":
                again = self.up("third")
                self.assertEqual(again.wait(60), 1)
                self.assertIn("runs already", self.text("third"))
            self.follow_its_advice(text)
            self.assertEqual(self.end(process, signal.SIGINT), 0)
            self.assertIn("stopped", self.text(log))
            self.assertFalse((self.tree / "build/demo/admin.sock").exists())

    def follow_its_advice(self, text):
        """Runs every command that it shows, as they are shown, but for what goes on until Ctrl-C."""
        advice = text.split("In another terminal:", 1)[1].split("The password of both", 1)[0]
        lines = [line.strip() for line in advice.replace("\\\n", " ").split("\n") if line.strip() and "follow" not in line]
        self.assertGreater(len(lines), 7, advice)
        script = self.directory / "advice"
        script.write_text("set -euo pipefail\nshopt -s expand_aliases\n" + "\n".join(lines) + "\n")
        out = run(["ip", "netns", "exec", self.namespace, "bash", str(script)], check=False)
        self.assertEqual(out.returncode, 0, out.stdout[-3000:] + out.stderr)
        for part in ("delivered", "bulkhead_messages_received_total", '"openapi"'):
            self.assertIn(part, out.stdout)


if __name__ == "__main__":
    main()
