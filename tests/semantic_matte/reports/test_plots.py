"""Plots read back by an XML parser: points lie where their values are."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.reports.plots import Series, line_plot, runs, timeline
from semantic_matte.reports.scales import LEFT, RIGHT, WIDTH, FrameScale, ValueScale, round_step


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def by_class(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [one for one in svg.iter() if name in one.get("class", "").split()]


def points(path: str) -> list[list[tuple[float, float]]]:
    """The lines of a path, each a list of points."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", part)]
        for part in path.split("M")
        if part
    ]


def test_lines_pass_through_their_values_and_break_at_gaps() -> None:
    frames = [1, 2, 3, 4, 5]
    series = [Series("a<b", 0, {1: 0.0, 2: 0.5, 4: 1.0}), Series("c", 9, {5: 0.25})]
    svg = parsed(line_plot("Flicker", frames, series, unit="share", marks=[(4, 0, 1.0)], cuts=[4, 99]))
    lines = by_class(svg, "line")
    first = points(lines[0].get("d", ""))
    assert [len(part) for part in first] == [2, 1]
    assert lines[1].get("class") == "line object-1"
    zero, half, one = first[0][0][1], first[0][1][1], first[1][0][1]
    assert one < half < zero
    assert half == pytest.approx((zero + one) / 2, abs=0.1)
    step = (WIDTH - LEFT - RIGHT) / 5
    assert [x for part in first for x, _ in part] == pytest.approx(
        [LEFT + step * (place + 0.5) for place in (0, 1, 3)], abs=0.1
    )
    ring = by_class(svg, "ring")[0]
    assert (float(ring.get("cx", "")), float(ring.get("cy", ""))) == first[1][0]
    assert [text.text for text in by_class(svg, "mark")] == ["4"]
    (cut,) = by_class(svg, "cut")
    assert float(cut.get("x1", "")) == pytest.approx(LEFT + 3 * step, abs=0.1)
    titles = [title.text for title in svg.iter("title")]
    assert "frame 1\na<b: 0.0000" in titles
    assert "frame 5\nc: 0.2500" in titles
    assert not any("frame 3" in (title or "") for title in titles)


def test_a_timeline_has_a_bar_for_each_run() -> None:
    frames = [1, 2, 3, 5, 6, 7]
    rows = [("sm_dog_01", 0, {1: "found", 2: "found", 3: "carried", 5: "absent", 6: "found"})]
    svg = parsed(timeline(frames, rows, {7: "missing"}, cuts=[3]))
    step = (WIDTH - LEFT - RIGHT) / 6
    found = [(float(bar.get("x", "")), float(bar.get("width", ""))) for bar in by_class(svg, "found")]
    assert found == [
        (pytest.approx(LEFT, abs=0.1), pytest.approx(2 * step, abs=0.1)),
        (pytest.approx(LEFT + 4 * step, abs=0.1), pytest.approx(step, abs=0.1)),
    ]
    assert len(by_class(svg, "carried")) == len(by_class(svg, "wrong")) == len(by_class(svg, "cut")) == 1
    assert by_class(svg, "absent") == []
    (wrong,) = by_class(svg, "wrong")
    assert float(wrong.get("x", "")) == pytest.approx(LEFT + 5 * step, abs=0.1)
    said = {title.text for title in svg.iter("title")}
    assert {
        "sm_dog_01: found, frames 1 to 2",
        "sm_dog_01: carried, frame 3",
        "no result (missing), frame 7",
    } <= said


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["found", "carried", None]), max_size=30))
def test_runs_cover_just_what_they_are_made_of(kinds: list[str | None]) -> None:
    frames = list(range(10, 10 + len(kinds)))
    told = {number: kind for number, kind in zip(frames, kinds, strict=True) if kind}
    found = runs(frames, told)
    assert {frames[at]: kind for first, end, kind in found for at in range(first, end)} == told
    for one, other in itertools.pairwise(found):
        assert one[1] < other[0] or one[2] != other[2]


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-6, 1e7), st.integers(1, 12))
def test_steps_are_round_and_few(span: float, most: int) -> None:
    step = round_step(span, most)
    assert span / step <= most + 1e-6
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    # The next smaller one would not do.
    assert span / (step / 2.5) > most * 0.999


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1e6), max_size=8))
def test_the_value_axis_begins_at_0_and_holds_all_values(values: list[float]) -> None:
    scale = ValueScale.of(values, 200.0, 20.0)
    assert scale.place(0) == 200
    assert all(20 - 1e-6 <= scale.place(value) <= 200 for value in values)
    texts = [text for _, text in scale.ticks()]
    assert len(set(texts)) == len(texts)
    assert 2 <= len(texts) <= 7


@pytest.mark.parametrize("frames", [[7], range(1001, 1401), range(-5, 6), [1, 1_000_000], range(0, 999, 7)])
def test_frame_numbers_are_few_and_apart(frames) -> None:
    ticks = FrameScale(frames).ticks()
    assert 1 <= len(ticks) <= 13
    assert ticks[0][1] == frames[0]
    assert all(b[0] - a[0] >= 50 for a, b in itertools.pairwise(ticks))
