"""The report's section of one shot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from semantic_matte.frame_ranges import range_text
from semantic_matte.reports.contents import ReportedShot
from semantic_matte.reports.embedded_pictures import PictureBudget
from semantic_matte.reports.findings import worst_frames
from semantic_matte.reports.markup import Content, Markup, element, raw
from semantic_matte.reports.plots import Series, line_plot, timeline
from semantic_matte.reports.tables import (
    controls_tables,
    dot,
    facts_table,
    models_table,
    objects_table,
    problems_table,
    ranges,
    table,
)
from semantic_matte.shot_survey import SlotCourse

# Lines in one plot: as many as there are colours.
_LINES = 8
# Points with a ring and their number, in one plot.
_MARKS = 3

_FLICKER = (
    "How far each edge differs from that of the frame before, carried along the motion: mean absolute "
    "difference of alpha in the band, from 0 to 1. A peak is a frame in which an edge jumps."
)
_SPREAD = (
    "How far the samples of each edge disagree: mean range of alpha where it is soft, from 0 to 1. High values "
    "are edges in doubt."
)
_AREA = "The sum of each alpha, in pixels. A step where nothing moved is a mask that was lost or grew."


def shot_section(shot: ReportedShot, anchor: str, budget: PictureBudget) -> Markup:
    """Everything about one shot, what needs a look first."""
    survey = shot.survey
    parts: list[Markup] = [element("h2", survey.shot), element("p", _summary(shot), class_="summary")]
    if not shot.collected:
        unknown = " Only frames that have a result are counted here, and scenes are not known."
        said = f"This shot was not collected yet.{unknown if not shot.known else ''}"
        parts.append(element("p", said, class_="warning"))
    if survey.problems:
        parts.append(problems_table(survey.problems))
    parts += contact_sheet(shot.contact, survey.shot, budget)
    if survey.slots:
        parts += _courses(shot)
        parts.append(objects_table(survey.slots))
    elif survey.whole:
        parts.append(element("p", "No objects were found."))
    parts += _means(shot)
    return element("section", parts, id=anchor, class_="shot")


def contact_sheet(place: Path | None, name: str, budget: PictureBudget) -> list[Markup]:
    """The sheet in the page, or a sentence that says where it is."""
    if place is None:
        return [element("p", "There is no contact sheet.", class_="faint")]
    embedded = budget.embed(place)
    if embedded is None:
        said = f"The contact sheet '{place.name}' is not in this page: it can't be read, or the page is full."
        return [element("p", said, class_="faint")]
    width, height = embedded.size
    picture = element(
        "img", src=embedded.source, width=width, height=height, alt=f"Contact sheet of {name}", loading="lazy"
    )
    return [element("figure", [picture, element("figcaption", f"Contact sheet, {place.name}")])]


def _summary(shot: ReportedShot) -> str:
    survey = shot.survey
    whole, count, objects = len(survey.whole), len(survey.frames), len(survey.slots)
    size = f", {survey.run.size[0]} x {survey.run.size[1]} pixels" if survey.run else ""
    return (
        f"Frames {range_text(survey.frames).replace(',', ', ')}: {whole} of {count} whole, "
        f"{objects} object{'s' * (objects != 1)}{size}."
    )


def _courses(shot: ReportedShot) -> list[Markup]:
    """The timeline and the plots, and what the colours mean."""
    survey, cuts = shot.survey, shot.cuts or ()
    rows = [
        (course.slot, index, {number: one.source for number, one in course.samples.items()})
        for index, course in enumerate(survey.slots)
    ]
    wrong = {problem.frame: problem.state for problem in survey.problems}
    drawn = timeline(survey.frames, rows, wrong, cuts)
    said = "Full: found. Thin: carried from other frames. Empty: absent."
    said += " Red, over all rows: no result." if wrong else ""
    said += f" Dashed: a new scene begins, at {', '.join(map(str, cuts))}." if cuts else ""
    return [
        element("h3", "Timeline"),
        _figure([drawn], said),
        *_plots(shot, "Flicker", "flicker", _FLICKER),
        *_plots(shot, "Spread", "spread", _SPREAD),
        *_area(shot),
    ]


def _plots(shot: ReportedShot, title: str, what: Literal["flicker", "spread"], said: str) -> list[Markup]:
    """Plots of a measure of at most eight objects each, the worst frames ringed."""
    told = [(index, course) for index, course in enumerate(shot.survey.slots) if course.measured(what)]
    if not told:
        return [element("h3", title), element("p", f"{title} is not told for this shot.", class_="faint")]
    worst = [(number, course.slot, value) for value, number, course in worst_frames(shot, what)]
    drawn = []
    for start in range(0, len(told), _LINES):
        part = told[start : start + _LINES]
        index_of = {course.slot: index for index, course in part}
        marks = [(number, index_of[slot], value) for number, slot, value in worst if slot in index_of]
        series = [Series(course.slot, index, course.measured(what)) for index, course in part]
        drawn.append(_legend(series))
        drawn.append(
            line_plot(
                title,
                shot.survey.frames,
                series,
                unit=f"{what}, share of 1",
                marks=_apart(marks, shot.survey.frames),
                cuts=shot.cuts or (),
            )
        )
    named = ", ".join(f"{number} ({slot}, {value:.4f})" for number, slot, value in worst[:_MARKS])
    return [element("h3", title), _figure(drawn, f"{said} Worst frames: {named}." if named else said)]


def _apart(marks: Sequence[tuple[int, int, float]], frames: Sequence[int]) -> list[tuple[int, int, float]]:
    """The worst points whose numbers don't stand on each other."""
    place = {number: index for index, number in enumerate(frames)}
    least = max(1, round(len(frames) * 0.06))
    chosen: list[tuple[int, int, float]] = []
    for mark in marks:
        if len(chosen) < _MARKS and all(abs(place[mark[0]] - place[one[0]]) >= least for one in chosen):
            chosen.append(mark)
    return chosen


