#!/usr/bin/env python3
"""A real Prometheus reads a running server under some traffic: every query of every dashboard returns data, every rule
evaluates, every alert has its tests and says what to do."""
import datetime
import json
import os
import re
import signal
import subprocess
import urllib.parse
import urllib.request

from dns import NameServer
from harness import TOP, Process, TestCase, free_port, main, run, swaks, wait_until

ACME, GLOBEX, ABSENT, REMOTE = "127.81.0.1", "127.81.0.2", "203.0.113.77", "127.81.9.1"
PASSWORD = "correct horse"
# A list that passes its test and names the address that is absent.
LISTED = ["2.0.0.127.bl IN A 127.0.0.2", "77.113.0.203.bl IN A 127.0.0.2"]
DASHBOARDS = sorted((TOP / "monitoring/dashboards").glob("*.json"))
RULES = sorted((TOP / "monitoring/alerts").glob("*.yml"))


class Prometheus:
    """deploy/monitoring-up as a process; ended in order, so that Prometheus ends with it."""

    def __init__(self, directory, target):
        self.url = f"127.0.0.1:{free_port()}"
        environment = {"BULKHEAD_PROMETHEUS": self.url, "BULKHEAD_SCRAPE": "1s", "BULKHEAD_PROMETHEUS_DATA": str(directory)}
        self.script = Process([TOP / "deploy/monitoring-up", target], directory.with_suffix(".log"), env=environment)
        wait_until(lambda: "/alerts" in self.script.text() or not self.script.is_running(), "Prometheus to be up", 40)
        if not self.script.is_running():
            raise AssertionError(self.script.text())

    def kill(self):
        self.script.stop(signal.SIGTERM)

    def get(self, path, **query):
        text = urllib.parse.urlencode(query)
        with urllib.request.urlopen(f"http://{self.url}/api/v1/{path}?{text}", timeout=20) as answer:
            return json.load(answer)["data"]

    def result(self, expression):
        return self.get("query", query=expression)["result"]


def panels(dashboard):
    return [p for p in dashboard["panels"] if p["type"] != "row"]


def queries():
    """(where, expression) of every panel and every variable, with what Grafana puts in for "All"."""
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text())
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield f'{file.name}: {panel["title"]}', target["expr"]
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                series = re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"]).group(1)
                yield f'{file.name}: ${variable["name"]}', series


def filled_in(expression):
    expression = expression.replace("$__rate_interval", "1m")
    return re.sub(r"\$(instance|tenant|source|site)\b", ".*", expression)


class Files(TestCase):
    def test_promtool_is_content(self):
        run(["promtool", "check", "rules", *map(str, RULES)])
        run(["promtool", "check", "config", str(TOP / "deploy/monitoring/prometheus.yml")])
        # Each of the tests has a database of its own, which a slow disk would make slow.
        files = map(str, sorted((TOP / "monitoring/alerts/tests").glob("*.yml")))
        out = subprocess.run(["promtool", "test", "rules", *files], env={**os.environ, "TMPDIR": "/dev/shm"},
                             capture_output=True, text=True)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)

    def test_every_alert_is_tested_both_ways_and_has_its_section(self):
        text = (TOP / "monitoring/alerts/alerts.yml").read_text()
        tests = (TOP / "monitoring/alerts/tests/alerts_test.yml").read_text()
        sections = re.findall(r"^## (\w+)$", (TOP / "docs/alerts.md").read_text(), re.M)
        alerts = re.findall(r"- alert: (\w+)", text)
        self.assertEqual(sorted(alerts), sorted(sections))
        self.assertEqual(re.findall(r"runbook: docs/alerts.md#(\w+)", text), [name.lower() for name in alerts])
        for name in alerts:
            self.assertIn(f"name: {name} fires\n", tests)
            self.assertIn(f"name: {name} keeps quiet\n", tests)

    def test_only_metrics_that_exist_are_used(self):
        known = set(re.findall(r"^\| `(bulkhead_\w+)`", (TOP / "docs/reference/metrics.md").read_text(), re.M))
        texts = [(str(f), f.read_text()) for f in RULES] + [(where, text) for where, text in queries()]
        for where, text in texts:
            for name in re.findall(r"(?<![\w:/-])bulkhead_\w+", text):
                self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name) if name not in known else name, known, where)

    def test_dashboards_can_be_provisioned(self):
        seen = set()
        for file in DASHBOARDS:
            dashboard = json.loads(file.read_text())
            self.assertEqual(dashboard["uid"], "bulkhead-" + file.stem)
            self.assertEqual(len({p["id"] for p in dashboard["panels"]}), len(dashboard["panels"]))
            taken = set()
            for panel in dashboard["panels"]:
                place = panel["gridPos"]
                self.assertLessEqual(place["x"] + place["w"], 24)
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertFalse(cells & taken, f'{file.name}: {panel["title"]} lies on another panel')
                taken |= cells
            for panel in panels(dashboard):
                self.assertTrue(panel["description"], panel["title"])
                self.assertEqual({t["datasource"]["uid"] for t in panel["targets"]}, {"${datasource}"})
            seen.add(file.stem)
        self.assertEqual(seen, {"fleet", "tenant", "source-address", "outbreak", "queue", "store"})


