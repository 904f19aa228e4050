"""Selectors of `find`: which of several objects of a name is meant.

`largest`, `smallest`, `centre`, `left`, `right`, `top`, `bottom`, a number (1 is the surest), `at(x,y)`,
`in(x0,y0,x1,y1)`. Coordinates are plate pixels from the top left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from semantic_matte.errors import SettingsError
from semantic_matte.types import Box, Instance

# Takes instances, surest first, and gives those that it means in the same order.
Selector: TypeAlias = Callable[[Sequence[Instance]], list[Instance]]


def _off_centre(instance: Instance) -> float:
    """Squared distance of a box's centre from the frame's, in pixels."""
    height, width = instance.frame_size
    box = instance.box
    return ((box.x0 + box.x1 - width) ** 2 + (box.y0 + box.y1 - height) ** 2) / 4


# The object with the least of this is meant; of equals the surest.
_LEAST: dict[str, Callable[[Instance], float]] = {
    "largest": lambda instance: -instance.area,
    "smallest": lambda instance: instance.area,
    "centre": _off_centre,
    "center": _off_centre,
    "left": lambda instance: instance.box.x0 + instance.box.x1,
    "right": lambda instance: -instance.box.x0 - instance.box.x1,
    "top": lambda instance: instance.box.y0 + instance.box.y1,
    "bottom": lambda instance: -instance.box.y0 - instance.box.y1,
}
KNOWN = "largest, smallest, centre, left, right, top, bottom, a number from 1, at(x,y), in(x0,y0,x1,y1)"

_CALL = re.compile(r"(at|in)\s*\(([^()]*)\)")


def parse_selector(text: str, term: str) -> Selector:
    """A selector out of its text. term: the whole entry of `find`, for the complaint. Raises SettingsError."""
    name = text.strip().lower()
    if name in _LEAST:
        return partial(_least, _LEAST[name])
    if name.isascii() and name.isdigit() and int(name) >= 1:
        return partial(_numbered, int(name))
    call = _CALL.fullmatch(name)
    numbers = _numbers(call[2]) if call else None
    if call and numbers is not None:
        if call[1] == "at" and len(numbers) == 2:
            return partial(_at, numbers)
        if call[1] == "in" and len(numbers) == 4 and numbers[0] < numbers[2] and numbers[1] < numbers[3]:
            return partial(_inside, numbers)
    raise SettingsError(f"Setting 'find': '{text}' in '{term}' is no selector. Known: {KNOWN}.")


def _numbers(text: str) -> list[float] | None:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    return numbers if all(abs(number) < 1e9 for number in numbers) else None


def _least(measure: Callable[[Instance], float], instances: Sequence[Instance]) -> list[Instance]:
    return [min(instances, key=measure)] if instances else []


def _numbered(number: int, instances: Sequence[Instance]) -> list[Instance]:
    return list(instances[number - 1 : number])


def _at(point: Sequence[float], instances: Sequence[Instance]) -> list[Instance]:
    """Those whose mask has the pixel."""
    x, y = point
    pixel = Box(int(x // 1), int(y // 1), int(x // 1) + 1, int(y // 1) + 1)
    return [one for one in instances if bool(one.mask_on(pixel).any())]


def _inside(corners: Sequence[float], instances: Sequence[Instance]) -> list[Instance]:
    """Those of which more than half lies in the region."""
    x0, y0, x1, y1 = (round(corner) for corner in corners)
    if x0 >= x1 or y0 >= y1:
        return []
    region = Box(x0, y0, x1, y1)
    return [one for one in instances if 2 * int(one.mask_on(region).sum()) > one.area]
