"""Shots in three steps: objects found and tied, frames matted, what came of them collected.

The steps can be run by one process or by many: each reads what the one before it wrote.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from semantic_matte.collecting import Collected, collect
from semantic_matte.engine import Engine
from semantic_matte.errors import FramesFailedError, PlateError
from semantic_matte.frame_ranges import range_text
from semantic_matte.job_requests import MatteRequest, Sources
from semantic_matte.outputs.sidecar_model import SCHEMA_VERSION
from semantic_matte.planned_models import planned_models
from semantic_matte.ports import Progress
from semantic_matte.result_files import FrameResult, ShotFiles
from semantic_matte.settings import Settings
from semantic_matte.shot_keys import FrameKeys
from semantic_matte.shot_matting import ShotTimes, ShotWork, matte_places
from semantic_matte.shot_sources import Shot, chunk_frames, frames_text, missing_sentence
from semantic_matte.shot_tracks import TiedShot, read_tied, tie
from semantic_matte.shot_types import Track
from semantic_matte.shots.window import ShotPlan
from semantic_matte.trimap import reach
from semantic_matte.types import Instance


def refuse_missing(shot: Shot, settings: Settings, progress: Progress) -> None:
    """Raise PlateError for missing frames, or tell of them, as the settings say."""
    if not shot.missing:
        return
    if settings.missing_frames == "refuse":
        raise PlateError(missing_sentence(shot))
    progress.notice(f"Of '{shot.title}' these frames are missing and left out: {frames_text(shot.missing)}.")


def track_shot(
    engine: Engine, shot: Shot, request: MatteRequest, sources: Sources, progress: Progress
) -> dict[str, Any]:
    """The first step: find the objects of a shot and tie them, or read what was tied by the same means.

    Returns what is told of it. Raises TracksError for a file of tracks that can't be used, PlateError,
    OutputError.
    """
    files = ShotFiles.of(request.folder, shot.name, engine.settings)
    sources.keep(files.paths)
    tied = tie(engine, shot, files, sources.hints, request.colour_space, progress)
    return {
        "shot": shot.name,
        "frames": range_text(tied.plates),
        "slots": {track.slot: range_text(track.frames) for track in tied.tracks},
        "files": [str(files.tracks), str(files.masks)],
    }


def matte_shot(
    engine: Engine,
    shot: Shot,
    request: MatteRequest,
    sources: Sources,
    progress: Progress,
    finished: Callable[[FrameResult], None],
) -> ShotTimes:
    """All steps of a shot; or with `request.chunk` the second step of some frames, after the first was done.

    finished: called with each frame's result once all of its files are in place. What is there already, by the
    same means, is kept. Raises TracksError where a chunk's objects were not tied before, or by other means;
    FramesFailedError, once all is written, for frames that came to nothing.
    """
    files = ShotFiles.of(request.folder, shot.name, engine.settings)
    sources.keep(files.paths)
    args = (engine, shot, files, sources.hints)
    tied = tie(*args, request.colour_space, progress) if request.chunk is None else read_tied(*args, progress)
    work = _work(engine, shot, tied, request, sources)
    place_of = {number: place for place, number in enumerate(work.plan.frames)}
    asked = work.plan.frames if request.chunk is None else chunk_frames(shot, request.chunk)
    places = [place_of[number] for number in asked if number in place_of]
    for place in places:
        sources.keep(work.files(place, engine).paths)
    times = matte_places(engine, work, places, progress, finished)
    if request.chunk is None:
        _require_whole(_collected(engine.settings, shot, tied, request, progress))
    return times


def collect_shot(settings: Settings, shot: Shot, request: MatteRequest, progress: Progress) -> dict[str, Any]:
    """The last step: a shot's record and contact sheet. Returns what is told of it.

    Raises FramesFailedError, once all is written, for frames that came to nothing; TracksError, OutputError.
    """
    files = ShotFiles.of(request.folder, shot.name, settings)
    collected = _collected(settings, shot, read_tied(None, shot, files, (), progress), request, progress)
    _require_whole(collected)
    return {
        "shot": shot.name,
        "frames": collected.record.frames,
        "slots": {
            slot.slot: range_text([*slot.frames("found"), *slot.frames("carried")])
            for slot in collected.survey.slots
        },
        "files": [str(path) for path in collected.files],
    }


def _collected(
    settings: Settings, shot: Shot, tied: TiedShot, request: MatteRequest, progress: Progress
) -> Collected:
    """What came of a shot's frames, written down."""
    skipped = dict.fromkeys(shot.missing, "Its plate is missing.") | dict(tied.unreadable)
    return collect(
        request.folder,
        shot.name,
        [*tied.plates, *skipped],
        partial(shot.read, colour_space=request.colour_space),
        settings,
        cuts=tied.cuts,
        slots=[track.slot for track in tied.tracks],
        skipped=skipped,
        notices=tied.notices,
        progress=progress,
    )


def _require_whole(collected: Collected) -> None:
    if collected.failures:
        raise FramesFailedError(collected.failure)


def _work(engine: Engine, shot: Shot, tied: TiedShot, request: MatteRequest, sources: Sources) -> ShotWork:
    """A tied shot as it is going to be matted."""
    settings = engine.settings
    frames = tuple(tied.plates)
    scenes = tuple(bisect_right(tied.cuts, number) for number in frames)

    def instances(place: int) -> list[Instance]:
        """The objects that a place shows, in the order of their slots."""
        number = frames[place]
        return [
            track.sightings[number].instance(track.slot, track.label)
            for track in tied.tracks
            if number in track.sightings
        ]

    plan = ShotPlan(frames, scenes, instances, settings.steadiness > 0)
    ranks = most_at_a_pixel(tied.tracks, frames, settings.dilation_outer)
    models = planned_models(settings, hinted=bool(sources.hints), tracked=True)
    keys = None
    if models is not None:
        keys = FrameKeys(plan, tied.tracks, tied.plates, settings, models, schema=SCHEMA_VERSION, ranks=ranks)
    return ShotWork(
        shot,
        plan,
        tied.tracks,
        tied.plates,
        tied.models,
        tied.device,
        ranks,
        keys,
        request.folder,
        request.colour_space,
        sources.files,
    )


def most_at_a_pixel(tracks: Sequence[Track], frames: Sequence[int], outer: float) -> int:
    """How many objects' bands can meet at a pixel, in any of the frames: what a Cryptomatte has to have room
    for, so that all frames have as many ranks.

    Boxes stand for masks, so it may be more than there are; masks that are steadied may reach a little further,
    and a frame in which that brings one more together gets its own ranks.
    """
    most = 0
    for number in frames:
        boxes = [
            one.box.padded(round(reach(outer, one.box)) + 1)
            for one in (track.sightings.get(number) for track in tracks)
            if one is not None
        ]
        # The fullest pixel lies at some box's left edge and some box's top edge.
        for x in {box.x0 for box in boxes}:
            across = [box for box in boxes if box.x0 <= x < box.x1]
            if len(across) > most:
                most = max(most, *(sum(box.y0 <= one.y0 < box.y1 for box in across) for one in across))
    return most
