"""What a field of a message may hold: a check, and the words for the error where it fails."""

from __future__ import annotations

import json
import math
from typing import Any, Callable, List, Mapping, NamedTuple

# The longest text of a message, in characters.
LONGEST_TEXT = 4096

Check = Callable[[Any], bool]


class Field(NamedTuple):
    """One field of a message. expected: in words, for the error."""

    check: Check
    expected: str
    required: bool = True


def text(longest: int = LONGEST_TEXT) -> Field:
    """A text of limited length."""
    return Field(lambda value: is_text(value, longest), f"a text of at most {longest} characters")


def optional_text(longest: int = LONGEST_TEXT) -> Field:
    """The same, or null, or not there."""
    known = text(longest)
    return Field(lambda value: value is None or known.check(value), f"{known.expected} or null", False)


def texts(most: int, least: int = 0) -> Field:
    """A list of texts."""
    return Field(
        lambda value: (
            isinstance(value, list) and least <= len(value) <= most and all(is_text(one) for one in value)
        ),
        f"a list of {least} to {most} texts of at most {LONGEST_TEXT} characters",
    )


def one_of(*known: str) -> Field:
    """One of some words."""
    return Field(lambda value: isinstance(value, str) and value in known, f"one of {', '.join(known)}")


def whole(least: int = 0, most: int = 2**53) -> Field:
    """A whole number; true and false are none."""
    return Field(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
        f"a whole number from {least} to {most}",
    )


def optional_whole() -> Field:
    """The same, or null, or not there."""
    known = whole()
    return Field(lambda value: value is None or known.check(value), f"{known.expected} or null", False)


def number(least: float, most: float, optional: bool = False) -> Field:
    """A finite number; optional: or null, or not there."""
    return Field(
        lambda value: (optional and value is None) or (is_number(value) and least <= value <= most),
        f"a number from {least:g} to {most:g}" + (" or null" if optional else ""),
        not optional,
    )


def is_text(value: Any, longest: int = LONGEST_TEXT) -> bool:
    """A str of limited length without null characters that can be written as UTF-8."""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_number(value: Any) -> bool:
    """A finite int or float, and no bool."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def complaint(values: Mapping[str, Any], fields: Mapping[str, Field]) -> str:
    """What is wrong with a message's fields, to follow its name in a sentence; empty if nothing is."""
    unknown: List[str] = sorted(str(name) for name in values if name not in fields)
    if unknown:
        return f"has the unknown field {shown(unknown[0])}"
    for name, field in fields.items():
        if name not in values:
            if field.required:
                return f"lacks the field '{name}'"
        elif not field.check(values[name]):
            return f"has {shown(values[name])} as '{name}', where {field.expected} is expected"
    return ""


def shown(value: Any) -> str:
    """A value for a sentence: short, and on one line."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
