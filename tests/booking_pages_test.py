#!/usr/bin/env python3
"""Appointments in headless Chromium (tests/services_pages/booking.mjs), with a calendar that is open day and night; then what
is stored, and the calendar files as Debian's python3-icalendar reads them."""
import json, os, re, shutil, sqlite3, subprocess, tempfile, time, unittest

import icalendar

import harness
import services_stand
from harness import Node, ROOT

ALWAYS_OPEN = """
calendar: service-centre-1
name: {az: Xidmət mərkəzi, en: Service centre, ru: Центр обслуживания}
address: {az: "Bakı, Nümunə küçəsi 1", en: "1 Nümunə street, Baku", ru: "Баку, улица Нюмуне, 1"}
organisation: digital-agency
slot_minutes: 2
together: 1
open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", until: "24:00"}]
late_minutes: 0
"""


def zone_of_the_morning():
    """Where it is day now and the hour isn't half over: there are times to come, all on one page, whenever the test runs."""
    now = time.gmtime()
    if now.tm_min < 30:
        return f"Etc/GMT{-((10 - now.tm_hour + 12) % 24 - 12):+d}"
    return "Asia/Kolkata" if now.tm_hour < 14 else "Pacific/Marquesas"  # five and a half ahead, nine and a half behind


class BookingPages(unittest.TestCase):
    def test_a_time_to_come(self):
        folder = tempfile.mkdtemp(prefix="dayaq-booking-")
        country = os.path.join(folder, "az")
        shutil.copytree(f"{ROOT}/country/az", country)
        with open(f"{country}/calendars/service-centre-1.yaml", "w", encoding="utf-8") as file:
            # Short slots, so that the test needn't wait long for one to pass.
            file.write(ALWAYS_OPEN)
        with open(f"{country}/country.yaml", "r+", encoding="utf-8") as file:
            text = re.sub(r"^zone: .*$", f"zone: {zone_of_the_morning()}", file.read(), flags=re.M)
            file.seek(0)
            file.write(text)
            file.truncate()
        node = Node(persons=3000, country=country)
        try:
            node.start("--welcome", "--url", f"http://localhost:{node.port}")
            persons = services_stand.prepare(node)
            done = subprocess.run(["node", f"{ROOT}/tests/services_pages/booking.mjs", f"http://localhost:{node.port}",
                                   json.dumps(persons), os.environ.get("DAYAQ_SHOTS", folder)],
                                  capture_output=True, text=True, timeout=900)
            print(done.stdout[-6000:], done.stderr[-3000:])
            self.assertEqual(done.returncode, 0)
            passed = re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M)
            self.assertTrue(passed and int(passed.group(1)) > 80, "too few checks ran")
            self.assertEqual(node.stop(), 0)
            self.stored(node)
            self.calendar_files(os.environ.get("DAYAQ_SHOTS", folder))
        finally:
            node.remove()
            shutil.rmtree(folder, ignore_errors=True)

    def stored(self, node):
        db = sqlite3.connect(f"{node.data}/dayaq.db")
        states = sorted(r[0] for r in db.execute("SELECT state FROM booking"))
        self.assertEqual(states, [1, 3])  # one came; the other's last time went with the withdrawn application
        taken = dict(db.execute("SELECT at, taken FROM booking_slot"))
        booked = {at: 1 for (at,) in db.execute("SELECT at FROM booking WHERE state = 1")}
        self.assertEqual(sum(taken.values()), sum(booked.values()) + 1)  # and the slot that was missed
        self.assertEqual(db.execute("SELECT SUM(came), SUM(missed) FROM booking_outcome").fetchone(), (1, 1))

    def calendar_files(self, folder):
        seen = []
        for name in ("first", "changed"):
            with open(f"{folder}/{name}.ics", "rb") as file:
                calendar = icalendar.Calendar.from_ical(file.read())
            (event,) = calendar.walk("VEVENT")
            self.assertFalse(event.errors)
            self.assertEqual(str(event["location"]), "1 Nümunə street, Baku")
            self.assertEqual((event["dtend"].dt - event["dtstart"].dt).total_seconds(), 120)
            seen.append((str(event["uid"]), int(event["sequence"]), event["dtstart"].dt))
        self.assertEqual(seen[0][0], seen[1][0])
        self.assertLess(seen[0][1], seen[1][1])
        self.assertNotEqual(seen[0][2], seen[1][2])


if __name__ == "__main__":
    harness.main()
