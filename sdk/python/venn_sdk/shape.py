"""What may cross into the contract: text that is UTF-8, numbers of its width, the
types of its records. Anything else would trap on the way; here it is raised, with
the name of what does not fit.
"""
import dataclasses
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

# The bindings say `int` for every width. The contract's are `u32` but for these.
_WIDTHS = {"done": (0, 2**64), "total": (0, 2**64), "at": (-(2**63), 2**63)}
_U32 = (0, 2**32)


def fit(value: Any, hint: Any, name: str) -> Any:
    """The value, if it is one of the contract's type that `hint` is; else raises a
    `TypeError` or `ValueError` that begins with `name`."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is not None:
            fit(value, *(each for each in get_args(hint) if each is not types.NoneType), name)
    elif origin is list:
        _is(value, list, name)
        for each in value:
            fit(each, *get_args(hint), name)
    elif dataclasses.is_dataclass(hint):
        _is(value, hint, name)
        for field, of in _hints(hint).items():
            fit(getattr(value, field), of, field)
    elif isinstance(hint, type):
        _is(value, hint, name)
        if hint is str:
            _text(value, name)
        elif hint is int:
            low, end = _WIDTHS.get(name, _U32)
            if not low <= value < end:
                raise ValueError(f"`{name}` must be at least {low} and less than {end}")
    return value


def fit_arguments(host: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Holds the arguments of a host call against its signature."""
    for (name, hint), value in zip(_hints(host).items(), arguments):
        fit(value, hint, name)


def shown(text: str) -> str:
    """The text with what is no UTF-8 escaped, for lines that must be told."""
    return str.encode(text, errors="backslashreplace").decode()


@cache
def _hints(of: Any) -> dict[str, Any]:
    # What a test puts in a host call's place may have none.
    return get_type_hints(of) if getattr(of, "__annotations__", None) else {}


def _is(value: Any, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {kind.__name__}, not {type(value).__name__}")


def _text(value: str, name: str) -> None:
    try:
        str.encode(value)
    except UnicodeEncodeError as error:
        # The error's own words would quote the text.
        where = error.start
        raise ValueError(f"`{name}` has half a surrogate pair at {where}: no text") from None
