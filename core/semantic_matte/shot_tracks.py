"""A shot's tracks on disk: found and tied once, read by every later step, edited by the artist in between."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from semantic_matte.engine import Engine
from semantic_matte.errors import TracksError
from semantic_matte.outputs.sidecar import write_json
from semantic_matte.ports import Progress
from semantic_matte.result_files import ShotFiles
from semantic_matte.shot_finding import FoundShot, find_and_tie, read_for_finding
from semantic_matte.shot_sources import Shot
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.trackers import create_tracker
from semantic_matte.types import Box, Hint


@dataclass(frozen=True)
class TiedShot(FoundShot):
    """A shot as it is to be matted: with the artist's edits. notices: what was told of the shot as a whole."""

    notices: tuple[str, ...] = ()


def tie(
    engine: Engine,
    shot: Shot,
    files: ShotFiles,
    hints: Sequence[Hint],
    colour_space: str | None,
    progress: Progress,
) -> TiedShot:
    tracker = create_tracker(engine.settings, engine.device)
    found = find_and_tie(engine, tracker, shot, hints, colour_space, progress)
    rows = {
        "plates": {str(k): v for k, v in found.plates.items()},
        "cuts": found.cuts,
        "size": found.size,
        "models": [dict(m) for m in found.models],
        "device": found.device,
        "tracks": [
            {
                "slot": t.slot,
                "label": t.label,
                "id": t.identity,
                "s": {
                    str(n): [s.runs.decode(), s.box.as_list(), s.frame_size, s.label, s.score, s.source]
                    for n, s in t.sightings.items()
                },
            }
            for t in found.tracks
        ],
    }
    write_json(files.masks, rows)
    write_json(files.tracks, {"slots": [t.slot for t in found.tracks]})
    return read_tied(engine, shot, files, hints, progress)


def read_tied(
    engine: Engine | None, shot: Shot, files: ShotFiles, hints: Sequence[Hint], progress: Progress
) -> TiedShot:
    rows = json.loads(files.masks.read_text())
    tracks = tuple(
        Track(
            t["id"],
            t["label"],
            {
                int(n): Sighting(s[0].encode(), Box(*s[1]), tuple(s[2]), s[3], s[4], s[5])
                for n, s in t["s"].items()
            },
            t["slot"],
        )
        for t in rows["tracks"]
    )
    plates = dict(sorted((int(k), v) for k, v in rows["plates"].items()))
    return TiedShot(tracks, tuple(rows["cuts"]), plates, {}, tuple(rows["size"]), tuple(rows["models"]), rows["device"])
