#!/usr/bin/env python3
"""Real clients that submit mail: sessions that sign in over STARTTLS and send, at a rate or as fast as they can.

submitter.py --record FILE --server IP --password P --users A,B --domains D,E [options]

Each session signs in as one of the users, in turn. One line a message: {event: accepted|refused, at, took, user, to, text}; `at` is when
its MAIL was sent. A refusal ends a session's connection; it signs in again, and gives up after --patience of them in a row.
"""
import argparse
import json
import smtplib
import ssl
import threading
import time


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--record", required=True)
    p.add_argument("--server", required=True)
    p.add_argument("--port", type=int, default=587)
    p.add_argument("--password", required=True)
    p.add_argument("--users", required=True)
    p.add_argument("--domains", required=True, help="of the recipients, in turn")
    p.add_argument("--name", default="friend", help="how the recipients' local parts begin")
    p.add_argument("--unknown", type=float, default=0.0, help="this share of them is nobody…, whom no provider knows")
    p.add_argument("--sessions", type=int, default=1)
    p.add_argument("--count", type=int, default=1 << 40)
    p.add_argument("--rate", type=float, default=0.0, help="messages a minute of all sessions together; 0: as fast as they can")
    p.add_argument("--unsolicited", action="store_true", help="the providers' filters would know it for what it is")
    p.add_argument("--patience", type=int, default=3)
    return p.parse_args()


class Submitter:
    def __init__(self, options):
        self.options = options
        self.users, self.domains = options.users.split(","), options.domains.split(",")
        self.file = open(options.record, "ab", buffering=0)
        self.lock, self.taken, self.begun = threading.Lock(), 0, time.monotonic()

    def note(self, **event):
        self.file.write((json.dumps(event) + "\n").encode())

    def sign_in(self, user):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = smtplib.SMTP(self.options.server, self.options.port, local_hostname="client.test", timeout=30)
        client.starttls(context=context)
        client.login(user, self.options.password)
        return client

    def next(self):
        """The number of the next message, when its time has come; None when all are sent."""
        with self.lock:
            number = self.taken
            self.taken += 1
        if number >= self.options.count:
            return None
        if self.options.rate:
            time.sleep(max(0.0, self.begun + number * 60 / self.options.rate - time.monotonic()))
        return number

    def message(self, number, user):
        # Spread evenly: the share of the unknown holds for any run of messages, and for each domain.
        turn = number // len(self.domains)
        unknown = int((turn + 1) * self.options.unknown) > int(turn * self.options.unknown)
        to = f"{'nobody' if unknown else self.options.name}{number}@{self.domains[number % len(self.domains)]}"
        mark = "X-Unsolicited: yes\r\n" if self.options.unsolicited else ""
        subject = "You have won" if mark else "Lunch?"
        return to, f"From: {user}\r\nTo: {to}\r\nSubject: {subject}\r\n{mark}\r\n{'text of the message ' * 20}\r\n"

    def run(self, user):
        client, refusals = None, 0
        while refusals < self.options.patience and (number := self.next()) is not None:
            to, text = self.message(number, user)
            at = time.time()
            try:
                client = client or self.sign_in(user)
                at = time.time()
                client.sendmail(user, [to], text)
                refusals = 0
                self.note(event="accepted", at=at, took=time.time() - at, user=user, to=to)
            except (smtplib.SMTPException, OSError) as error:
                self.note(event="refused", at=at, took=time.time() - at, user=user, to=to, text=str(error))
                refusals += 1
                client = client and client.close()
                time.sleep(0.2)

    def play(self):
        sessions = [threading.Thread(target=self.run, args=(self.users[n % len(self.users)],), daemon=True)
                    for n in range(self.options.sessions)]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()


if __name__ == "__main__":
    Submitter(parse()).play()
