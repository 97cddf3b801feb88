"""A test guest: what it does stands in the payload, or else in the configuration.
Used by `tests/it/languages.rs`; its twin in TypeScript is beside it."""
import json
import random
import sys
import time
import uuid

from venn_sdk import Event, Plugin, Report, VennError, config, host, http, log, overlaps, plugin, state


def told(value):
    text = json.dumps(value)
    return Report(text, answer=("application/json", text.encode()))


def deeper(depth):
    return deeper(depth + 1) + 1


class Guest(Plugin):
    def handle(self, event: Event) -> Report | None:
        asked = {**config.get(), **event.payload}
        what, url = asked.get("do", ""), asked.get("url", "")
        match what:
            case "throw-error":
                raise TypeError("Acme's secret")
            case "throw-exit":
                sys.exit("Acme's secret")
            case "throw-deep":
                return told(deeper(0))
            case "throw-half":
                raise ValueError("\ud800 Acme's secret")
            case "bad-report":
                return Report(5)
            case "half-report":
                return Report("\ud800")
            case "bad-call":
                state.common().set("k", "text")
            case "half-log":
                log.info("a\ud800")
            case "loop":
                while True:
                    pass
            case "grow":
                kept = []
                while True:
                    kept.append(b"x" * (1 << 20) + bytes([len(kept) % 256]))
            case "look":
                log.info("looked")
                print("printed")
                return told({
                    "now": int(time.time() * 1000),
                    "random": [random.random(), str(uuid.uuid4())],
                    "kind": event.kind,
                    "at": event.occurred_at_us,
                    "run": host.info().run,
                })
            case "calls":
                page = overlaps.find(fields=["their-name"])
                kept = state.of(event.subject)
                kept.set_json("k", {"seen": [each.their_name for each in page.items]})
                answer = http.post(url, connection="echo", json={"a": 1})
                found = {"kept": kept.get_json("k"), "keys": kept.keys("")}
                return told({**found, "status": answer.status})
            case "denied":
                try:
                    return told(http.get(url).status)
                except VennError as error:
                    return told([type(error).__name__, error.kind, str(error)])
            case "uncaught":
                return told(http.get(url).status)
        return None


Entry = plugin(Guest)
