"""The scene of an outbreak in network namespaces: a server with tenants, three mailbox providers, a list of bad senders, clients.

The hacked account is info@shop.test. Neighbours: a colleague in its tenant, two tenants on the same shared address, one with an
address of its own. Thieves are four hosts with the stolen password. Nothing but reputation limits anybody.
"""
import json
import os
import pathlib
import statistics
import sys
from datetime import datetime

import providers
from dns import NameServer
from harness import TOP, Namespaces, Node, Process, Sink, run, swaks, wait_until

SHARED, OWN, OPERATOR = "10.77.0.11", "10.77.0.12", "10.77.0.13"
GMAIL, MICROSOFT, YAHOO, PLAIN = "10.77.0.101", "10.77.0.102", "10.77.0.103", "10.77.0.104"
HACKED, PASSWORD = "info@shop.test", "correct horse battery"
NEIGHBOURS = ["colleague@shop.test", "ann@bakery.test", "eve@garage.test", "carl@own.test"]
DOMAINS = ["gmail.test", "hotmail.test", "yahoo.test"]
RECORDS = [
    "gmail IN MX 5 gmail-smtp-in.l.google.com.", "hotmail IN MX 2 hotmail-com.olc.protection.outlook.com.",
    "yahoo IN MX 1 mta5.am0.yahoodns.net.", "plain IN MX 10 mx.plain", f"mx.plain IN A {PLAIN}",
    f"mx.shared IN A {SHARED}", f"mx.own IN A {OWN}", f"mx.isp IN A {OPERATOR}",
]
ZONES = {"google.com": [f"gmail-smtp-in.l IN A {GMAIL}"], "outlook.com": [f"hotmail-com.olc.protection IN A {MICROSOFT}"],
         "yahoodns.net": [f"mta5.am0 IN A {YAHOO}"]}
REVERSE = {SHARED: "mx.shared.test", OWN: "mx.own.test", OPERATOR: "mx.isp.test"}


class Submitters:
    """submitter.py in a namespace."""

    def __init__(self, directory, namespace, *options):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.record = self.directory / "submitted.jsonl"
        self.record.touch()
        self.process = Process([sys.executable, TOP / "tests/integration/submitter.py", "--record", self.record, "--password",
                                PASSWORD, *options], self.directory / "submitter.log", namespace)

    def events(self, kind=None):
        lines = self.record.read_bytes().split(b"\n")
        events = [json.loads(line) for line in lines[:-1]]
        return [e for e in events if kind in (None, e["event"])]

    def wait(self, seconds=120):
        self.process.popen.wait(seconds)
        return self

    def stop(self):
        """Ends them now; what they are about to send is not sent."""
        if self.process.is_running():
            self.process.popen.terminate()
            self.process.popen.wait(10)