def _area(shot: ReportedShot) -> list[Markup]:
    """Plots of every object's area, at most eight in each."""
    drawn = []
    for start in range(0, len(shot.survey.slots), _LINES):
        part = list(enumerate(shot.survey.slots))[start : start + _LINES]
        series = [Series(course.slot, index, _areas(course)) for index, course in part]
        drawn.append(
            line_plot("Area", shot.survey.frames, series, unit="area, pixels", digits=0, cuts=shot.cuts or ())
        )
    return [element("h3", "Area"), _figure(drawn, _AREA)]


def _legend(series: Sequence[Series]) -> Markup:
    """Which colour is which object in one plot."""
    names = [element("li", [dot(one.index), one.name]) for one in series]
    return element("ul", names, class_="legend")


def _areas(course: SlotCourse) -> dict[int, float]:
    """Where the object is seen."""
    return {number: one.area for number, one in course.samples.items() if one.source != "absent"}


def _figure(drawn: Sequence[Markup], said: str) -> Markup:
    return element(
        "figure", [*(element("div", one, class_="wide") for one in drawn), element("figcaption", said)]
    )


def _means(shot: ReportedShot) -> list[Markup]:
    """How the shot was made."""
    survey, run = shot.survey, shot.survey.run
    if run is None:
        return [_notices(shot)]
    rows: list[tuple[str, Content]] = [
        *(
            (f"Files of kind {kind}" + (f", {slot}" if slot else ""), pattern)
            for kind, slot, pattern in run.files
        ),
        ("Cryptomatte", run.cryptomatte or "none"),
        ("New scenes", ", ".join(map(str, shot.cuts)) or "none" if shot.cuts is not None else "not known"),
        ("Seed", str(run.seed)),
        ("Checksum of the controls", element("code", run.settings_hash, class_="checksum")),
        *((_of("Found on", frames, survey.whole), device) for (device, _), frames in survey.devices),
        *((_of("Solved on", frames, survey.whole), device) for (_, device), frames in survey.devices),
    ]
    for versions, frames in survey.versions:
        said = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        rows.append((_of("Versions", frames, survey.whole), said))
    return [
        element("h3", "How it was made"),
        *controls_tables(run.settings),
        models_table(survey.models) if survey.models else element("p", "No models were used."),
        facts_table("Files, devices and versions", rows),
        _notices(shot),
    ]


def _of(what: str, frames: Sequence[int], whole: Sequence[int]) -> str:
    """The name of a fact, with its frames where it isn't that of all."""
    return what if len(frames) == len(whole) else f"{what}, frames {range_text(frames).replace(',', ', ')}"


def _notices(shot: ReportedShot) -> Markup:
    rows = [
        *((text, element("span", "the shot")) for text in shot.notices),
        *((text, ranges(range_text(frames))) for text, frames in shot.survey.notices),
    ]
    return table("Notices", ("Notice", "Frames"), rows, class_="texts") if rows else raw("")
