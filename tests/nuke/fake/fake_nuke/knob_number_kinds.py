"""Kinds of knobs that hold several numbers: points, sizes, boxes, colours."""

from __future__ import annotations

from typing import Any

from . import runtime
from .knob_numbers import Array_Knob, Unsigned_Knob


@runtime.guarded
class XY_Knob(Array_Knob):
    _id, _size = 12, 2

    def _always_all(self) -> bool:
        return True

    def x(self, *rest: Any) -> float:
        return self._number(0)

    def y(self, *rest: Any) -> float:
        return self._number(1)


@runtime.guarded
class XYZ_Knob(Array_Knob):
    _id, _size = 13, 3

    def _always_all(self) -> bool:
        return True


@runtime.guarded
class WH_Knob(Array_Knob):
    _id, _size = 14, 2


@runtime.guarded
class UV_Knob(Array_Knob):
    _id, _size = 30, 2


@runtime.guarded
class Scale_Knob(Array_Knob):
    _id, _size = 14, 2


@runtime.guarded
class Range_Knob(Array_Knob):
    _id, _size = 14, 2


@runtime.guarded
class BBox_Knob(Array_Knob):
    _id, _size = 15, 4

    def _always_all(self) -> bool:
        return True


@runtime.guarded
class Color_Knob(Array_Knob):
    _id, _size = 18, 3


@runtime.guarded
class AColor_Knob(Color_Knob):
    _id, _size = 19, 4


@runtime.guarded
class ColorChip_Knob(Unsigned_Knob):
    _id = 8

    def _plain_text(self, value: float) -> str:
        return f"0x{int(value):x}" if value else "0"