class Running(TestCase):
    def setUp(self):
        super().setUp()
        port = free_port("127.0.0.1")
        self.own(NameServer(self.directory / "dns", f"127.0.0.1:{port}", ["known IN A 192.0.2.1", *LISTED]))
        extra = f'[dns]\nservers = ["127.0.0.1:{port}"]\n[queue]\nretry = ["2s"]\n'
        extra += '[monitor]\nzones = ["bl.test"]\nconfirm_after = "1s"\n'
        self.server = self.node(extra=extra)
        self.server.start()
        self.good = free_port(REMOTE)
        self.sink(f"{REMOTE}:{self.good}", options=["--rcpt", "no=550 5.1.1 no such user", "--rcpt", "later=451 4.2.1 later"])
        self.rude = free_port(REMOTE)
        self.sink(f"{REMOTE}:{self.rude}", options=["--drop-at-end"])
        s = self.server
        s.add_tenant("acme", "acme.test", [(ACME, "mx.acme.test")], "a@acme.test", PASSWORD)
        s.add_tenant("globex", "globex.test", [(GLOBEX, "mx.globex.test")], "b@globex.test", PASSWORD)
        s.add_tenant("absent", "absent.test", [(ABSENT, "mx.absent.test")], "c@absent.test", PASSWORD)
        s.cli("route", "add", "good.test", "--host", REMOTE, "--port", self.good)
        s.cli("route", "add", "rude.test", "--host", REMOTE, "--port", self.rude)
        s.cli("limit", "set", "--account", "b@globex.test", "--messages", "1/1h")
        s.cli("limit", "set", "--account", "a@acme.test", "--messages", "4/1h")
        s.cli("tenant", "set", "acme", "--over-limit", "pace", "--feedback-address", "a@acme.test")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        (s.data / "firewall.readings").write_text(json.dumps({
            "at": now, "refused_users": 1, "refused_addresses": 0, "repairs": 0,
            "tenants": [{"tenant": "acme", "packets": 9, "bytes": 900}]}))

    def submit(self, user, address, recipient, password=PASSWORD):
        return swaks("--server", address, "--port", self.server.submission, "--tls", "--auth", "PLAIN", "--auth-user", user,
                     "--auth-password", password, "--from", user, "--to", recipient)[0]

    def traffic(self):
        a = ("a@acme.test", ACME)
        for recipient in ("x@good.test", "no@good.test,later@good.test", "x@rude.test", "x@nowhere.test", "x@good.test"):
            self.assertEqual(self.submit(*a, recipient), 0)
        b = ("b@globex.test", GLOBEX)
        self.assertEqual(self.submit(*b, "a@acme.test"), 0)
        self.assertNotEqual(self.submit(*b, "a@acme.test"), 0, "over the limit")
        self.assertEqual(self.submit("c@absent.test", "127.0.0.1", "x@good.test"), 0)
        self.assertNotEqual(self.submit(*b, "a@acme.test", "wrong"), 0)
        # What comes to the feedback address is looked at, whatever it is.
        self.assertEqual(swaks("--server", ACME, "--port", self.server.smtp, "--from", "s@away.test", "--to", "a@acme.test")[0], 0)
        self.assertNotEqual(swaks("--server", ACME, "--port", self.server.smtp, "--from", "s@away.test", "--to",
                                  "nobody@acme.test")[0], 0)

    def test_every_query_returns_data_and_every_rule_evaluates(self):
        prometheus = self.own(Prometheus(self.directory / "prometheus", f"127.0.0.1:{self.server.metrics}"))
        self.traffic()
        missing = set(queries())

        def all_have_data():
            for where, expression in list(missing):
                if prometheus.result(filled_in(expression)):
                    missing.remove((where, expression))
            return not missing
        try:
            wait_until(all_have_data, "data", 60, every=1)
        except AssertionError:
            self.fail("no data:\n" + "\n".join(f"{where}: {expression}" for where, expression in sorted(missing)))

        def evaluated():
            groups = prometheus.get("rules")["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None
        rules = wait_until(evaluated, "the rules to be evaluated", 30)
        self.assertEqual([rule["name"] for rule in rules if rule["health"] != "ok"], [])
        self.assertEqual(len(rules), sum(len(re.findall(r"^ +- (?:alert|record): ", f.read_text(), re.M)) for f in RULES))
        firing = {a["labels"]["alertname"] for a in prometheus.get("alerts")["alerts"]}
        self.assertIn("BulkheadSourceAddressAbsent", firing, "pending or firing: one address is missing")
        for record in ("bulkhead:messages_received:rate5m", "bulkhead:source_deliveries:rate30m",
                       "bulkhead:queue_delay_seconds:p95_30m"):
            wait_until(lambda: prometheus.result(record), record, 40, every=1)
        for series in prometheus.get("label/__name__/values"):
            if series.startswith("bulkhead"):
                self.assertLess(len(prometheus.result(f'{{__name__="{series}"}}')), 500, series)


if __name__ == "__main__":
    main()
