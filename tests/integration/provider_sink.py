#!/usr/bin/env python3
"""SMTP servers that answer as large mailbox providers do: a script says what is answered at which stage, from which count on.

provider_sink.py --record FILE SCRIPT.json       prints "listening" once all servers are bound.

The script is a list of servers: {"provider", "host", "endpoints", "taken", "rules"}. A rule is {"stage", "answer"} and any of

  recipient    only recipients that begin so
  unsolicited  true: only a message with the field X-Unsolicited (stage "end")
  of           what is counted, of the client's address: "unsolicited" messages (default) or "unknown" recipients
  from, below  bounds of that count
  seconds      not before so many seconds since the first of them

The first rule that fits answers; a 421 also ends the connection. Stages: greeting mail rcpt end. In an answer {ip} is the
client's address and {recipient} the recipient; lines are divided by "\\n", each with its code. Events are those of sink.py, and
refused {provider, stage, answer, peer, sender, recipients}.
"""
import argparse
import collections
import json
import pathlib
import time

import sink

MARK = b"X-Unsolicited: "


class ProviderSession(sink.Session):
    def refusal(self):
        return self.answer("greeting")

    def answer(self, stage, recipient="", unsolicited=False):
        """The script's answer, recorded; None for what is taken."""
        text = self.sink.answer(stage, self.peer, recipient, unsolicited)
        if text:
            path = lambda line: line.split("<", 1)[-1].split(">", 1)[0]
            self.sink.write(event="refused", provider=self.sink.provider, stage=stage, answer=text, peer=self.peer,
                            sender=path(self.mail or ""), recipients=[recipient] if recipient else [path(r) for r in self.rcpt])
            text = text.replace("\n", "\r\n")
        return text

    async def refuse(self, answer):
        await self.reply(answer)
        return not answer.startswith("421")

    async def do_mail(self, line):
        self.mail, self.rcpt = line, []
        if answer := self.answer("mail"):
            self.mail = None
            return await self.refuse(answer)
        return await super().do_mail(line)

    async def do_rcpt(self, line):
        recipient = line.split("<", 1)[-1].split(">", 1)[0]
        if self.mail and (answer := self.answer("rcpt", recipient)):
            return await self.refuse(answer)
        return await super().do_rcpt(line)

    async def finish(self, data):
        unsolicited = MARK in data
        if unsolicited:
            self.sink.count(self.peer, "unsolicited")
        if answer := self.answer("end", unsolicited=unsolicited):
            return await self.refuse(answer)
        return await super().finish(data)


class Provider(sink.Sink):
    session = ProviderSession

    def __init__(self, record, script):
        options = ["--record", record, "--name", script["host"], "--taken", script["taken"], *script["endpoints"]]
        super().__init__(sink.parser().parse_args(options))
        self.provider, self.rules = script["provider"], script["rules"]
        self.counts, self.first = collections.Counter(), {}

    def count(self, peer, what):
        self.counts[peer, what] += 1
        self.first.setdefault((peer, what), time.monotonic())

    def fits(self, rule, stage, peer, recipient, unsolicited):
        key = (peer, rule.get("of", "unsolicited"))
        return (rule["stage"] == stage and recipient.startswith(rule.get("recipient", ""))
                and (unsolicited or not rule.get("unsolicited"))
                and rule.get("from", 0) <= self.counts[key] < rule.get("below", 1 << 60)
                and time.monotonic() - self.first.get(key, time.monotonic()) >= rule.get("seconds", 0))

    def answer(self, stage, peer, recipient, unsolicited):
        for rule in self.rules:
            if self.fits(rule, stage, peer, recipient, unsolicited):
                if "recipient" in rule:
                    self.count(peer, "unknown")
                return rule["answer"].replace("{ip}", peer).replace("{recipient}", recipient)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", required=True)
    parser.add_argument("script")
    options = parser.parse_args()
    sink.main([Provider(options.record, script) for script in json.loads(pathlib.Path(options.script).read_text())])


if __name__ == "__main__":
    main()
