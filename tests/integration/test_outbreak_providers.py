#!/usr/bin/env python3
"""An outbreak at Gmail, Microsoft and Yahoo from end to end: found, stopped, told, listed by a real rbldnsd, released, purged.

Everybody has a namespace: four hosts with a stolen password, an office of honest neighbours, the server, the providers.
"""
import statistics
import time

from harness import TestCase, main, wait_until
from outbreak_scene import HACKED, NEIGHBOURS, SHARED, Scene


class OutbreakAtProviders(TestCase):
    def scene(self):
        scene = Scene(self.directory, self.own)
        self.addCleanup(scene.net.close)
        self.keep_in_memory(scene.node)
        scene.serve()
        scene.start_neighbours()
        wait_until(lambda: len(scene.neighbours_delays()[0]) >= 4, "the neighbours' first mail", 30)
        return scene

    def check_neighbours(self, scene, begun):
        """None of their mail was refused, put off, or late."""
        now = time.time()
        wait_until(lambda: scene.neighbours_delays(begun, now)[1] == 0, "all of the neighbours' mail", 10)
        delays, _ = scene.neighbours_delays(begun, now)
        refusals = [e for e in scene.refused() if e["sender"] != HACKED] + [e for n in scene.neighbours for e in n.events("refused")]
        self.assertEqual(refusals, [])
        self.assertLess(statistics.median(delays), 0.5)
        self.assertLess(max(delays), 3.0)

    def check_case(self, scene, case):
        """The evidence: what was counted, what the providers answered, who handed it in."""
        self.assertEqual((case["name"], case["tenant"], case["status"]), (HACKED, "shop", "open"))
        self.assertTrue(case["samples"])
        self.assertTrue(all(sample["text"] and sample["signal"] for sample in case["samples"]))
        self.assertEqual(set(case["client_ips"]), {f"10.78.{n}.2" for n in (2, 3, 4, 5)})
        self.assertIn(case["client_ip"], case["client_ips"])

    def check_listing(self, scene, listed):
        """A list that names the address is an event, a state and a figure, and stops nobody."""
        node = scene.node
        [row] = wait_until(lambda: node.json("listing", "list"), "the listing", 30)
        self.assertEqual((row["name"], row["zone"]), (SHARED, "bl.test"))
        [event] = wait_until(lambda: node.json("trace", "search", "--event", "listed"), "the event")
        self.assertEqual((event["source"], event["rule"]), (SHARED, "bl.test"))
        self.assertLess(scene.first("listed") - listed, 15)
        self.assertEqual(node.json("address", "show", SHARED)["listed_by"], ["bl.test"])
        wait_until(lambda: node.json("reputation", "show", SHARED)["state"] == "watched", "the address to be watched")
        self.assertIn('bulkhead_listings{kind="address",zone="bl.test"} 1', scene.metrics())
        self.assertIn('bulkhead_reputation_keys{kind="account",state="quarantined"} 1', scene.metrics())

    def check_purge(self, scene, accepted):
        """Each message that was accepted has arrived, was refused by a provider for good, or was thrown away: no other, none twice."""
        node = scene.node
        node.cli("reputation", "set", HACKED, "--state", "quarantined", "--reason", "it was no mistake")
        wait_until(lambda: scene.held() == scene.queued(), "all to be held again")
        count = lambda event: len(scene.trace(event))
        before = scene.queued()
        [case] = [c for c in node.json("case", "list", "--status", "open") if c["name"] == HACKED]
        node.cli("case", "purge", case["id"])
        wait_until(lambda: scene.queued() == 0, "an empty queue", 30)
        self.assertIn(f"purged {before} deliveries of {before} messages",
                      [step["what"] for step in node.json("case", "show", case["id"])["steps"]])
        wait_until(lambda: count("purged") == before, "an event of each message that was purged")
        wait_until(lambda: count("delivered") == len(scene.delivered()), "an event of each message that arrived")
        self.assertEqual(count("delivered") + count("bounced") + before, accepted)

    def test_a_fast_outbreak_is_stopped_before_the_address_suffers(self):
        scene = self.scene()
        node, begun = scene.node, time.time()
        status, transcript = scene.swaks(scene.botnet[0])
        self.assertEqual(status, 0, transcript)
        scene.start_thieves(2000)
        wait_until(lambda: len(scene.delivered()) >= 40, "half of what may get out", 30, every=0.005)
        scene.list_them(SHARED)
        listed = time.time()
        for thieves in scene.thieves:
            thieves.wait()
        sent = [e["at"] for e in scene.accepted()]
        accepted, arrived = len(sent) + 1, scene.delivered()
        print(f"accepted {accepted} of 2001, delivered {len(arrived)}, throttled after {scene.first('throttled') - sent[0]:.2f} s, "
              f"quarantined after {scene.first('quarantined') - sent[0]:.2f} s")
        self.assertLess(accepted, 1200, "the account was not quarantined with its 1,000th message")
        self.assertLessEqual(len(arrived), 200)
        self.assertLessEqual(scene.first("throttled") - sent[0], 5)
        self.assertLessEqual(arrived[-1]["at"] - sent[0], 5)

        [case] = node.json("case", "list", "--status", "open")
        case = node.json("case", "show", case["id"])
        self.check_case(scene, case)
        self.assertEqual((case["state"], case["rule"]), ("quarantined", "account-flood"))
        self.assertEqual([s["by"] for s in case["steps"]], ["reputation", "reputation"], "throttled, then quarantined")
        hosts = {row["key"] for row in node.json("queue", "top", "--by", "client-ip", "--account", HACKED)}
        self.assertEqual(hosts, {f"10.78.{n}.2" for n in (2, 3, 4, 5)})
        status, transcript = scene.swaks(scene.botnet[1])
        self.assertIn("550 5.7.1 Sending from your account is stopped", transcript)
        self.assertIn("change your password", transcript)
        self.assertIn(case["id"], transcript)
        self.check_listing(scene, listed)
        for person in ("noc@plain.test", "boss@plain.test"):
            [notice] = wait_until(lambda who=person: scene.notices(who), f"a notice to {person}")[:1]
            self.assertIn(f"bulkhead case show {case['id']}", notice["data"])
            self.assertIn("It came from 10.78.", notice["data"])
        self.check_neighbours(scene, begun)
        self.assertEqual(len(scene.delivered()), len(arrived), "nothing leaves a quarantine")

        node.cli("case", "release", case["id"], "--reason", "taken for a mistake")
        wait_until(lambda: len(scene.delivered()) >= len(arrived) + 10, "released mail to go out", 20)
        self.assertEqual(node.json("case", "show", case["id"])["status"], "released")
        status, transcript = scene.swaks(scene.botnet[2])
        self.assertEqual(status, 0, transcript)
        self.check_purge(scene, accepted + 1)
        self.assertEqual(set(node.json("queue", "count", "--account", account)["held"] for account in NEIGHBOURS), {0})

    def test_a_slow_outbreak_is_found_by_what_the_providers_answer(self):
        scene = self.scene()
        node, begun = scene.node, time.time()
        scene.start_thieves(60, rate=300, unknown=0.75, sessions=1)
        for thieves in scene.thieves:
            thieves.wait()
        [case] = node.json("case", "list", "--status", "open")
        case = node.json("case", "show", case["id"])
        self.check_case(scene, case)
        self.assertEqual((case["state"], case["rule"]), ("throttled", "account-unknown-recipients"))
        signals = [s["signal"] for s in case["samples"]]
        self.assertGreaterEqual(signals.count("unknown-recipients"), 4, signals)
        self.assertLessEqual(set(signals), {"unknown-recipients", "recipients"})  # what came back, and of which messages
        refused = scene.refused(HACKED)
        self.assertEqual({e["provider"] for e in refused}, {"google", "microsoft", "yahoo"})
        # 25, what was on its way, and a trickle of two.
        self.assertLessEqual(len(refused), 35)
        self.assertGreaterEqual(len(refused), 25)
        waiting = wait_until(lambda: scene.queued(), "the others to wait")
        self.assertEqual(waiting + len(refused) + len(scene.delivered()), len(scene.accepted()))
        [row] = node.json("queue", "list", "--account", HACKED, "--limit", "1")
        self.assertEqual(row["reason"]["code"], "reputation")
        self.assertIn(case["id"], row["reason"]["text"])
        self.check_neighbours(scene, begun)
        node.cli("case", "release", case["id"], "--reason", "a new list of members")
        self.assertEqual(node.json("reputation", "show", HACKED)["state"], "restored")
        wait_until(lambda: scene.queued() < waiting - 5, "what waited to go on", 30)


if __name__ == "__main__":
    main()
