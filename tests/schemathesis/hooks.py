"""What no schema can tell schemathesis about Venn. Only the parts of a request that
are meant to be sound are changed: what is wrong on purpose stays as it was made up."""

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# A component goes over the wire as it is.
schemathesis.serializer.alias("application/wasm", "application/octet-stream")


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.query and is_sound(case, ParameterLocation.QUERY):
        # A cursor is what a listing gave out: nobody makes up one that is good.
        case.query.pop("cursor", None)
    if case.query and names_members(case):
        # The answer then lacks the other members, which are required in its schema.
        # `tests/it` holds sparse answers against the description.
        case.query.pop("fields")
    if is_sound(case, ParameterLocation.BODY):
        case.body = whole(case.body)


def names_members(case):
    """Whether `fields` is good as it is sent, a list or not."""
    fields = case.query.get("fields")
    fields = fields if isinstance(fields, list) else str(fields).split(",")
    parameters = case.operation.definition.raw.get("parameters", [])
    known = [one["schema"]["items"]["enum"] for one in parameters if one["name"] == "fields"]
    return bool(known) and all(field in known[0] for field in fields)


def is_sound(case, location):
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode.is_positive


def whole(value):
    """1.0 is an integer to JSON Schema; here it is written 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    return value
