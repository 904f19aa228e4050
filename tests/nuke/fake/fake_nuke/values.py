"""Plain values that Nuke's interface hands out: formats, boxes, views, its environment."""

from __future__ import annotations

import re
from typing import Any, Optional

from . import runtime

BUILT_IN_FORMATS = (
    (640, 480, 1.0, "PC_Video"),
    (720, 486, 0.91, "NTSC"),
    (720, 576, 1.09, "PAL"),
    (1280, 720, 1.0, "HD_720"),
    (1920, 1080, 1.0, "HD_1080"),
    (1024, 778, 1.0, "1K_Super_35(full-ap)"),
    (2048, 1556, 1.0, "2K_Super_35(full-ap)"),
    (2048, 1556, 2.0, "2K_Cinemascope"),
    (2048, 1080, 1.0, "2K_DCP"),
    (3840, 2160, 1.0, "UHD_4K"),
    (4096, 2160, 1.0, "4K_DCP"),
    (256, 256, 1.0, "square_256"),
    (512, 512, 1.0, "square_512"),
    (1024, 1024, 1.0, "square_1K"),
    (2048, 2048, 1.0, "square_2K"),
)


class Format:
    """A picture's size, its image area and its pixels' aspect."""

    def __init__(
        self, width: int, height: int, x: int = 0, y: int = 0, r: int = 0, t: int = 0, pixelAspect: float = 1.0
    ) -> None:
        self._width, self._height = int(width), int(height)
        self._x, self._y, self._r, self._t = int(x), int(y), int(r) or int(width), int(t) or int(height)
        self._aspect = float(pixelAspect)
        self._name: Optional[str] = None

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def x(self) -> int:
        return self._x

    def y(self) -> int:
        return self._y

    def r(self) -> int:
        return self._r

    def t(self) -> int:
        return self._t

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> Optional[str]:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def setWidth(self, newWidth: int) -> None:
        self._width = int(newWidth)

    def setHeight(self, newHeight: int) -> None:
        self._height = int(newHeight)

    def setPixelAspect(self, aspectRatio: float) -> None:
        self._aspect = float(aspectRatio)

    def add(self, name: str) -> None:
        self._name = name
        runtime.running().formats.append(self)

    def _text(self) -> str:
        """As a knob stores it: width, height, area, aspect, name."""
        parts = [self._width, self._height, self._x, self._y, self._r, self._t]
        return " ".join([*map(str, parts), f"{self._aspect:g}", *([self._name] if self._name else [])])

    def __repr__(self) -> str:
        return f"<Format object '{self._text()}'>"


def format_from(text: str) -> Format:
    """A format of its text: `w h [x y r t] aspect [name]`."""
    words = text.split()
    numbers: list[float] = []
    while words and re.match(r"^-?[\d.]+$", words[0]):
        numbers.append(float(words.pop(0)))
    if len(numbers) not in (2, 3, 6, 7):
        raise ValueError(f"no format: {text!r}")
    if len(numbers) < 6:
        found = Format(int(numbers[0]), int(numbers[1]), pixelAspect=numbers[2] if len(numbers) == 3 else 1.0)
    else:
        found = Format(*(int(value) for value in numbers[:6]), pixelAspect=(*numbers, 1.0)[6])
    found._name = " ".join(words) or None
    return found


class Info:
    """What Node.bbox gives: a rectangle of whole pixels."""

    def __init__(self, x: int = 0, y: int = 0, r: int = 0, t: int = 0) -> None:
        self._box = (int(x), int(y), int(r), int(t))

    def x(self) -> int:
        return self._box[0]

    def y(self) -> int:
        return self._box[1]

    def w(self) -> int:
        return self._box[2] - self._box[0]

    def h(self) -> int:
        return self._box[3] - self._box[1]


class Box(Info):
    """One that tells its far edges too, r and t outside of it, and can be set."""

    def r(self) -> int:
        return self._box[2]

    def t(self) -> int:
        return self._box[3]

    def set(self, x: int, y: int, r: int, t: int) -> None:
        self._box = (int(x), int(y), int(r), int(t))


class View:
    """A view of the script by its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def value(self) -> str:
        return self._name

    def str(self) -> str:
        return self._name


class Environment:
    """nuke.env: a mapping that nobody may change but for a few of its entries."""

    def __init__(self, values: dict) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def keys(self) -> list[str]:
        return list(self._values)

    def values(self) -> list[Any]:
        return list(self._values.values())

    def items(self) -> list[tuple[str, Any]]:
        return list(self._values.items())


Environment.__name__ = Environment.__qualname__ = "GlobalsEnvironment"
