#!/usr/bin/env python3
"""The ledger: compares what was sent, what arrived, and what is still queued. Exit status: the number of violations (at most 100).

ledger.py SENT.jsonl SINK.jsonl [--stored N] [--local]

A sent line is {token, sha, status …}: acknowledged (a 2xx to the end of data), refused, or ambiguous (the connection died between the last
byte and the reply, or the reply was 451 because a sync failed: the sender tries again). The sha is over everything from the X-Ledger field on, so that trace fields which are put
above do not count and everything else does.
"""
import argparse
import collections
import hashlib
import json
import sys

MARK = b"X-Ledger: "


def fingerprint(message):
    """(token, sha) of a message as bytes; (None, None) when it has no X-Ledger field."""
    at = message.find(MARK)
    if at < 0:
        return None, None
    rest = message[at:]
    return rest[len(MARK):].split(b"\r\n", 1)[0].decode(), hashlib.sha256(rest).hexdigest()


def read(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file.read().split(b"\n")[:-1]]


def needless_copies(times, kills):
    """How many copies came although the server was not killed between them and the ones before."""
    pairs = zip(times, times[1:])
    # What lay in socket buffers when the server died may be noted a moment after.
    return sum(1 for first, second in pairs if not any(first - 1 <= kill <= second for kill in kills))


def compare(sent, arrived, kills=None, ended=()):
    """Returns (violations, summary): violations as sentences. `kills`: when the server was killed, which alone excuses a second
    copy; None: that is not known, and copies are only counted. `ended`: the tokens of what was purged or bounced."""
    violations, counts = [], collections.Counter()
    by_token = {}
    for entry in sent:
        by_token[entry["token"]] = entry
        counts[entry["status"]] += 1
    copies, times = collections.Counter(), collections.defaultdict(list)
    for message in arrived:
        token, sha = message.get("token"), message.get("sha")
        entry = by_token.get(token)
        if entry is None:
            violations.append(f"invented: {token} arrived and was never sent")
        elif entry["sha"] != sha:
            violations.append(f"altered: {token} arrived with other bytes")
        elif entry["status"] == "refused":
            violations.append(f"refused and delivered all the same: {token}")
        copies[token] += 1
        times[token].append(message["at"])
    for entry in sent:
        if entry["status"] == "acknowledged" and copies[entry["token"]] == 0 and entry["token"] not in ended:
            violations.append(f"lost: {entry['token']} was acknowledged and never arrived")
    for token, seen in times.items():
        if kills is not None and needless_copies(sorted(seen), kills):
            violations.append(f"duplicated: {token} arrived {len(seen)} times, and the server was not killed between")
    counts["arrived"] = len(arrived)
    counts["duplicates"] = sum(n - 1 for n in copies.values())
    return violations, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sent")
    parser.add_argument("sink")
    options = parser.parse_args()
    arrived = [e for e in read(options.sink) if e["event"] == "message"]
    violations, counts = compare(read(options.sent), arrived)
    for violation in violations[:50]:
        print(violation)
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) + f"; violations: {len(violations)}")
    return min(len(violations), 100)


if __name__ == "__main__":
    sys.exit(main())
