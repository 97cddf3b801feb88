"""What stands between a plugin and the contract: events, faults, calls."""
import json
import unittest
from unittest import mock

from componentize_py_types import Err
from venn_sdk import (
    Denied, Fault, Finding, NetworkError, Plugin, Report, VennError, http, log, overlaps, plugin,
    state, timeline,
)
from wit_world.exports import entry
from wit_world.imports import http as raw_http
from wit_world.imports import log as raw_log
from wit_world.imports import state as raw_state
from wit_world.imports import types


def event(kind="overlaps-changed", payload='{"reason":"backfill","cursor":"c1"}', again=None):
    return entry.Event("evt_1", kind, "pty_1", 7, payload, again)


def run(handle, given=None):
    """What the contract's `handle` returns, or the fault that it raises; and the log."""
    body = {"handle": lambda _, event: handle(event)}
    lines = []
    with mock.patch.object(raw_log, "write", lambda *line: lines.append(line)):
        try:
            return plugin(type("P", (Plugin,), body))().handle(given or event()), lines
        except Err as error:
            return error.value, lines


def raising(error):
    def handle(_):
        raise error
    return run(handle)


class Entries(unittest.TestCase):
    def test_a_plugin_sees_a_typed_event_and_answers_a_report(self):
        def handle(event):
            self.assertEqual((event.kind, event.payload["cursor"]), ("overlaps-changed", "c1"))
            return Report("done", again={"at": 1}, done=1, total=2, answer=("text/plain", b"x"))
        report, _ = run(handle)
        self.assertEqual((report.summary, json.loads(report.again)), ("done", {"at": 1}))
        self.assertEqual((report.done, report.total, report.answer.body), (1, 2, b"x"))
        report, _ = run(lambda event: Report(event.continuation_json()["at"]),
                        event(again='{"at":"there"}'))
        self.assertEqual(report.summary, "there")

    def test_a_kind_that_is_younger_than_the_sdk_is_unknown_and_nothing_is_an_empty_report(self):
        def handle(event):
            self.assertEqual((event.kind, event.kind_name), ("unknown", "deal-won"))
        report, _ = run(handle, event("deal-won", "{}"))
        self.assertEqual(report, entry.Report("", None, 0, 0, None))

    def test_whatever_is_raised_becomes_a_fault_and_its_words_stay_in_the_log(self):
        for error in [ValueError("Acme's secret"), SystemExit(3), KeyboardInterrupt()]:
            fault, lines = raising(error)
            name = type(error).__name__
            self.assertEqual((fault.code, fault.cause), ("unexpected", "plugin"))
            text = f"{name} was raised and not caught; the run's log has the place"
            self.assertEqual(fault.message, text)
            self.assertEqual([level for level, _ in lines], ["error"])
            self.assertIn("test_sdk.py", lines[0][1])

    def test_a_fault_is_told_as_it_is(self):
        fault, lines = raising(Fault("x-y", "third-party", "so", field="f", retry_after_s=3))
        self.assertEqual(fault, entry.Fault("x-y", "third-party", "f", "so", 3))
        self.assertEqual(lines, [])

    def test_what_cannot_cross_into_the_contract_is_raised_and_becomes_a_fault(self):
        half = json.loads('"\\ud800"')
        for report, why in [
            (5, "'int' object has no attribute 'raw'"),
            (Report(5), "`summary` must be str, not int"),
            (Report(half), "`summary` has half a surrogate pair at 0: no text"),
            (Report(again="x" + half), "`again` has half a surrogate pair at 1: no text"),
            (Report(done=-1), "`done` must be at least 0 and less than 18446744073709551616"),
            (Report(total=2**64), "`total` must be at least 0 and less than 18446744073709551616"),
            (Report(answer=("text/plain", "x")), "`body` must be bytes, not str"),
        ]:
            fault, lines = run(lambda _: report)
            self.assertEqual((fault.code, fault.cause), ("unexpected", "plugin"), why)
            self.assertEqual([level for level, _ in lines], ["error"], why)
            self.assertTrue(lines[0][1].endswith(why), lines)

    def test_what_is_raised_is_told_even_if_it_cannot_be_looked_at(self):
        class Nameless(type):
            __name__ = property(lambda _: 1 / 0)

        class Hostile(Exception, metaclass=Nameless):
            def __str__(self):
                raise SystemExit

        half = json.loads('"\\ud800"')
        for error, name in [
            (ValueError(half), "ValueError"),
            (Hostile(), "Hostile"),
            (Fault(5, "plugin", "so"), "TypeError"),
            (Fault("x-y", "plugin", "so", retry_after_s=-1), "ValueError"),
            (VennError("of-mine", "so"), "KeyError"),
        ]:
            fault, lines = raising(error)
            text = f"{name} was raised and not caught; the run's log has the place"
            self.assertEqual((fault.code, fault.message), ("unexpected", text))
            self.assertEqual([level for level, _ in lines], ["error"])
            lines[0][1].encode()
        fault, lines = raising(Fault("x-y", "plugin", "so " + half))
        self.assertEqual((fault.code, fault.message, lines), ("x-y", r"so \ud800", []))

    def test_a_finding_that_does_not_fit_is_a_fault(self):
        class Looking(Plugin):
            def check(self, draft):
                return [Finding("ok", 5)]
        with mock.patch.object(raw_log, "write"), self.assertRaises(Err) as raised:
            plugin(Looking)().check(entry.Draft("{}", []))
        self.assertEqual(raised.exception.value.code, "unexpected")

    def test_the_plugin_names_the_code_of_what_is_unexpected(self):
        class Named(Plugin):
            unexpected = "bug"
        with mock.patch.object(raw_log, "write"), self.assertRaises(Err) as raised:
            plugin(Named)().handle(event())
        self.assertEqual(raised.exception.value.code, "bug")
        with self.assertRaises(TypeError):
            plugin(type("Bad", (Plugin,), {"unexpected": 5}))


