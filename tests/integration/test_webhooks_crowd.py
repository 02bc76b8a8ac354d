#!/usr/bin/env python3
"""More webhooks that say nothing than posts are made at once: others wait a while at most, and the server's end for none."""
import time

import bad_hook
from harness import main, wait_until
from hook_scene import HookTest

WHOLE, PLACES = 15.0, 20     # docs/howto/webhooks.md


class Crowd(HookTest):
    def test_the_server_ends_in_time_with_all_places_taken(self):
        self.add_tenant("good", bad_hook.good)
        names = [f"t{n}" for n in range(PLACES + 4)]
        for name in names:
            self.add_tenant(name, bad_hook.silent)
        for name in names:
            self.change(name, "quarantined")
        at_work = lambda: sum(len(self.ids(name)) for name in names)
        wait_until(lambda: at_work() >= PLACES, "all places to be taken")
        self.change("good", "quarantined")
        wait_until(lambda: self.ids("good"), "a good one that comes behind them", 2 * WHOLE + 5)
        print(f"behind {len(names)} silent ones: {self.delays('good')[0]:.1f} s", flush=True)
        begun = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        took = time.monotonic() - begun
        print(f"SIGTERM with posts under way: {took:.2f} s", flush=True)
        self.assertLess(took, 3.0)
        before = {name: set(self.ids(name)) for name in names}
        self.server.start()
        again = lambda: sum(len(self.hooks[name].connections) >= 2 for name in names)
        wait_until(lambda: again() >= PLACES, "what was under way to be posted again")
        wait_until(lambda: all(set(self.ids(n)) <= (before[n] or set(self.ids(n))) for n in names), "the same events")
        self.assertEqual(len(self.ids("good")), 1, "what was taken is not posted again")


if __name__ == "__main__":
    main()
