"""What orders about the queue and limits permit, compared with what was sent and what arrived: the ledger's second half.

All times are those of time.time(). What an order means follows docs/durability.md: what was accepted before it, and with
"and future" what comes later. What was under way when it came may be meant or not.
"""
import dataclasses

# An attempt that was under way when an order came may still end; so late the remote may note what a dead server has sent.
UNDER_WAY = 3.0
# The counters of limits are stored once a second; a kill forgets what was taken since.
FORGOTTEN = 2.0


@dataclasses.dataclass
class Order:
    verb: str                      # hold, purge, bounce
    sender: str                    # whose mail it means
    domain: str = ""               # to that domain only
    future: bool = False
    asked: float = 0.0
    answered: float = 0.0          # 0: no answer came, so that it may be in force or not
    directive: str = ""
    released: float = float("inf")  # of a hold: when its release was asked for

    def meets(self, entry):
        return entry["sender"] == self.sender and entry["recipient"].endswith("@" + self.domain if self.domain else "")

    def may_mean(self, entry):
        return self.meets(entry) and (self.future or not self.answered or entry["begun"] < self.answered)

    def must_mean(self, entry):
        is_earlier = entry["status"] == "acknowledged" and entry["at"] < self.asked
        is_later = self.future and entry["begun"] > self.answered
        return bool(self.answered) and self.meets(entry) and (is_earlier or is_later)

    def in_force(self, starts):
        """From when on nothing that it means may arrive."""
        return min([self.answered + UNDER_WAY] + [at for at in starts if at > self.answered])


@dataclasses.dataclass
class Limit:
    sender: str
    burst: int
    per_second: float
    answered: float
    unset: float = float("inf")    # when its end was asked for

    def most(self, accepted, kills, end):
        """How many may have been taken between its answer and its end: the burst, what comes back, and what kills forget."""
        end = min(end, self.unset)
        forgotten = sum(1 for at in accepted for kill in kills
                        if self.answered < kill < end and kill - FORGOTTEN <= at <= kill)
        return self.burst + self.per_second * (end - self.answered) + forgotten + 1


def first_arrivals(arrived):
    first = {}
    for message in arrived:
        first[message["token"]] = min(message["at"], first.get(message["token"], message["at"]))
    return first


def check_orders(orders, sent, arrived, starts):
    """Violations, as sentences: what left although an order stood against it."""
    violations = []
    by_token = {entry["token"]: entry for entry in sent}
    begins = {id(order): order.in_force(starts) for order in orders}
    for message in arrived:
        entry = by_token.get(message["token"])
        for order in orders if entry else ():
            if order.must_mean(entry) and begins[id(order)] < message["at"] < order.released:
                violations.append(f"left against an order to {order.verb}: {entry} arrived {message['at']}, {order}")
    return violations


def check_ends(verb, ended, orders, sent, arrived, kills):
    """Violations among what the trace says was purged or bounced: without an order, twice, or sent as well without a kill."""
    violations = []
    by_token = {entry["token"]: entry for entry in sent}
    first = first_arrivals(arrived)
    for token, times in ended.items():
        entry = by_token.get(token)
        if entry is None or not any(order.verb == verb and order.may_mean(entry) for order in orders):
            violations.append(f"{verb} without an order: {token} {entry}")
        if times != 1:
            violations.append(f"{verb} {times} times: {token}")
        is_both = token in first and not any(first[token] - 1 <= kill <= first[token] + UNDER_WAY for kill in kills)
        if is_both:
            violations.append(f"{verb} although it had arrived, and the server was not killed then: {token}")
    return violations


def check_limits(limits, sent, kills, times):
    """Violations of limits by what happened at `times` (token → time) to messages that came while each was in force."""
    violations = []
    for limit in limits:
        entries = [e for e in sent if e["sender"] == limit.sender and e["status"] != "refused" and e["begun"] > limit.answered]
        taken = [times[e["token"]] for e in entries if e["token"] in times]
        seen = [at for at in taken if at < limit.unset]
        most = limit.most([e["at"] for e in entries], kills, max(seen, default=limit.answered))
        if len(seen) > most:
            violations.append(f"over the limit: {len(seen)} where {most:.1f} may pass: {limit}")
    return violations
