#!/usr/bin/env python3
"""A flood at the gate and messages at the SMS door, of one node (bench/overload_node_tool.cpp): a crowd sends twenty times as
many requests as are admitted, an open loop that waits for nothing. Whoever heeds what they are told gets their receipt, every
message is answered, most of the flood is held and not answered, and the database has each receipt's case, once.
How much of its capacity a node keeps is measured by bench/overload_bench.py."""
import os, sys, unittest

import harness

sys.path.insert(0, os.path.join(harness.ROOT, "bench"))
import overload_bench

RATE, TIMES, SECONDS, VISITORS, MESSAGES = 150, 20, 5, 600, 20


class Flood(unittest.TestCase):
    def test_the_flood_takes_nobodys_share(self):
        overload_bench.SMS_A_SECOND, overload_bench.POLITE = MESSAGES, 60
        stand = overload_bench.Stand(persons=6000, senders=1000, rate=RATE)
        try:
            storm, (sms,) = stand.load("storm", "/apply", VISITORS, SECONDS, str(TIMES * RATE), "60",
                                       beside=[stand.messages(SECONDS)])
            stand.end()
            print(storm, sms)
            # Nobody's word for it: what the crowd wrote to its sockets, and was told.
            self.assertGreater(storm["offered_a_second"], 5 * RATE)  # twenty on a quick machine
            self.assertLess(storm["refused_a_second"], storm["offered_a_second"] / 2, "the flood is answered, not held")
            self.assertGreater(storm["per_second"], 0)
            self.assertLess(storm["per_second"], 2 * RATE, "more were admitted than may be")
            self.assertEqual(set(storm["by_status"]) - {"200", "201", "403", "503"}, set())
            # Whoever was admitted is answered soon, and so is everybody who comes for the first time.
            self.assertGreater(storm["polite"], 0)
            self.assertLess(storm["polite_p99_ms"], 5000)
            self.assertLess(storm["first_p99_ms"], 5000)
            # SMS keeps its share.
            self.assertGreaterEqual(sms["came"], MESSAGES * SECONDS)
            self.assertEqual((sms["accepted"], sms["answered"], sms["broken"]), (sms["came"], sms["came"], 0))
            self.assertLess(sms["whole_p99_ms"], 5000)
            given, lost, doubled = overload_bench.lost_or_doubled(stand)
            self.assertGreater(given, 0)
            self.assertEqual((lost, doubled), (0, 0))
        finally:
            stand.remove()


if __name__ == "__main__":
    harness.main()
