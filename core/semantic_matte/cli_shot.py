"""`semantic-matte track | collect`: the first and the last step of a shot alone, as a farm runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from semantic_matte.cli_options import (
    AcceptLicence,
    Carry,
    ColourSpace,
    Confidence,
    ContactSheet,
    Device,
    Find,
    Frames,
    HintFile,
    Json,
    LabelConfidence,
    MaxInstances,
    Merge,
    MissingFrames,
    Plates,
    Reuse,
    Seed,
    Segmenter,
    ShortestTrack,
    Smallest,
    Tracker,
    Worker,
    settings_of,
)
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line

Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")]


def track(
    plates: Plates,
    out: Out,
    frames: Frames = None,
    find: Find = None,
    confidence: Confidence = None,
    label_confidence: LabelConfidence = None,
    merge: Merge = None,
    smallest: Smallest = None,
    max_instances: MaxInstances = None,
    segmenter: Segmenter = None,
    hint: HintFile = None,
    tracker: Tracker = None,
    shortest_track: ShortestTrack = None,
    carry: Carry = None,
    missing_frames: MissingFrames = None,
    reuse: Reuse = None,
    colour_space: ColourSpace = None,
    device: Device = None,
    seed: Seed = None,
    accept_licence: AcceptLicence = None,
    worker: Worker = False,
    as_json: Json = False,
) -> None:
    """Find the objects of a shot and tie them from frame to frame: NAME.tracks.json, which you may edit."""
    given = dict(locals())
    for name in ("plates", "out", "frames", "hint", "colour_space", "worker", "as_json"):
        given.pop(name)

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load the engine only now, and tell of each shot."""
        settings = settings_of(**given)
        from semantic_matte.job_requests import MatteRequest

        asked = MatteRequest(tuple(plates), out, hint, None, colour_space, frames)
        if worker:
            from semantic_matte.worker.shell import run_in_worker

            messages = run_in_worker(
                "track",
                asked.plates,
                settings,
                progress,
                out=out,
                hint=hint,
                colour_space=colour_space,
                frames=frames,
            )
            return _told([_row(message) for message in messages], as_json)
        from semantic_matte.engine import Engine
        from semantic_matte.jobs import track_files

        return _told(track_files(Engine(settings), asked, progress), as_json)

    run_work(work, as_json)


def collect(
    plates: Plates,
    out: Out,
    frames: Frames = None,
    contact_sheet: ContactSheet = None,
    missing_frames: MissingFrames = None,
    colour_space: ColourSpace = None,
    as_json: Json = False,
) -> None:
    """Look at what was made of a shot: NAME.matte.json and NAME.contact.png; frames that failed are named."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Collect each shot and tell of it."""
        settings = settings_of(contact_sheet=contact_sheet, missing_frames=missing_frames)
        from semantic_matte.job_requests import MatteRequest
        from semantic_matte.jobs import collect_files

        asked = MatteRequest(tuple(plates), out, colour_space=colour_space, frames=frames)
        return _told(collect_files(settings, asked, progress), as_json)

    run_work(work, as_json)


def _row(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker's message tells of a shot, as `jobs.track_files` tells it."""
    told = {name: value for name, value in message.items() if name not in ("type", "job")}
    return {**told, "slots": {row["slot"]: row["frames"] for row in told["slots"]}}


def _told(shots: list[dict[str, Any]], as_json: bool) -> list[str]:
    """A line of JSON for each shot, or lines for people."""
    lines: list[str] = []
    for shot in shots:
        if as_json:
            write_json_line({"event": "result", **shot})
            continue
        lines.append(f"{shot['shot']}: {shot['frames']}")
        lines += [f"  {name:<28} {where}" for name, where in shot["slots"].items()]
        lines += [f"  {path}" for path in shot["files"]]
    return lines
