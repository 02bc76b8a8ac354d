#!/usr/bin/env python3
"""Rules that read replies change under a running server: a good file reads the next reply, one with a fault changes nothing."""
import os
import signal
import smtplib
import subprocess
import time
import urllib.request

from harness import PROGRAM, TestCase, free_port, main, wait_until

REMOTE = "127.0.0.2"
ANSWERS = {"moon": "550 5.7.1 the moon is full today", "sun": "550 5.7.1 the sun is out until 2030"}
FIRST = """provider sky
  mx .sky.test

rule full-moon
  text the moon is full
  class content
  match 550 5.7.1 the moon is full today
  differs 550 5.7.1 the moon is new today
"""
SUN = """
rule sunny
  text the sun is out
  class grey
  do defer
  match 550 5.7.1 the sun is out until 2030
  differs 550 5.7.1 the sun is down
"""


def rule(name, *lines, provider="sky", text="something else", reply="550 5.7.1 something else"):
    own = [f"from {provider}", f"text {text}", "class policy", f"match {{sky rcpt}} {reply}", "differs 550 5.7.1 nothing of it"]
    return "\n" + "\n  ".join([f"rule {name}", *own, *lines]) + "\n"


LATE = """
rule late
  text moon is full
  class policy
  match 550 5.7.1 the moon is full today
  differs 550 5.7.1 nothing of it
"""
# What is wrong with a file, and what the server says of it.
FAULTS = {
    "a word that is none": (rule("odd", "colour blue"), r"colour"),
    "an unknown provider": (rule("odd", provider="moonbase"), r"moonbase"),
    "an unknown class": (rule("odd").replace("class policy", "class weather"), r"weather"),
    "a rule that can never decide": (LATE, r"full-moon"),
    "a pattern that is no pattern": (rule("odd", text="(something"), r"pattern is not right"),
    "an expensive pattern": (rule("odd", text="something a{999}b{999}c{999}"), r"expensive: \d+ steps"),
    "many gaps": (rule("odd", text="s.*o.*m.*e.*t.*h.*i.*n.*g else"), r"expensive"),
    "a rule without a reply that it must not match": (rule("odd").replace("  differs 550 5.7.1 nothing of it\n", ""), r"differs"),
    "octets of anything": ("\x00\x01\x02" * 400, r"line \d+|:\d+"),
    "more than 4 MiB": ("# filler\n" * 500_000, r"4 MiB"),
}


