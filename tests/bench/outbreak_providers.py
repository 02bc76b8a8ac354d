#!/usr/bin/env python3
"""An outbreak at Gmail, Microsoft and Yahoo from end to end, in network namespaces: prints the table of docs/performance.md.

outbreak_providers.py [--only fast,paced,slow,reported] [--json FILE]      as root; about six minutes for all

fast      four hosts with a stolen password, as fast as they can
paced     the same at 1,200 messages a minute
slow      100 a minute, half of the recipients unknown to the providers
reported  fast, while the rules of reputation only report: what the others would suffer
Exits with 1 when messages do not add up.
"""
import argparse
import pathlib
import re
import shutil
import sys
import tempfile
import time

from stage import write_result  # puts the integration tests' folder on the path
from harness import wait_until
from outbreak_scene import HACKED, SHARED, Scene, milliseconds

# messages, messages a minute, share of unknown recipients, seconds to watch after the last of them
VARIANTS = {"fast": (4000, 0, 0.0, 20), "paced": (1200, 1200, 0.0, 5), "slow": (160, 100, 0.5, 5), "reported": (1600, 0, 0.0, 60)}
PEOPLE = ("noc@plain.test", "boss@plain.test")
QUIET = 20  # seconds of neighbours alone


class Play:
    """One outbreak; `row` is what was measured."""

    def __init__(self, name, directory):
        self.name, self.directory, self.started, self.row = name, directory, [], {}
        self.scene = Scene(directory, self.own, reputation="shadow = true" if name == "reported" else "")

    def own(self, thing):
        self.started.append(thing)
        return thing

    def close(self):
        for thing in reversed(self.started):
            getattr(thing, "process", thing).kill()
        self.scene.net.close()

    def run(self):
        s = self.scene
        self.node = s.serve()
        s.start_neighbours()
        quiet = time.time()
        time.sleep(QUIET)
        self.outbreak()
        self.tell()
        self.row["neighbours, alone: median / worst, ms"] = milliseconds(s.neighbours_delays(quiet, self.begun)[0])
        if self.name != "reported":
            self.release_and_purge()

    def outbreak(self):
        s, (count, rate, unknown, after) = self.scene, VARIANTS[self.name]
        self.begun = time.time()
        status, transcript = s.swaks(s.botnet[0])
        if status != 0:
            raise RuntimeError(transcript)
        s.start_thieves(count, rate, unknown)
        # Halfway of what gets out.
        wait_until(lambda: len(s.delivered()) + len(s.refused(HACKED)) >= 30, "the first of it", 60, every=0.005)
        s.list_them(SHARED)
        listed = time.time()
        for thieves in s.thieves:
            thieves.wait(300)
        time.sleep(after)
        self.end = time.time()
        if self.name != "reported":
            wait_until(lambda: self.node.json("listing", "list"), "the listing", 30)
        self.row["rbldnsd lists the address → event and state, s"] = f"{(s.first('listed') or self.end) - listed:.1f}"

    def tell(self):
        """What the account did, and what became of it."""
        s, row = self.scene, self.row
        self.accepted = len(s.accepted()) + 1
        first = s.accepted()[0]["at"]
        out = s.delivered()
        row["accepted, of offered"] = f"{self.accepted} of {VARIANTS[self.name][0] + 1}"
        for event in ("throttled", "quarantined"):
            at = None if self.name == "reported" else s.first(event)
            row[f"first message → {event}, s"] = f"{at - first:.2f}" if at else "-"
        row["got out"] = len(out)
        row["of them at Gmail / Microsoft / Yahoo"] = " / ".join(
            str(sum(f"@{domain}.test" in m["recipients"][0] for m in out)) for domain in ("gmail", "hotmail", "yahoo"))
        row["first message → last that got out, s"] = f"{out[-1]['at'] - first:.2f}"
        answers = [e["answer"] for e in s.refused(HACKED)]
        unknown = sum("nobody" in r for e in s.refused(HACKED) if e["stage"] == "rcpt" for r in e["recipients"])
        content = sum("likely" in answer for answer in answers)
        row["refused: unknown / content / address"] = f"{unknown} / {content} / {len(answers) - unknown - content}"
        delays, missing = s.neighbours_delays(self.begun, self.end)
        refused = sum(e["sender"] not in (HACKED, "") for e in s.refused())
        row["neighbours' messages meanwhile"] = len(delays) + missing
        row["not there; refusals of them"] = f"{missing}; {refused}"
        row["neighbours, meanwhile: median / worst, ms"] = milliseconds(delays)
        self.tell_case(first)

    def tell_case(self, first):
        s, row = self.scene, self.row
        cases = [c for c in self.node.json("case", "list") if c["name"] == HACKED]
        self.case = self.node.json("case", "show", cases[0]["id"])
        row["case"] = f"{self.case['status']}, {self.case['state']}, {self.case['rule']}"
        row["its steps, samples, clients"] = ", ".join(str(len(self.case[part])) for part in ("steps", "samples", "client_ips"))
        if self.name == "reported":
            return
        told = [min((m["at"] for m in s.notices(person)), default=None) for person in PEOPLE]
        row["first message → operator, administrator told, s"] = ", ".join(f"{at - first:.1f}" if at else "-" for at in told)
        status, transcript = s.swaks(s.botnet[1])
        answer = re.search(r"55\d 5\.7\.\d+", transcript)
        row["submission then"] = answer.group() if answer else "taken, paced"
        self.accepted += status == 0

    def release_and_purge(self):
        s, row, node = self.scene, self.row, self.node
        before, start = len(s.delivered()) + len(s.refused(HACKED)), time.time()
        node.cli("case", "release", self.case["id"], "--reason", "undo")
        wait_until(lambda: len(s.delivered()) + len(s.refused(HACKED)) >= before + 10, "what was held to go out", 60)
        row["release → ten more at the providers, s"] = f"{time.time() - start:.2f}"
        node.cli("reputation", "set", HACKED, "--state", "quarantined", "--reason", "no mistake")
        wait_until(lambda: s.held() == s.queued(), "all to be held again", 30)
        count = s.queued()
        case = [c for c in node.json("case", "list", "--status", "open") if c["name"] == HACKED][0]
        start = time.time()
        node.cli("case", "purge", case["id"])
        wait_until(lambda: s.queued() == 0, "an empty queue", 60)
        row["purge: messages, s until all are gone"] = f"{count}, {time.time() - start:.2f}"
        wait_until(lambda: len(s.trace("purged")) == count, "the events of the purge", 30)
        parts = [len(s.trace(event)) for event in ("delivered", "bounced", "purged")]
        row["delivered + refused + purged = accepted"] = f"{' + '.join(map(str, parts))} = {self.accepted}"
        self.fault = sum(parts) != self.accepted or parts[0] != len(s.delivered())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(VARIANTS))
    parser.add_argument("--data", default="/var/tmp", help="where the servers keep their data")
    parser.add_argument("--json")
    options = parser.parse_args()
    rows, faults = {}, 0
    for name in options.only.split(","):
        directory = pathlib.Path(tempfile.mkdtemp(prefix=f"bulkhead-outbreak-{name}-", dir=options.data))
        play = Play(name, directory)
        try:
            play.run()
            rows[name] = play.row
            faults += getattr(play, "fault", False)
        finally:
            play.close()
        shutil.rmtree(directory)
    names = list(dict.fromkeys(key for row in rows.values() for key in row))
    print(f"| | {' | '.join(rows)} |\n| --- |{' --- |' * len(rows)}")
    for key in names:
        print(f"| {key} | {' | '.join(str(row.get(key, '-')) for row in rows.values())} |")
    write_result(options.json, rows)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
