"""The tables of the report: what to look at, objects, problems, controls, models, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from semantic_matte.frame_ranges import range_text
from semantic_matte.outputs.sidecar_model import Control, ModelRecord
from semantic_matte.reports.findings import Finding
from semantic_matte.reports.markup import Content, Markup, element
from semantic_matte.settings import controls
from semantic_matte.shot_survey import Problem, SlotCourse

# Ranges longer than this fold: an object that comes and goes in each frame would fill the page.
_LONGEST_RANGE = 160


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Content]], class_: str = "") -> Markup:
    """A table; the first cell of a row is its head. Numbers, as texts, are set right by the style's class."""
    head = element("tr", [element("th", text, scope="col") for text in heads])
    body = [
        element("tr", [element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])])
        for row in rows
    ]
    parts = [element("caption", caption), element("thead", head), element("tbody", body)]
    return element("div", element("table", parts, class_=class_ or None), class_="scroll")


def findings_table(found: Sequence[Finding], anchors: Mapping[str, str]) -> Markup:
    """What to look at first. anchors: a shot's or still's name -> the id of its section."""
    rows = [
        (
            element("a", one.where, href=f"#{anchors[one.where]}"),
            element("strong", ranges(one.frames)),
            badge(one.kind),
            element("span", one.slot, class_="slot"),
            element("span", one.value, class_="number"),
            one.said,
        )
        for one in found
    ]
    heads = ("Shot", "Frame", "What", "Object", "Value", "Why")
    return table("Frames without a result, then the worst of each measure", heads, rows, "cards")


def badge(kind: str) -> Markup:
    """A word in a frame of its colour."""
    return element("span", kind, class_=f"badge {kind.replace(' ', '-')}")


def ranges(text: str) -> Markup:
    """Frame ranges that a line can be broken in; very many are folded."""
    spaced = text.replace(",", ", ") or "–"
    if len(spaced) <= _LONGEST_RANGE:
        return element("span", spaced)
    count = text.count(",") + 1
    return element("details", [element("summary", f"{count} ranges"), spaced])


def objects_table(slots: Sequence[SlotCourse]) -> Markup:
    """One row an object."""
    rows = [
        (
            element("span", [dot(index), course.slot], class_="slot"),
            course.label,
            *(ranges(range_text(course.frames(source))) for source in ("found", "carried", "absent")),
            _mean([sample.score for sample in course.shown], ".2f"),
            _mean([sample.area for sample in course.shown], ",.0f"),
            _worst(course.measured("flicker")),
            _worst(course.measured("spread")),
        )
        for index, course in enumerate(slots)
    ]
    heads = (
        "Object", "Label", "Found", "Carried", "Absent", "Mean score", "Mean area, pixels",
        "Flicker: mean, worst", "Spread: mean, worst",
    )  # fmt: skip
    return table("Objects", heads, rows)


def dot(index: int) -> Markup:
    """A dot in an object's colour."""
    circle = element("circle", cx=5, cy=5, r=5, class_=f"dot object-{index % 8}")
    return element("svg", circle, viewBox="0 0 10 10", class_="dot", aria_hidden="true")


def problems_table(problems: Sequence[Problem]) -> Markup:
    """Frames without a result, by reason."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for problem in problems:
        grouped.setdefault((problem.state, problem.reason), []).append(problem.frame)
    rows = [
        (ranges(range_text(frames)), badge(state), str(len(frames)), reason)
        for (state, reason), frames in grouped.items()
    ]
    return table("Frames without a result", ("Frames", "State", "Count", "Why"), rows, "cards")


def controls_tables(settings: Mapping[str, Control]) -> list[Markup]:
    """Controls that differ from their defaults, and all others folded."""
    known = {row["name"]: row for row in controls()}
    changed, usual = [], []
    for name in [
        *(name for name in known if name in settings),
        *(name for name in settings if name not in known),
    ]:
        value = control_text(settings[name])
        row = known.get(name)
        default = control_text(row["default"]) if row else "–"
        label = str(row["label"]) if row else name
        unit = str(row["unit"]) if row else "not known to this version"
        # 1 and 1.0 are one value; so are a list and a tuple.
        if row is None or value != default:
            changed.append((label, element("strong", value), default, unit, element("code", name)))
        else:
            usual.append((label, value, unit, element("code", name)))
    parts = []
    if changed:
        heads = ("Control", "Value", "Default", "Unit", "Name")
        parts.append(table("Controls that differ from their defaults", heads, changed))
    else:
        parts.append(element("p", "All controls have their defaults."))
    others = table("Controls at their defaults", ("Control", "Value", "Unit", "Name"), usual)
    parts.append(element("details", [element("summary", f"{len(usual)} controls at their defaults"), others]))
    return parts


def control_text(value: object) -> str:
    """A control's value as an artist writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def models_table(models: Sequence[ModelRecord]) -> Markup:
    """Names, licences and checksums."""
    rows = [
        (
            model.name,
            model.licence + (f" (accepted as {model.licence_accepted})" if model.licence_accepted else ""),
            model.commercial_use or "–",
            element("code", model.sha256, class_="checksum"),
            model.origin,
        )
        for model in models
    ]
    return table("Models", ("Model", "Licence", "Commercial use", "SHA-256", "Origin"), rows)


def facts_table(caption: str, rows: Iterable[tuple[str, Content]]) -> Markup:
    """Pairs of a name and what it is."""
    return table(caption, ("What", "Value"), rows)


def _mean(values: Sequence[float], form: str) -> Markup:
    return element("span", format(sum(values) / len(values), form) if values else "–", class_="number")


def _worst(measured: Mapping[int, float]) -> Markup:
    """Mean and worst with its frame."""
    if not measured:
        return element("span", "–")
    worst = max(measured, key=lambda number: measured[number])
    mean = sum(measured.values()) / len(measured)
    return element("span", f"{mean:.4f}, {measured[worst]:.4f} at {worst}", class_="number")
