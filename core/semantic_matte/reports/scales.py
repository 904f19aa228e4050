"""Scales of plots: from frames and values to places in a picture, and which of them get a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Of every plot and timeline, so that frames lie under each other.
WIDTH, LEFT, RIGHT = 1000, 74, 14

_LEAST = 1e-9


@dataclass(frozen=True)
class FrameScale:
    """From the place of a frame in the shot's list to x. frames: all of them, in order, at least one."""

    frames: Sequence[int]

    def edge(self, index: int) -> float:
        """Left edge of the column of the frame with this place; of the last place but one more, its right
        edge."""
        return LEFT + (WIDTH - LEFT - RIGHT) * index / len(self.frames)

    def middle(self, index: int) -> float:
        """The middle of a frame's column."""
        return (self.edge(index) + self.edge(index + 1)) / 2

    def ticks(self, most: int = 10) -> list[tuple[float, int]]:
        """x and number of the frames that get one: the first, and round ones that are far enough apart."""
        step = round_step(max(1, self.frames[-1] - self.frames[0]), most)
        least = (WIDTH - LEFT - RIGHT) / (most + 3)
        chosen: list[tuple[float, int]] = []
        for index, number in enumerate(self.frames):
            x = self.middle(index)
            if not chosen or (number % max(1, round(step)) == 0 and x - chosen[-1][0] >= least):
                chosen.append((x, number))
        return chosen


@dataclass(frozen=True)
class ValueScale:
    """From values, 0 to `top`, to y between two places. step: between numbers at the axis."""

    top: float
    step: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], low: float, high: float) -> ValueScale:
        """A scale from 0 that ends at a round number above all values. low, high: y of 0 and of the end."""
        largest = max((value for value in values if math.isfinite(value)), default=0.0)
        # What is as good as 0 gets the axis of 0: a scale needs a round step that is a number.
        step = round_step(largest if largest > _LEAST else 1.0, 4)
        return cls(step * max(1, math.ceil(largest / step - 1e-9)), step, low, high)

    def place(self, value: float) -> float:
        """y of a value."""
        return self.low + (self.high - self.low) * value / self.top

    def ticks(self) -> list[tuple[float, str]]:
        """y and text of each number at the axis."""
        count = round(self.top / self.step)
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return [
            (self.place(number * self.step), f"{number * self.step:,.{digits}f}") for number in range(count + 1)
        ]


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5, 10, 20... (or 0.5, 0.2, 0.1...) of which at most `most` fit into a span above
    0."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most + 1e-9)


def number_text(value: float) -> str:
    """A coordinate for SVG: at most one digit after the point, and the same text on every machine."""
    return f"{value:.1f}".removesuffix(".0")