class ReplyRules(TestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port(REMOTE)
        self.remote = self.sink(f"{REMOTE}:{self.port}", options=[o for n, a in ANSWERS.items() for o in ("--rcpt", f"{n}={a}")])
        self.file = self.directory / "my.rules"
        self.file.write_text(FIRST)
        self.server = self.node(listen=["127.0.0.1"], reputation=f'shadow = true\nreply_rules = "{self.file}"')
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.add_tenant("one", "one.test", [("127.0.0.1", "mx.one.test")], "a@one.test")
        self.server.cli("account", "set", "a@one.test", "--client-networks", "127.0.0.1/32")
        self.server.cli("limit", "set", "--account", "a@one.test", "--messages", "none", "--recipients", "none")
        self.server.cli("route", "add", "*", "--host", REMOTE, "--port", self.port)
        self.sent = 0

    def reading_of(self, name):
        """Sends a message that the remote refuses; (event, class) of what the trace has of it."""
        self.sent += 1
        subject = f"message-{self.sent}"
        with smtplib.SMTP("127.0.0.1", self.server.smtp, timeout=20) as client:
            client.sendmail("a@one.test", [f"{name}@far.test"], f"Subject: {subject}\r\n\r\nx\r\n")

        def found():
            rows = self.server.json("trace", "search", "--subject", subject)
            return [(r["event"], r["verdict"]) for r in rows if r["event"] in ("bounced", "deferred")]
        return wait_until(found, f"the outcome of {subject}")[0]

    def metric(self, name):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics}/metrics", timeout=10).read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def decided(self):
        return {row["rule"]: row["decided"] for row in self.server.json("reputation", "rules")}

    def unknown(self):
        return [row["sample"] for row in self.server.json("reputation", "replies")]

    def log_since(self, offset):
        return self.server.process.text()[offset:]

    def replace(self, text):
        """As an editor does it: another file takes the place. Returns how long the log was."""
        offset = len(self.server.process.text())
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)
        return offset

    def wait_for_rules(self, text, count):
        offset = self.replace(text)
        wait_until(lambda: f"{count} rules for replies are in force" in self.log_since(offset), "the new rules", 5)

    def test_a_new_rule_reads_the_next_reply(self):
        self.assertEqual(self.reading_of("moon"), ("bounced", "content"))
        self.assertEqual(self.reading_of("sun"), ("bounced", "unknown"))
        self.assertEqual(self.unknown(), [ANSWERS["sun"]])
        self.assertEqual(self.decided().get("full-moon"), 1)
        self.wait_for_rules(FIRST + SUN, 2)
        # What it says is done, too: a 550 that is deferred.
        self.assertEqual(self.reading_of("sun"), ("deferred", "grey"))
        self.assertEqual(self.reading_of("moon"), ("bounced", "content"))
        self.assertEqual(self.decided().get("sunny"), 1)
        self.assertEqual(self.metric('bulkhead_reply_classes_total{provider="other",class="content"}'), 2)
        self.assertEqual(self.metric('bulkhead_reply_classes_total{provider="other",class="grey"}'), 1)
        self.assertEqual(self.metric('bulkhead_reply_classes_total{provider="other",class="unknown"}'), 1)
        # Written in place, and as long as before.
        self.file.write_text((FIRST + SUN).replace("class grey", "class temp"))
        wait_until(lambda: self.reading_of("sun") == ("deferred", "temp"), "the rule that was changed in place", 8, 0.5)
        self.wait_for_rules(FIRST, 1)
        self.assertEqual(self.reading_of("sun"), ("bounced", "unknown"))

    def test_a_file_with_a_fault_is_refused_whole(self):
        for fault, (text, words) in FAULTS.items():
            # With a good rule before it: none of the file may hold.
            offset = self.replace(FIRST + SUN + text)
            said = wait_until(lambda: self.log_since(offset), f"{fault} to be refused", 8)
            self.assertEqual(self.metric("bulkhead_reply_rules_faulty"), 1)
            print(f"{fault}: {said.split(' error ', 1)[-1].strip()[len(str(self.file)):][:230]}", flush=True)
            self.assertRegex(said, words, fault)
            self.assertIn(str(self.file), said)
            self.assertRegex(said, "in force", "and says what holds now")
            self.assertEqual(self.reading_of("sun"), ("bounced", "unknown"), fault)
            self.assertEqual(self.reading_of("moon"), ("bounced", "content"), fault)
            checked = subprocess.run([PROGRAM, "check", "--config", self.server.configuration], capture_output=True, text=True)
            self.assertRegex(checked.stdout + checked.stderr, words, fault)
        self.wait_for_rules(FIRST, 1)
        self.assertEqual(self.metric("bulkhead_reply_rules_faulty"), 0)
        errors = [line for line in self.server.process.text().split("\n") if " error " in line]
        self.assertEqual(len(errors), len(FAULTS), "each is said once")

    def test_a_file_without_a_rule_is_refused(self):
        for text in ("", "# all of it was here\n", FIRST.split("\nrule ", 1)[0] + "\n"):
            offset = self.replace(text)
            said = wait_until(lambda: self.log_since(offset), "the refusal", 8)
            self.assertIn("there is no rule in the file", said)
            self.assertEqual(self.metric("bulkhead_reply_rules_faulty"), 1)
            self.assertEqual(self.reading_of("moon"), ("bounced", "content"))
            checked = subprocess.run([PROGRAM, "check", "--config", self.server.configuration], capture_output=True, text=True)
            self.assertIn("there is no rule in the file", checked.stdout + checked.stderr)

    def test_unknown_replies_come_out_as_the_beginning_of_a_rule(self):
        self.assertEqual(self.reading_of("sun"), ("bounced", "unknown"))
        exported = self.server.cli("reputation", "replies", "--export")
        comment, fixture = exported.splitlines()
        self.assertRegex(comment, r"^# 1 times, from \S+ to \S+$")
        self.assertEqual(fixture, "match {- rcpt} " + ANSWERS["sun"])
        self.wait_for_rules(FIRST + f"\nrule new\n  text the sun is out\n  class grey\n{exported}  differs 550 5.7.1 no\n", 2)
        self.assertEqual(self.reading_of("sun"), ("bounced", "grey"))

    def test_a_file_that_vanishes_changes_nothing_and_neither_does_sighup(self):
        hold = lambda: self.assertEqual(self.reading_of("moon"), ("bounced", "content"))
        self.file.unlink()
        wait_until(lambda: self.metric("bulkhead_reply_rules_faulty") == 1, "its absence to be noticed", 8)
        self.assertIn("cannot be opened", self.server.process.text())
        hold()
        # SIGHUP reads the configuration; a file of rules that is not there does not stand in its way.
        text = self.server.configuration.read_text() + "[delivery]\nmessages_per_connection = 7\n"
        self.server.configuration.write_text(text)
        offset = len(self.server.process.text())
        self.server.process.popen.send_signal(signal.SIGHUP)
        said = wait_until(lambda: "[delivery]" in self.log_since(offset) and self.log_since(offset), "the reload", 8)
        print(said.strip(), flush=True)
        hold()
        self.wait_for_rules(FIRST + SUN, 2)
        self.assertEqual(self.metric("bulkhead_reply_rules_faulty"), 0)
        self.assertEqual(self.reading_of("sun"), ("deferred", "grey"))

    def test_a_start_with_a_faulty_file_has_the_shipped_rules(self):
        self.server.stop()
        self.file.write_text(FIRST + rule("odd", provider="moonbase"))
        self.server.start()
        self.assertEqual(self.metric("bulkhead_reply_rules_faulty"), 1)
        self.assertEqual(self.reading_of("moon"), ("bounced", "policy"))
        self.wait_for_rules(FIRST, 1)
        self.assertEqual(self.reading_of("moon"), ("bounced", "content"))


if __name__ == "__main__":
    main()
