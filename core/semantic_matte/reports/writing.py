"""The report as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte import __version__
from semantic_matte.outputs.atomic import ensure_folder, replacing
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.reports.contents import ReportContents, read_contents
from semantic_matte.reports.findings import Finding, findings
from semantic_matte.reports.page import page


@dataclass(frozen=True)
class WrittenReport:
    """What was written, and what it is about."""

    place: Path
    contents: ReportContents
    found: tuple[Finding, ...]

    def told(self) -> dict[str, Any]:
        """As a shell tells it, in plain values."""
        return {
            "report": str(self.place),
            "shots": [shot.survey.shot for shot in self.contents.shots],
            "stills": [still.name for still in self.contents.stills],
            "look_at": [
                {
                    "where": one.where,
                    "frames": one.frames,
                    "kind": one.kind,
                    "slot": one.slot,
                    "value": one.value,
                    "why": one.said,
                }
                for one in self.found
            ],
        }


def write_report(folder: Path, place: Path, progress: Progress) -> WrittenReport:
    """Write the page of a folder of results, whole or not at all.

    The same results give the same bytes. Raises UsageError for a folder without results, OutputError.
    """
    contents = read_contents(
        folder, lambda name, done, total: progress.advance(ProgressEvent("reading", done, total, name))
    )
    progress.advance(ProgressEvent("writing", 0, 1, place.name))
    text = page(contents, folder.resolve().name or str(folder), __version__)
    ensure_folder(place.parent)
    with replacing(place) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    progress.advance(ProgressEvent("writing", 1, 1, place.name))
    return WrittenReport(place, contents, tuple(findings(contents)))
