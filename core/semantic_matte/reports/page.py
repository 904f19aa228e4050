"""The page as a whole: what to look at first, then a section for every shot and still."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from semantic_matte.reports.contents import ReportContents
from semantic_matte.reports.embedded_pictures import PictureBudget
from semantic_matte.reports.findings import findings
from semantic_matte.reports.markup import Markup, element, joined, raw
from semantic_matte.reports.shot_section import shot_section
from semantic_matte.reports.still_section import still_section
from semantic_matte.reports.tables import findings_table

_STYLE_FILE = Path(__file__).parent / "report.css"


def page(contents: ReportContents, title: str, version: str) -> str:
    """The report as one HTML page that needs no other file, no script and no network.

    title: what was looked through. version: of this package. The same contents give the same text: no date.
    """
    style = _STYLE_FILE.read_text(encoding="utf-8")
    budget = PictureBudget()
    anchors = _anchors(contents)
    sections = [
        *(shot_section(shot, anchors[shot.survey.shot], budget) for shot in contents.shots),
        *(still_section(still, anchors[still.name], budget) for still in contents.stills),
    ]
    body = element(
        "body",
        [
            element("header", [element("h1", title), element("p", _summary(contents), class_="summary")]),
            element("main", [_first(contents, anchors), _contents(contents, anchors), *sections]),
            element("footer", element("p", f"Semantic Matte {version}")),
        ],
    )
    html = element("html", [_head(title, style), body], lang="en")
    return joined([raw("<!DOCTYPE html>\n"), html, raw("\n")])


def _head(title: str, style: str) -> Markup:
    """With a policy that forbids everything but this style and pictures that are in the page."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        [
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("meta", name="referrer", content="no-referrer"),
            element("title", f"{title} – Semantic Matte"),
            element("style", raw(style)),
        ],
    )


def _summary(contents: ReportContents) -> str:
    """The whole folder in one line."""
    shots, stills = len(contents.shots), len(contents.stills)
    frames = sum(len(shot.survey.frames) for shot in contents.shots)
    failed = sum(len(shot.survey.failures) for shot in contents.shots)
    failed += sum(bool(still.problem) for still in contents.stills)
    parts = []
    if shots:
        parts.append(f"{shots} shot{'s' * (shots != 1)} of {frames} frame{'s' * (frames != 1)}")
    if stills:
        parts.append(f"{stills} single picture{'s' * (stills != 1)}")
    said = f"{failed} without a result that can be used" if failed else "all of them whole"
    return f"{' and '.join(parts)}; {said}."


def _first(contents: ReportContents, anchors: Mapping[str, str]) -> Markup:
    found = findings(contents)
    if found:
        inside = findings_table(found, anchors)
    else:
        inside = element("p", "Every frame has a result, and none stands out.")
    return element("section", [element("h2", "Look at these first"), inside], id="first")


def _contents(contents: ReportContents, anchors: Mapping[str, str]) -> Markup | str:
    """Links to the sections, where there are several."""
    names = [*(shot.survey.shot for shot in contents.shots), *(still.name for still in contents.stills)]
    if len(names) < 2:
        return raw("")
    links = [element("li", element("a", name, href=f"#{anchors[name]}")) for name in names]
    return element("nav", [element("h2", "Shots and pictures"), element("ul", links)], aria_label="Sections")


def _anchors(contents: ReportContents) -> dict[str, str]:
    """An id for the section of each shot and still, which may be called anything."""
    names: Sequence[str] = [
        *(shot.survey.shot for shot in contents.shots),
        *(still.name for still in contents.stills),
    ]
    count = itertools.count(1)
    return {name: f"section-{next(count)}" for name in dict.fromkeys(names)}
