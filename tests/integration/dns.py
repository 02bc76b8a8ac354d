"""A real name server (NSD) for the tests: one zone "test." and the reverse zones of the test networks."""
import pathlib
import subprocess

from harness import Process, wait_until

SOA = "@ 60 IN SOA ns.test. root.test. 1 3600 600 86400 5\n@ 60 IN NS ns.test.\n"


class NameServer:
    """`records` are lines of the zone "test."; `reverse` maps an IP to a name; `zones` are further ones: name to lines."""

    def __init__(self, directory, endpoint, records, reverse=None, namespace=None, zones=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.address, self.port = endpoint.rsplit(":", 1)
        self.namespace = namespace
        further = {f"{zone}.": SOA + "\n".join(lines) + "\n" for zone, lines in (zones or {}).items()}
        zones = {"test.": SOA + "ns 60 IN A 127.0.0.1\n" + "\n".join(records) + "\n",
                 "10.in-addr.arpa.": SOA, "7.7.d.f.ip6.arpa.": SOA, **further}
        for ip, name in (reverse or {}).items():
            import ipaddress
            pointer = ipaddress.ip_address(ip).reverse_pointer + "."
            zone = next(z for z in zones if pointer.endswith("." + z))
            zones[zone] += f"{pointer} 60 IN PTR {name}.\n"
        configuration = f"""server:
  ip-address: {self.address}
  port: {self.port}
  username: ""
  zonesdir: "{self.directory}"
  pidfile: "{self.directory}/nsd.pid"
  database: ""
  zonelistfile: "{self.directory}/zone.list"
  xfrdfile: "{self.directory}/xfrd.state"
  server-count: 1
remote-control:
  control-enable: no
"""
        for number, (zone, text) in enumerate(zones.items()):
            (self.directory / f"{number}.zone").write_text(f"$ORIGIN {zone}\n$TTL 60\n" + text)
            configuration += f'zone:\n  name: "{zone}"\n  zonefile: "{number}.zone"\n'
        (self.directory / "nsd.conf").write_text(configuration)
        self.process = None
        self.start()

    def start(self):
        self.process = Process(["nsd", "-d", "-c", self.directory / "nsd.conf"], self.directory / "nsd.log", self.namespace)

        def answers():
            if not self.process.is_running():
                raise AssertionError("nsd ended: " + self.process.text())
            prefix = ["ip", "netns", "exec", self.namespace] if self.namespace else []
            out = subprocess.run([*prefix, "dig", "+time=1", "+tries=1", "+short", f"@{self.address}", "-p", self.port,
                                  "test.", "SOA"], capture_output=True, text=True)
            return "root.test." in out.stdout
        wait_until(answers, "the name server to answer")

    def stop(self):
        self.process.stop()
