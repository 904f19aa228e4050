"""Plots over a shot's frames as inline SVG: lines of a measure, and who is seen when.

Colours that follow light and dark are classes of the page's style; an object's own colour is an attribute, and
darkened by the style on a white ground. Each frame has a title, which browsers show under the pointer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from semantic_matte.reports.markup import Markup, element
from semantic_matte.reports.scales import LEFT, RIGHT, WIDTH, FrameScale, ValueScale, number_text

_HEIGHT, _TOP, _BOTTOM = 224, 36, 34
# A row of a timeline has a name above its bar.
_ROW, _NAME, _BAR, _ROWS_TOP = 38, 17, 14, 12


@dataclass(frozen=True)
class Series:
    """A line: an object's values by frame number. index: of its colour."""

    name: str
    index: int
    values: Mapping[int, float]


def line_plot(
    title: str,
    frames: Sequence[int],
    series: Sequence[Series],
    *,
    unit: str,
    digits: int = 4,
    marks: Sequence[tuple[int, int, float]] = (),
    cuts: Collection[int] = (),
) -> Markup:
    """A plot of every series over the frames. unit: of the values, at the axis. digits: of values in titles.

    marks: frame, colour's index and value of points that are named. A line is broken where a frame has no
    value.
    """
    values = [value for one in series for value in one.values.values()]
    across, up = FrameScale(frames), ValueScale.of(values, _HEIGHT - _BOTTOM, _TOP)
    place = {number: index for index, number in enumerate(frames)}
    parts = [
        *_value_axis(up, unit),
        *_frame_axis(across, _HEIGHT - _BOTTOM),
        *_cuts(across, place, cuts, _TOP - 8, _HEIGHT),
    ]
    parts += [_line(one, across, up, frames) for one in series]
    for number, colour, value in marks:
        parts += _mark(number, colour, across.middle(place[number]), up.place(value))
    parts.append(_hover(across, series, f"{{:,.{digits}f}}", _TOP, _HEIGHT - _BOTTOM))
    label = f"{title} of {len(series)} object{'s' * (len(series) != 1)} over frames {frames[0]} to {frames[-1]}"
    return _svg(_HEIGHT, label, parts)


def timeline(
    frames: Sequence[int],
    rows: Sequence[tuple[str, int, Mapping[int, str]]],
    wrong: Mapping[int, str],
    cuts: Collection[int] = (),
) -> Markup:
    """A row for each object: full where it was found, thin where carried, empty where absent.

    rows: name, colour's index, source by frame number. wrong: frames without a result, with their state.
    """
    across = FrameScale(frames)
    place = {number: index for index, number in enumerate(frames)}
    height = _ROWS_TOP + _ROW * max(1, len(rows)) + _BOTTOM
    parts: list[Markup] = []
    for row, (name, colour, sources) in enumerate(rows):
        parts += _timeline_row(across, _ROWS_TOP + row * _ROW, name, colour, sources)
    for first, end, state in runs(frames, wrong):
        # Over all rows: it is the frame that has no result, not one object.
        title = element("title", f"no result ({state}), {_span(frames, first, end)}")
        high = height - _BOTTOM
        parts.append(_bar(across, first, end, high / 2, high, title, class_="wrong"))
    parts += [*_frame_axis(across, height - _BOTTOM), *_cuts(across, place, cuts, 2, height)]
    return _svg(height, f"When each object is seen, frames {frames[0]} to {frames[-1]}", parts)


def runs(frames: Sequence[int], kinds: Mapping[int, str]) -> list[tuple[int, int, str]]:
    """Frames that follow each other in the list and are of one kind: first place, place after the last,
    kind."""
    found: list[tuple[int, int, str]] = []
    for index, number in enumerate(frames):
        kind = kinds.get(number)
        if kind is None:
            continue
        if found and found[-1][1] == index and found[-1][2] == kind:
            found[-1] = found[-1][0], index + 1, kind
        else:
            found.append((index, index + 1, kind))
    return found


