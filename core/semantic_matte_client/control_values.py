"""Settings as a host gives them, checked against controls.json, so that a slip costs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping

from semantic_matte_client.errors import RequestError
from semantic_matte_client.message_fields import is_number, is_text

CONTROLS_FILE = Path(__file__).parent / "controls.json"


def read_controls() -> List[Dict[str, Any]]:
    """The rows of controls.json, the caller's own."""
    rows: List[Dict[str, Any]] = json.loads(CONTROLS_FILE.read_text(encoding="utf-8"))["controls"]
    return rows


def checked_settings(settings: Mapping[str, Any]) -> Dict[str, Any]:
    """The settings as the engine takes them; a text of names is split at its commas.

    Raises RequestError with one sentence for an unknown name, a wrong kind, or a value out of its range.
    """
    controls = {row["name"]: row for row in read_controls()}
    for name in settings:
        if name not in controls:
            raise RequestError(f"Unknown setting '{name}'.{_closest(str(name), controls)}")
    return {name: _checked(controls[name], value) for name, value in settings.items()}


def split_names(text: str) -> List[str]:
    """Names between commas that are not inside parentheses: `car:at(3,4), dog` are two."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def _checked(control: Mapping[str, Any], value: Any) -> Any:
    name, kind = control["name"], control["kind"]
    if kind == "names":
        rows = split_names(value) if isinstance(value, str) else value
        if not isinstance(rows, (list, tuple)) or not all(map(is_text, rows)):
            raise _refused(name, "a list of names, or one text with commas", value)
        return list(rows)
    if kind == "bool":
        if not isinstance(value, bool) and value not in (0, 1):
            raise _refused(name, "True or False", value)
        return bool(value)
    if kind in ("int", "float"):
        return _number(control, value)
    if not is_text(value):
        raise _refused(name, "a text", value)
    if kind == "choice" and value not in control["choices"]:
        raise _refused(name, f"one of {', '.join(control['choices'])}", value)
    return value


def _number(control: Mapping[str, Any], value: Any) -> Any:
    """A number in its range. A knob of a host may hold 4.0 where 4 is meant."""
    low, high, whole = control["minimum"], control["maximum"], control["kind"] == "int"
    span = (
        ""
        if low is None or high is None
        else f" from {low:g} to {high:g}"
        if not whole
        else f" from {low} to {high}"
    )
    expected = f"a {'whole ' * whole}number{span}"
    if not is_number(value) or (whole and value != int(value)):
        raise _refused(control["name"], expected, value)
    if (low is not None and value < low) or (high is not None and value > high):
        raise _refused(control["name"], expected, value)
    return int(value) if whole else value


def _refused(name: str, expected: str, value: Any) -> RequestError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return RequestError(f"Setting '{name}': expected {expected}, got {shown}.")


def _closest(name: str, controls: Mapping[str, Any]) -> str:
    """What was meant, if something is near; else all there is."""
    import difflib

    near = difflib.get_close_matches(name, controls, 1, 0.6)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(controls)}."
