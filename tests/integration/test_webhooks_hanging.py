#!/usr/bin/env python3
"""Webhooks that hang, drip, break off, redirect or never end: those of others and mail go on, and each is tried again as documented."""
import statistics
import time

import bad_hook
from harness import main, wait_until
from hook_scene import NOBODY, REMOTE, SERVER, HookTest, instant
from outbreak_scene import PASSWORD, Submitters

# How each misbehaves, and what the server says about it.
BAD = {
    "mute": (None, "timeout|timed out|Timeout"),
    "silent": (bad_hook.silent, "Timeout"),
    "drip": (bad_hook.drip, "Timeout"),
    "slowbody": (bad_hook.body_without_end, "Timeout"),
    "reset": (bad_hook.reset, "peer|receiv|reset|SSL"),
    "redirect": (bad_hook.redirect, "it answered 307"),
    "headers": (bad_hook.endless_headers, "."),
    "nonsense": (bad_hook.nonsense, "."),
    "nobody": (None, "."),
}
TAKEN = {"good": bad_hook.good, "endless": bad_hook.endless_body}   # a 2xx counts, whatever follows
WHOLE, GAPS = 15.0, (5.0, 300.0)     # docs/howto/webhooks.md


class HangingWebhooks(HookTest):
    def test_good_ones_and_mail_go_on_and_bad_ones_are_tried_again_as_documented(self):
        for name, behaviour in TAKEN.items():
            self.add_tenant(name, behaviour)
        for name, (behaviour, _) in BAD.items():
            self.add_tenant(name, behaviour, NOBODY if name == "nobody" else REMOTE)
        self.server.cli("account", "set", "a@good.test", "--client-networks", f"{SERVER}/32")
        self.memory_at_first = self.memory()
        mail = self.start_mail()
        begun = time.time()
        for name in BAD:
            self.change(name, "quarantined")
        events = 0
        while time.time() - begun < 40:
            self.change("good", ("throttled", "restored")[events % 2])
            if events < 4:
                self.change("endless", ("throttled", "restored")[events % 2])
            events += 1
            time.sleep(1)
        self.check_good_ones(events)
        self.check_mail(mail)
        self.check_bad_ones()
        self.assert_modest(32)      # endless answers would be hundreds; what the store buffers meanwhile varies by ten

    def start_mail(self):
        """Five messages a second of another account of the good tenant, from the other host."""
        self.server.cli("account", "add", "mail@good.test", "--password-stdin", stdin=PASSWORD + "\n")
        self.server.cli("limit", "set", "--account", "mail@good.test", "--messages", "none", "--recipients", "none")
        return self.own(Submitters(self.directory / "mail", self.net.remote, "--server", SERVER, "--users", "mail@good.test",
                                   "--domains", "far.test", "--rate", 300, "--sessions", 2))

    def check_good_ones(self, events):
        for name in ("good", "operator"):
            wait_until(lambda: len(self.ids(name)) >= events, f"the events of {name}")
            self.assertEqual(len(set(self.ids(name))), len(self.ids(name)), "none comes twice")
            delays = self.delays(name)
            print(f"{name}: {len(delays)} events, median {statistics.median(delays):.2f} s, worst {max(delays):.2f} s", flush=True)
            self.assertLess(max(delays), 2.0)
        self.assertEqual(len(self.ids("good")), events)
        # 2xx is what counts: the endless answer was left after its first octets.
        self.assertEqual(len(self.ids("endless")), 4)
        self.assertLess(max(post.get("answered", 0) for post in self.hooks["endless"].posts), 16 << 20)
        self.assertLess(max(self.delays("endless")), 5.0)

    def check_mail(self, mail):
        mail.stop()
        arrived = {r: m["at"] for m in self.remote.messages() for r in m["recipients"]}
        delays = [arrived[e["to"]] - e["at"] for e in mail.events("accepted") if e["to"] in arrived]
        print(f"mail: {len(delays)} messages, median {statistics.median(delays) * 1000:.0f} ms, worst {max(delays):.2f} s", flush=True)
        self.assertEqual(mail.events("refused"), [])
        self.assertGreater(len(delays), 100)
        self.assertLess(statistics.median(delays), 0.5)

    def check_bad_ones(self):
        rows = self.failing()
        self.assertEqual(set(rows), set(BAD), "and none of the good ones")
        self.assertEqual(self.metric("bulkhead_webhooks_failing"), len(BAD))
        for name, (_, trouble) in BAD.items():
            row, hook = rows[name], self.hooks[name]
            print(f"{name}: {row['trouble']}", flush=True)
            self.assertRegex(row["trouble"], trouble, name)
            self.assertEqual((row["waiting"], row["off"]), (1, False), name)
            shown = self.server.json("tenant", "show", name)
            self.assertEqual(shown["webhook_trouble"], row["trouble"])
            # The second attempt has ended before now: the third comes five minutes after that.
            self.assertTrue(GAPS[1] * 0.9 - 40 < instant(row["next_attempt"]) - time.time() < GAPS[1] * 1.1, row)
            if name == "nobody":
                continue
            self.assertEqual(len(hook.connections), 2, f"{name}: one attempt and another")
            self.assertEqual(len({post["id"] for post in hook.posts}), name != "mute", "the same event")
            self.assertTrue(all(post["path"] == f"/{name}" for post in hook.posts), "no redirect is followed")
            gap = hook.connections[1] - hook.connections[0]
            self.assertTrue(GAPS[0] * 0.9 <= gap <= GAPS[0] * 1.1 + WHOLE + 1, f"{name}: {gap:.1f} s between the attempts")


if __name__ == "__main__":
    main()