def _timeline_row(
    across: FrameScale,
    top: int,
    name: str,
    colour: int,
    sources: Mapping[int, str],
) -> list[Markup]:
    """A name, and below it an object's bars in front of an empty one."""
    middle = top + _NAME + _BAR / 2
    parts = [
        element("text", name, x=LEFT, y=top + _NAME - 5),
        _bar(across, 0, len(across.frames), middle, _BAR, class_="empty"),
    ]
    for first, end, kind in runs(across.frames, sources):
        title = element("title", f"{name}: {kind}, {_span(across.frames, first, end)}")
        high = 5 if kind == "carried" else _BAR
        if kind != "absent":
            parts.append(_bar(across, first, end, middle, high, title, class_=f"{kind} object-{colour % 8}"))
    return parts


def _span(frames: Sequence[int], first: int, end: int) -> str:
    if end - first == 1:
        return f"frame {frames[first]}"
    return f"frames {frames[first]} to {frames[end - 1]}"


def _bar(
    across: FrameScale,
    first: int,
    end: int,
    middle: float,
    high: float,
    content: Markup | tuple[()] = (),
    **attributes: object,
) -> Markup:
    """A rectangle from the place of a frame to that of another, around a height."""
    left, right = across.edge(first), across.edge(end)
    return element(
        "rect",
        content,
        x=number_text(left),
        y=number_text(middle - high / 2),
        width=f"{max(right - left, 1):.2f}",
        height=number_text(high),
        **attributes,
    )


def _svg(height: int, label: str, parts: Sequence[Markup]) -> Markup:
    return element(
        "svg", [element("title", label), *parts], viewBox=f"0 0 {WIDTH} {height}", role="img", class_="plot"
    )


def _value_axis(up: ValueScale, unit: str) -> list[Markup]:
    parts = [element("text", unit, x=LEFT, y=13, class_="unit")]
    for y, text in up.ticks():
        y_text = number_text(y)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y_text, y2=y_text, class_="grid"))
        parts.append(element("text", text, x=LEFT - 8, y=number_text(y + 4), class_="value"))
    return parts


def _frame_axis(across: FrameScale, bottom: float) -> list[Markup]:
    parts = []
    for x, number in across.ticks():
        at = number_text(x)
        parts.append(element("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="tick"))
        parts.append(element("text", str(number), x=at, y=bottom + 19, class_="frame"))
    parts.append(element("text", "frame", x=LEFT - 30, y=bottom + 19, class_="value"))
    return parts


def _cuts(
    across: FrameScale, place: Mapping[int, int], cuts: Collection[int], top: int, height: int
) -> list[Markup]:
    """A dashed line before each frame that begins a new scene."""
    lines = []
    for number in sorted(cuts):
        if number in place:
            at = number_text(across.edge(place[number]))
            title = element("title", f"a new scene begins at frame {number}")
            lines.append(element("line", title, x1=at, x2=at, y1=top, y2=height - _BOTTOM, class_="cut"))
    return lines


def _line(one: Series, across: FrameScale, up: ValueScale, frames: Sequence[int]) -> Markup:
    """A path through the values, and a dot for a value that stands alone."""
    path, before = "", False
    for index, number in enumerate(frames):
        value = one.values.get(number)
        if value is not None:
            point = f"{number_text(across.middle(index))} {number_text(up.place(value))}"
            # A stroke of no length with round ends is a dot.
            path += f"L{point}" if before else f"M{point}h0"
        before = value is not None
    return element("path", d=path, class_=f"line object-{one.index % 8}")


def _mark(number: int, colour: int, x: float, y: float) -> list[Markup]:
    """A ring around a point, with the frame's number above it, inside the picture."""
    at = min(max(x, LEFT + 24.0), WIDTH - RIGHT - 24.0)
    return [
        element("circle", cx=number_text(x), cy=number_text(y), r=5, class_=f"ring object-{colour % 8}"),
        element("text", str(number), x=number_text(at), y=number_text(y - 9), class_="mark"),
    ]


def _hover(across: FrameScale, series: Sequence[Series], form: str, top: int, bottom: int) -> Markup:
    """Columns that nobody sees, with each frame's values for the pointer."""
    columns = []
    for index, number in enumerate(across.frames):
        told = [f"{one.name}: {form.format(one.values[number])}" for one in series if number in one.values]
        if told:
            left, right = across.edge(index), across.edge(index + 1)
            columns.append(
                element(
                    "rect",
                    element("title", "\n".join([f"frame {number}", *told])),
                    x=number_text(left),
                    y=top,
                    width=f"{right - left:.2f}",
                    height=bottom - top,
                )
            )
    return element("g", columns, class_="hover")
