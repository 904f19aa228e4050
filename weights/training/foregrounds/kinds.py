"""The kinds of foreground: how each is built and framed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """``builder`` is module:function; ``widths`` the frame's in scene units, ``roll`` in radians.

    ``see_through`` kinds have their alpha from their materials; ``round_strands`` draws strands as tubes.
    """

    builder: str
    widths: tuple[float, float] = (1.1, 2.4)
    roll: float = 0.3
    see_through: bool = False
    round_strands: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def resolve(self) -> Callable:
        """The builder; imports Blender."""
        from importlib import import_module

        module, name = self.builder.split(":")
        return getattr(import_module(f"{__package__}.{module}"), name)


def _hairy(**options: object) -> Kind:
    """A body with strands; options are those of `hair.hairy`, (low, high) where a number is drawn."""
    return Kind("hair:hairy", options=options)


KINDS: dict[str, Kind] = {
    "hair_long": _hairy(
        area="scalp",
        count=(4000, 7000),
        length=(0.8, 1.6),
        pixels=(0.5, 2),
        gravity=(1, 3),
        clumps=(60, 400),
        clumping=(0.3, 0.9),
        curl=(0, 0.015),
        turns=(0, 2),
        segments=14,
    ),
    "fur_short": _hairy(
        area="all",
        count=(6000, 9000),
        length=(0.06, 0.2),
        pixels=(0.5, 2),
        clumps=(300, 1500),
        clumping=(0, 0.7),
        segments=6,
        gravity=(0, 0.8),
    ),
    "grass": Kind("plants:grass", roll=0.15),
    "hair_curly": _hairy(
        area="scalp",
        count=(3500, 6000),
        length=(0.4, 1.0),
        pixels=(0.5, 2),
        clumps=(60, 250),
        clumping=(0.6, 0.95),
        curl=(0.02, 0.07),
        turns=(2, 7),
        segments=28,
    ),
    "glass": Kind("things:glass", see_through=True),
    "feather": Kind("plants:feather", roll=3.14),
    "hair_frizz": _hairy(
        area="scalp",
        count=(4000, 7000),
        length=(0.2, 0.7),
        pixels=(0.4, 1.4),
        clumps=(200, 2000),
        clumping=(0, 0.5),
        curl=(0.005, 0.03),
        turns=(2, 8),
        frizz=(0.03, 0.1),
        segments=16,
        flyaway=(0.02, 0.2),
        gravity=(0, 0.6),
    ),
    "cloth_fringe": Kind("sheets:fringe"),
    "fur_long": _hairy(
        area="all",
        count=(5000, 8000),
        length=(0.2, 0.55),
        pixels=(0.5, 2),
        clumps=(100, 900),
        clumping=(0.2, 0.9),
    ),
    "wheel": Kind("things:wheel", widths=(0.9, 2.3), roll=3.14, round_strands=True),
    "smoke": Kind("things:smoke", roll=3.14, see_through=True),
    "hair_wisps": _hairy(
        area="crown",
        count=(400, 1800),
        length=(0.4, 1.2),
        pixels=(0.35, 1.6),
        clumps=(15, 120),
        clumping=(0.3, 0.95),
        frizz=(0.01, 0.05),
        flyaway=(0.1, 0.5),
        gravity=(0, 1),
        sway=(0.2, 0.4),
        segments=14,
    ),
    "foliage": Kind("plants:foliage", roll=3.14),
    "beard": _hairy(
        area="chin",
        count=(3000, 6000),
        length=(0.2, 0.7),
        pixels=(0.5, 2),
        clumps=(40, 300),
        clumping=(0.4, 0.95),
        curl=(0, 0.02),
        turns=(0, 5),
        frizz=(0.008, 0.04),
        gravity=(0.3, 2),
    ),
    "lace": Kind("sheets:lace"),
    "branches": Kind("plants:branches", widths=(1.3, 2.6), round_strands=True),
    "fur_tufts": _hairy(
        area="patches",
        count=(2500, 5000),
        length=(0.12, 0.5),
        pixels=(0.5, 2.5),
        clumps=(40, 200),
        clumping=(0.3, 0.98),
        gravity=(0, 1.2),
    ),
    "veil": Kind("sheets:veil", see_through=True, roll=3.14),
    "needles": Kind("plants:needles", roll=3.14),
    "hair_short": _hairy(
        area="scalp",
        count=(5000, 8000),
        length=(0.08, 0.3),
        pixels=(0.4, 1.6),
        clumps=(100, 1200),
        clumping=(0.1, 0.9),
        gravity=(0, 1),
        comb=0.8,
        segments=7,
    ),
    "net": Kind("sheets:net", roll=3.14),
    "plastic": Kind("sheets:plastic", see_through=True, roll=3.14),
    "wires": Kind("things:wires", roll=3.14, round_strands=True),
}
