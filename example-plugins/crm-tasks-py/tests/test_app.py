"""What people and HubSpot get to see of an overlap, and where a run starts."""
import unittest
from dataclasses import replace

from venn_sdk import Denial, Event, Fault, http
from venn_sdk.overlaps import Change, Overlap

from crm import by_property, success
from place import FIELDS, Place, start, without_denied_field
from settings import Settings
from task import Wanted, operation, subject, upsert_input, wanted


def overlap(key: str, confidence: str = "sure") -> Overlap:
    ours = ("acc_1", "prospects", "Acme", "", "", "", "", "")
    theirs = ("acc_2", "customers", "Acme Inc.", "", "Ann", "", "", "")
    return Overlap(key, "pty_1", "Globex", "acme.com", "host-and-name", confidence,
                   1_700_000_000_123_456, *ours, *theirs, [])


def ids(changes, settings=Settings()):
    changes = [Change(kind, overlap(*rest)) for kind, *rest in changes]
    return [(each.overlap.id, each.added) for each in wanted(changes, settings)]


class Tasks(unittest.TestCase):
    def test_a_page_names_each_task_once_and_keeps_that_it_is_new(self):
        changes = [("added", "ovl_2"), ("changed", "ovl_2"), ("changed", "ovl_1"),
                   ("added", "ovl_3"), ("removed", "ovl_3")]
        self.assertEqual(ids(changes), [("ovl_1", False), ("ovl_2", True)])

    def test_likely_overlaps_become_tasks_only_if_wanted(self):
        changes = [("added", "ovl_1", "likely"), ("added", "ovl_2", "perhaps")]
        self.assertEqual(ids(changes), [])
        self.assertEqual(ids(changes, Settings(min_confidence="likely")), [("ovl_1", True)])

    def test_a_new_task_is_not_started_and_an_existing_one_keeps_its_status(self):
        def status(added, known):
            made = upsert_input(Wanted(overlap("ovl_1"), added), known, Settings())
            return made["properties"].get("hs_task_status")
        told = [status(True, False), status(True, True), status(False, False)]
        self.assertEqual(told, ["NOT_STARTED", None, None])

    def test_the_upsert_is_by_the_unique_property(self):
        made = upsert_input(Wanted(overlap("ovl_1"), True), False, Settings())
        self.assertEqual((made["idProperty"], made["id"]), ("venn_overlap", "ovl_1"))
        self.assertEqual(made["properties"]["hs_timestamp"], "1700000000123")

    def test_a_title_says_less_where_a_field_was_withheld(self):
        given = overlap("ovl_1")
        told = subject(given, "Overlap:")
        self.assertEqual(told, "Overlap: Acme is known to Globex (ask Ann)")
        withheld = replace(given, their_owner="", our_name="", their_name="")
        self.assertEqual(subject(withheld, ""), "acme.com is known to Globex")

    def test_a_batch_has_the_same_name_on_every_attempt(self):
        batch = [Wanted(overlap("ovl_1"), True), Wanted(overlap("ovl_9"), True)]
        self.assertEqual(operation("tasks", batch), "tasks/ovl_1-ovl_9")


class Places(unittest.TestCase):
    def test_changes_go_on_at_the_kept_cursor_a_backfill_where_it_says(self):
        def event(reason, cursor, continued=None):
            payload = {"reason": reason, "cursor": cursor}
            return Event("evt_1", "overlaps-changed", "pty_1", 0, payload, continued)
        self.assertEqual(start(event("changes", None), "c7"), (Place("c7"), False))
        self.assertEqual(start(event("changes", None), None), (Place(), False))
        self.assertEqual(start(event("backfill", "start"), "c7"), (Place("start"), True))
        before = '{"cursor":"c9","done":500,"tasks":480}'
        continued = start(event("backfill", "start", before), "c7")
        self.assertEqual(continued, (Place("c9", 500, 480), True))

    def test_only_a_field_that_a_task_can_do_without_is_given_up(self):
        def denial(what):
            return Denial("overlaps:read", what, "not granted", "customer-admin")
        rest = without_denied_field(FIELDS, denial("field their-owner"))
        self.assertEqual(rest, ["our-name", "their-name"])
        self.assertIsNone(without_denied_field(rest, denial("field their-owner")))
        self.assertIsNone(without_denied_field(FIELDS, denial("field their-name")))


class Crm(unittest.TestCase):
    def test_records_without_the_property_are_left_out_and_the_first_of_equals_counts(self):
        rows = [("1", "acme.com"), ("2", "acme.com"), ("3", None)]
        results = [{"id": key, "properties": {"domain": domain}} for key, domain in rows]
        self.assertEqual(by_property({"results": results}, "domain"), {"acme.com": "1"})

    def test_an_expired_token_is_the_customers_and_points_to_the_connection(self):
        with self.assertRaises(Fault) as raised:
            success(http.Response(401))
        told = raised.exception
        expected = ("crm-unauthorized", "customer-config", "crm")
        self.assertEqual((told.code, told.cause, told.field), expected)


if __name__ == "__main__":
    unittest.main()