class Scene:
    """Builds everything; `own` is told of each process that was started."""

    def __init__(self, directory, own=lambda thing: thing, reputation="", scale=1.0):
        self.directory, self.own, self.thieves, self.neighbours = pathlib.Path(directory), own, [], []
        self.net = Namespaces()
        self.net.add(self.net.server, f"{SHARED}/24", f"{OWN}/24", f"{OPERATOR}/24")
        self.net.add(self.net.remote, *(f"{ip}/24" for ip in (GMAIL, MICROSOFT, YAHOO, PLAIN)))
        self.office, self.botnet = self.net.client(1), [self.net.client(n) for n in (2, 3, 4, 5)]
        self.start_names()
        self.start_providers(scale)
        self.node = own(Node(self.directory / "node", namespace=self.net.server, reputation=reputation, extra=(
            '[dns]\nservers = ["127.0.0.1:53"]\n[queue]\nretry = ["5s"]\n[notify]\noperator = "noc@plain.test"\ntenant = "isp"\n'
            '[monitor]\nzones = ["bl.test"]\ninterval = "2s"\nconfirm_after = "1s"\n')))

    def start_names(self):
        os.chmod(self.directory, 0o755)
        server = self.net.server
        self.own(NameServer(self.directory / "nsd", "127.0.0.1:5301", RECORDS, REVERSE, server, ZONES))
        self.listed = self.directory / "listed"
        self.list_them()
        self.own(Process(["rbldnsd", "-n", "-b", "127.0.0.1/5302", "-c", "1", "-t", "1", "-w", self.directory, "-u", "nobody",
                          f"bl.test:ip4set:{self.listed}"], self.directory / "rbldnsd.log", server))
        router = self.own(Process([sys.executable, TOP / "tests/integration/dns_router.py", "127.0.0.1:53",
                                   "bl.test=127.0.0.1:5302", "=127.0.0.1:5301"], self.directory / "router.log", server))
        wait_until(lambda: "listening" in router.text(), "the forwarder")

    def list_them(self, *ips):
        self.listed.write_text("\n".join(["$SOA 1 ns.test root.test 0 2 2 2 1", ":127.0.0.2:listed", "127.0.0.2", *ips]) + "\n")

    def start_providers(self, scale):
        script = self.directory / "providers.json"
        script.write_text(json.dumps([providers.gmail(GMAIL, scale), providers.microsoft(MICROSOFT, scale),
                                      providers.yahoo(YAHOO, scale), providers.plain(PLAIN)]))
        self.sink = self.own(Sink(self.directory / "providers", [script], self.net.remote, program="provider_sink.py"))

    def serve(self):
        node = self.node.start()
        node.cli("address", "add", SHARED, "--shared", "--helo", "mx.shared.test")
        for account in [HACKED, *NEIGHBOURS]:
            domain = account.split("@")[1]
            tenant = domain.split(".")[0]
            if node.cli_result("tenant", "add", tenant).returncode == 0:
                node.cli("domain", "add", domain, "--tenant", tenant)
            node.cli("account", "add", account, "--password-stdin", stdin=PASSWORD + "\n")
            node.cli("limit", "set", "--account", account, "--messages", "none", "--recipients", "none", "--bytes", "none")
        node.cli("address", "add", OWN, "--tenant", "own", "--helo", "mx.own.test")
        node.cli("tenant", "set", "shop", "--postmaster", "boss@plain.test")
        node.add_tenant("isp", "isp.test", [(OPERATOR, "mx.isp.test")])
        wait_until(lambda: node.json("listing", "zones")[0]["state"] == "trusted", "the list to be trusted", 30)
        return node

    def start_neighbours(self):
        """Each writes every two seconds to the three providers in turn; carl hands in by his tenant's own address."""
        for server, users in ((SHARED, NEIGHBOURS[:3]), (OWN, NEIGHBOURS[3:])):
            # Two-second steps for each of the users.
            self.neighbours.append(self.own(Submitters(
                self.directory / f"neighbours{len(self.neighbours)}", self.office, "--server", server, "--users", ",".join(users),
                "--domains", ",".join(DOMAINS), "--name", f"friend{server.rsplit('.')[-1]}-", "--sessions", len(users),
                "--rate", 30 * len(users))))

    def start_thieves(self, count, rate=0.0, unknown=0.0, sessions=2, patience=3):
        """Each of the four hosts sends its part of `count` messages; `rate` is of all together."""
        hosts = self.botnet
        for number, namespace in enumerate(hosts):
            self.thieves.append(self.own(Submitters(
                self.directory / f"thieves{len(self.thieves)}", namespace, "--server", SHARED, "--users", HACKED, "--domains",
                ",".join(DOMAINS), "--name", f"victim{len(self.thieves)}-", "--sessions", sessions, "--count",
                count // len(hosts), "--rate", rate / len(hosts), "--unknown", unknown, "--patience", patience, "--unsolicited")))

    def swaks(self, namespace, user=HACKED, to="victim@gmail.test"):
        return swaks("--server", SHARED, "--port", 587, "--tls", "--auth", "PLAIN", "--auth-user", user, "--auth-password",
                     PASSWORD, "--from", user, "--to", to, "--header", "X-Unsolicited: yes", namespace=namespace)

    # What happened.

    def accepted(self):
        return sorted((e for t in self.thieves for e in t.events("accepted")), key=lambda e: e["at"])

    def delivered(self):
        return [m for m in self.sink.messages() if m["sender"] == HACKED]

    def refused(self, sender=None):
        return [e for e in self.sink.events() if e["event"] == "refused" and sender in (None, e["sender"])]

    def first(self, event):
        """When the server noted the first such event; None when it did not."""
        rows = self.node.json("trace", "search", "--event", event)
        return min((datetime.fromisoformat(row["at"].replace("Z", "+00:00")).timestamp() for row in rows), default=None)

    def trace(self, event):
        """The events of that kind about the hacked account's messages; an order's own event names none."""
        rows = self.node.json("trace", "search", "--event", event, "--account", HACKED, "--limit", "5000")
        return [row for row in rows if "id" in row]

    def held(self):
        return self.queued("--state", "held")

    def queued(self, *selectors):
        return self.node.json("queue", "count", "--account", HACKED, *selectors)["deliveries"]

    def neighbours_delays(self, begin=0.0, end=float("inf")):
        """(seconds from MAIL to the other side, how many have not arrived) of what was sent between the two times."""
        arrived = {r: m["at"] for m in self.sink.messages() for r in m["recipients"]}
        sent = [e for n in self.neighbours for e in n.events("accepted") if begin <= e["at"] < end]
        return [arrived[e["to"]] - e["at"] for e in sent if e["to"] in arrived], sum(e["to"] not in arrived for e in sent)

    def metrics(self):
        return run(["ip", "netns", "exec", self.net.server, "curl", "-s", f"http://127.0.0.1:{self.node.metrics}/metrics"]).stdout

    def notices(self, recipient):
        return [m for m in self.sink.messages() if m["recipients"] == [recipient]]


def milliseconds(delays):
    return f"{statistics.median(delays) * 1000:.0f} / {max(delays) * 1000:.0f}" if delays else "-"
