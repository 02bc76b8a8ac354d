"""A server whose tenants have webhooks at addresses that are public, in namespaces of the test's own; mail goes to another host there."""
import datetime

from bad_hook import Hook, good
from certificates import Pair
from harness import Namespaces, TestCase, run

# A tenant's webhook leads to a public address only. These are of the namespaces alone.
SERVER, REMOTE, SINK = "20.1.2.1", "20.1.2.2", "20.1.2.3"
NOBODY = "20.1.2.99"      # no host has it
OPERATOR_PORT, FIRST_PORT = 9000, 9001


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class HookTest(TestCase):
    def setUp(self):
        super().setUp()
        self.net = Namespaces()
        self.addCleanup(self.net.close)
        self.net.add(self.net.server, f"{SERVER}/24")
        self.net.add(self.net.remote, f"{REMOTE}/24", f"{SINK}/24")
        run(["ip", "-n", self.net.server, "route", "add", NOBODY, "via", REMOTE])
        self.pair = Pair(self.directory, "hook", "hook.test", f"IP:{REMOTE},IP:{NOBODY}")
        secret = self.directory / "webhook.secret"
        secret.write_text("whsec_" + "QUJD" * 8 + "\n")
        # The program trusts the system's certificates: here these are ours alone.
        trusted = ["unshare", "--mount", "sh", "-c", f"mount --bind {self.pair.chain} /etc/ssl/certs/ca-certificates.crt && "
                   'exec "$@"', "sh"]
        self.server = self.node(namespace=self.net.server, listen=["0.0.0.0"], prefix=trusted, extra=(
            f'[notify]\ntenants = false\nwebhook = "http://{REMOTE}:{OPERATOR_PORT}/all"\nwebhook_secret_file = "{secret}"\n'
            '[monitor]\nzones = []\nreadiness = "off"\n'))
        self.keep_in_memory(self.server)
        self.server.start()
        self.server.cli("address", "add", SERVER, "--shared", "--helo", "mx.node.test")
        self.remote = self.sink(f"{SINK}:25", namespace=self.net.remote, options=["--no-data"])
        self.server.cli("route", "add", "far.test", "--host", SINK)
        self.hooks = {"operator": Hook(self.net.remote, (REMOTE, OPERATOR_PORT), good)}
        self.addCleanup(lambda: [hook.stop() for hook in self.hooks.values()])

    def add_tenant(self, name, behaviour, host=REMOTE):
        port = FIRST_PORT + len(self.hooks)
        self.hooks[name] = Hook(self.net.remote, (REMOTE, port), behaviour, self.pair)
        self.server.cli("tenant", "add", name)
        self.server.cli("domain", "add", f"{name}.test", "--tenant", name)
        self.server.cli("account", "add", f"a@{name}.test")
        self.server.cli("tenant", "set", name, "--webhook", f"https://{host}:{port}/{name}")

    def change(self, name, state):
        self.server.cli("reputation", "set", f"a@{name}.test", "--state", state, "--reason", "a test")

    def ids(self, name):
        return [post["id"] for post in self.hooks[name].posts]

    def failing(self):
        return {row["tenant"]: row for row in self.server.json("status")["webhooks"]}

    def metric(self, name):
        text = run(["ip", "netns", "exec", self.net.server, "curl", "-s", f"http://127.0.0.1:{self.server.metrics}/metrics"]).stdout
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def delays(self, name):
        """From each event to its arrival."""
        return [post["at"] - instant(post["event"]["timestamp"]) for post in self.hooks[name].posts]
