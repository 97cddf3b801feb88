"""The calls to HubSpot. Decides nothing: it sends, and turns an answer that is no
success into a fault. Every call names its connection (the host adds the token) and
its operation (the host makes the idempotency key of it).
"""
from collections.abc import Iterable
from typing import Any

from venn_sdk import Fault, VennError, http

from task import OVERLAP_PROPERTY

CONNECTION = "crm"
"""The connection's name in `venn.toml`."""
_API = "https://api.hubapi.com"
_CONFLICT = 409
"""HubSpot answers so to a property that is there already."""
_MULTI_STATUS = 207
"""HubSpot answers so to a batch of which a part did not work."""


def create_property() -> None:
    """Makes the unique property of tasks that holds the overlap's id."""
    made = {
        "name": OVERLAP_PROPERTY,
        "label": "Venn overlap",
        "description": "The overlap that this task is about. Set by Venn.",
        "groupName": "task",
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
    }
    answer = _call("POST", "/crm/v3/properties/tasks", "property", made)
    if answer.status != _CONFLICT:
        success(answer)


def probe() -> None:
    """Whether the token works: reads one task."""
    success(_call("GET", "/crm/v3/objects/tasks?limit=1", "probe"))


def upsert_tasks(inputs: list[dict[str, Any]], operation: str) -> dict[str, str]:
    """Makes or changes tasks, at most 100; answers the task's id per overlap."""
    body = {"inputs": inputs}
    answer = success(_call("POST", "/crm/v3/objects/tasks/batch/upsert", operation, body))
    if answer.status == _MULTI_STATUS:
        raise Fault("crm-rejected", "plugin", "HubSpot did not accept a part of the tasks")
    return by_property(answer.json(), OVERLAP_PROPERTY)


def known_tasks(overlaps: Iterable[str], operation: str) -> dict[str, str]:
    """Which of these overlaps, at most 100, have a task already: the task's id per
    overlap. HubSpot answers 207 if some have none, and that is fine here."""
    body = {
        "idProperty": OVERLAP_PROPERTY,
        "properties": [OVERLAP_PROPERTY],
        "inputs": [{"id": each} for each in overlaps],
    }
    answer = success(_call("POST", "/crm/v3/objects/tasks/batch/read", operation, body))
    return by_property(answer.json(), OVERLAP_PROPERTY)


def companies(domains: list[str], operation: str) -> dict[str, str]:
    """The companies on these domains, at most 100: the company's id per domain.
    Where several share one, the oldest."""
    body = {
        "filterGroups": [
            {"filters": [{"propertyName": "domain", "operator": "IN", "values": domains}]}
        ],
        "properties": ["domain"],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        # HubSpot's most; twice what is asked for, as domains may be shared.
        "limit": 200,
    }
    answer = success(_call("POST", "/crm/v3/objects/companies/search", operation, body))
    return by_property(answer.json(), "domain")


def link_companies(pairs: list[tuple[str, str]], operation: str) -> None:
    """Links tasks to companies, at most 100 pairs of (task, company)."""
    inputs = [{"from": {"id": task}, "to": {"id": company}} for task, company in pairs]
    path = "/crm/v4/associations/tasks/companies/batch/associate/default"
    success(_call("POST", path, operation, {"inputs": inputs}))


def by_property(records: dict[str, Any], name: str) -> dict[str, str]:
    """Ids by the value of a property; the first record with a value counts."""
    ids: dict[str, str] = {}
    for record in records["results"]:
        value = record["properties"].get(name)
        if value is not None:
            ids.setdefault(value, record["id"])
    return ids


def success(answer: http.Response) -> http.Response:
    """The answer, if it is a success."""
    if answer.ok:
        return answer
    raise Fault.of_status(CONNECTION, CONNECTION, answer)


def _call(method: str, path: str, operation: str, body: Any = None) -> http.Response:
    options = {"connection": CONNECTION, "operation": operation, "json": body}
    try:
        return http.send(method, _API + path, **options)
    except VennError as error:
        raise Fault.of_call(CONNECTION, error) from None