class Calls(unittest.TestCase):
    def sending(self, answer, **options):
        sent = []

        def send(request):
            sent.append(request)
            if isinstance(answer, Exception):
                raise answer
            return answer
        with mock.patch.object(raw_http, "send", send):
            return http.post("https://a.example/b", **options), sent[0]

    def test_a_call_goes_out_with_connection_operation_and_json(self):
        headers = [raw_http.Header("Retry-After", "7")]
        answer, sent = self.sending(raw_http.Response(429, headers, b'{"a":1}'), json={"x": 1},
                                    connection="crm", operation="task/1")
        self.assertEqual((sent.method, sent.body), ("POST", b'{"x": 1}'))
        self.assertEqual((sent.connection, sent.operation), ("crm", "task/1"))
        self.assertEqual(sent.headers, [raw_http.Header("content-type", "application/json")])
        self.assertEqual((answer.ok, answer.retry_after_s, answer.json()), (False, 7, {"a": 1}))
        fault = Fault.of_status("crm", "key", answer)
        self.assertEqual((fault.code, fault.retry_after_s), ("crm-rate-limited", 7))
        self.assertEqual(fault.message, "crm answered with status 429")

    def test_an_argument_that_cannot_cross_into_the_contract_is_raised(self):
        half = json.loads('"\\ud800"')
        for call, why in [
            (lambda: state.common().set("k", "text"), "`value` must be bytes, not str"),
            (lambda: state.common().get(half), "`key` has half a surrogate pair at 0: no text"),
            (lambda: http.get("https://a.example", headers={"a": 1}),
             "`value` must be str, not int"),
            (lambda: http.get("https://a.example", timeout_ms=2**32),
             "`timeout_ms` must be at least 0 and less than 4294967296"),
            (lambda: overlaps.find(our_populations=[None]),
             "`our_populations` must be str, not NoneType"),
            (lambda: timeline.append([timeline.Entry(
                account="a", key="k", kind="k", text="t", at_us=2**63)]), "`at` must be at least"),
            (lambda: log.info(5), "`message` must be str, not int"),
        ]:
            with self.assertRaises((TypeError, ValueError)) as raised:
                call()
            self.assertTrue(str(raised.exception).startswith(why), raised.exception)
        lines = []
        with mock.patch.object(raw_log, "write", lambda *line: lines.append(line)):
            log.info("a" + half)
        self.assertEqual(lines, [("info", r"a\ud800")])

    def test_a_status_names_who_can_fix_it(self):
        def told(status):
            fault = Fault.of_status("crm", "key", http.Response(status))
            return fault.code, fault.cause, fault.field
        self.assertEqual(told(403), ("crm-unauthorized", "customer-config", "key"))
        self.assertEqual(told(503), ("crm-unavailable", "third-party", None))
        self.assertEqual(told(400), ("crm-rejected", "plugin", None))

    def test_a_denial_is_typed_and_uncaught_a_fault(self):
        denial = types.Denial("http:egress", "host a.example", "not granted", "customer-admin")
        with self.assertRaises(Denied) as raised:
            self.sending(Err(raw_http.HttpError_Denied(denial)))
        self.assertEqual(raised.exception.denial.who_can_change_it, "customer-admin")
        fault = Fault.of(raised.exception)
        self.assertEqual((fault.code, fault.cause), ("not-allowed", "grant-missing"))
        self.assertEqual(fault.message, "http:egress: not granted (host a.example)")

    def test_a_broken_network_is_the_services(self):
        with self.assertRaises(NetworkError) as raised:
            self.sending(Err(raw_http.HttpError_Failed(raw_http.Failure("tls", "expired"))))
        fault = Fault.of_call("crm", raised.exception)
        self.assertEqual((fault.code, fault.message),
                         ("crm-unavailable", "crm cannot be reached (tls)"))

    def test_state_is_read_as_json_and_says_what_is_wrong(self):
        with mock.patch.object(raw_state, "get", lambda partnership, key: b"{"):
            with self.assertRaises(VennError) as raised:
                state.of("pty_1").get_json("cursor")
        self.assertEqual(raised.exception.kind, "data")
        self.assertTrue(str(raised.exception).startswith("the state `cursor` cannot be read: "))
        limit = Err(types.HostError_Limit("state.keys: full"))
        with mock.patch.object(raw_state, "get", mock.Mock(side_effect=limit)):
            with self.assertRaises(VennError) as raised:
                state.common().get("k")
        self.assertEqual((raised.exception.kind, str(raised.exception)),
                         ("limit", "state.keys: full"))


if __name__ == "__main__":
    unittest.main()
