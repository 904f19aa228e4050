"""One frame end to end, through ports only: instances -> trimaps -> passes of patches and fusion -> mattes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from semantic_matte import feedback, patches, trimap
from semantic_matte.errors import TrimapError
from semantic_matte.fusion import Band, Fused, fuse_in_turn
from semantic_matte.overlaps import settle, visible
from semantic_matte.ports import MatteEstimator, Progress
from semantic_matte.resizing import resized_light
from semantic_matte.settings import Settings
from semantic_matte.types import BoolArray, Box, FloatArray, Instance, Matte, Plate, Trimap


@dataclass
class _Object:
    """An instance on its way through the passes."""

    instance: Instance
    trimap: Trimap
    turns: list[feedback.Pass]
    # Pixels that may be unknown in any pass, on the trimap's window. The band only gets tighter: letting it
    # wander off with a solver's haze made matters worse on dev photos.
    allowed: BoolArray
    alpha: FloatArray | None = None
    spread: FloatArray | None = None
    passes: int = 0
    finished: bool = False


def matte_frame(
    plate: Plate,
    instances: Sequence[Instance],
    estimator: MatteEstimator,
    settings: Settings,
    progress: Progress,
) -> list[Matte]:
    """A matte for each instance of a frame, in their order, settled with each other as the settings say.

    plate: scene-linear. Where an instance leaves no background in the frame its rough mask is its matte, and
    a notice says so.
    """
    mattes = solve_frame(plate, instances, estimator, settings, progress)
    return settle_frame(mattes, settings, progress)


def settle_frame(mattes: Sequence[Matte], settings: Settings, progress: Progress) -> list[Matte]:
    """Mattes of one frame with their overlaps settled as the settings say."""
    together, notices = settle(mattes, settings.overlaps, settings.order)
    for message in notices:
        progress.notice(message)
    return together


def solve_frame(
    plate: Plate,
    instances: Sequence[Instance],
    estimator: MatteEstimator,
    settings: Settings,
    progress: Progress,
) -> list[Matte]:
    """As `matte_frame`, with overlaps left as they were solved."""
    solid: dict[int, Matte] = {}
    found: dict[int, Trimap] = {}
    for index, instance in enumerate(visible(instances, settings.overlaps, settings.order)):
        try:
            found[index] = trimap.from_instance(instance, settings.dilation_outer, settings.dilation_inner)
        except TrimapError as error:
            progress.notice(f"{error} Its rough mask is used as its matte.")
            solid[index] = Matte(instances[index], instance.crop.astype(np.float32), instance.box)
    settled = trimap.yield_to_neighbours(list(found.values()))
    objects = {
        index: _Object(
            instances[index],
            its_trimap,
            _turns(instances[index], settings, estimator),
            # What a neighbour surely covers stays background in every pass.
            its_trimap.unknown,
        )
        for index, its_trimap in zip(found, settled, strict=True)
    }
    _run(plate, list(objects.values()), estimator, settings, progress)
    return [solid[index] if index in solid else _matte(objects[index]) for index in range(len(instances))]


def refine_trimap(
    plate: Plate,
    given: Trimap,
    instance: Instance,
    estimator: MatteEstimator,
    settings: Settings,
    progress: Progress,
) -> Matte:
    """A matte from an artist's own trimap: its known pixels are never touched, in no pass."""
    unknown = given.unknown
    box = Box.around(unknown)
    if box is None:
        return Matte(instance, given.foreground.astype(np.float32), given.window)
    # How wide the band is: twice the depth of its deepest pixel.
    reach = max(float(trimap.distance_inside(unknown).max()), feedback.LEAST_REACH)
    turns = [feedback.Pass(reach, 1.0)] if settings.passes == 1 else None
    turns = turns or feedback.schedule(reach, settings.passes, estimator.widest_band)
    state = _Object(instance, given, turns, unknown)
    _run(plate, [state], estimator, settings, progress)
    return _matte(state)


def _turns(instance: Instance, settings: Settings, estimator: MatteEstimator) -> list[feedback.Pass]:
    fraction = (settings.dilation_outer + settings.dilation_inner) / 2
    first = trimap.reach(fraction, instance.box)
    return feedback.schedule(first, settings.passes, estimator.widest_band)


def _run(
    plate: Plate,
    objects: list[_Object],
    estimator: MatteEstimator,
    settings: Settings,
    progress: Progress,
) -> None:
    """All passes of all objects; objects that work at one size share the estimator's batches."""
    for number in range(max((len(state.turns) for state in objects), default=0)):
        active = [state for state in objects if not state.finished and number < len(state.turns)]
        if not active:
            return
        full = [state for state in active if state.turns[number].scale == 1.0]
        bands = [_band(state, state.trimap, estimator, settings, number) for state in full]
        # Each at once, so that only one object at a time has the alphas of two passes.
        for index, fused in _fuse(plate.pixels, bands, estimator, settings, progress, number):
            _take(full[index], fused, number)
        for state in active:
            if state.turns[number].scale < 1.0:
                fused = _solve_reduced(plate, state, estimator, settings, progress, number)
                _take(state, fused, number)


def _band(
    state: _Object, its_trimap: Trimap, estimator: MatteEstimator, settings: Settings, number: int
) -> Band:
    box = state.instance.box
    # The seed follows the object's place, not its rank, so that one more find leaves the others' pixels alone.
    seed = [settings.seed, box.x0, box.y0, box.x1, box.y1, number]
    place = (its_trimap.unknown, its_trimap.window, its_trimap.frame_size, estimator.patch_size)
    if estimator.solves_regions:
        cut = patches.regions(*place, seed=seed)
    elif settings.coverage == "even" and estimator.whole_area:
        cut = patches.tiles(*place, estimator.whole_area, estimator.widest_band)
    else:
        cut = patches.cover(*place, samples=settings.samples, seed=seed, coverage=settings.coverage)
    return Band(its_trimap, tuple(cut), state.instance.slot or state.instance.label)


def _fuse(
    pixels: FloatArray,
    bands: Sequence[Band],
    estimator: MatteEstimator,
    settings: Settings,
    progress: Progress,
    number: int,
) -> Iterator[tuple[int, Fused]]:
    return fuse_in_turn(
        pixels,
        bands,
        estimator,
        progress,
        batch=settings.batch,
        soft_borders=settings.coverage == "even",
        pass_number=number + 1,
    )


def _solve_reduced(
    plate: Plate,
    state: _Object,
    estimator: MatteEstimator,
    settings: Settings,
    progress: Progress,
    number: int,
) -> Fused:
    """One pass at a working size, brought back to the plate's size; known pixels stay known."""
    full = state.trimap
    scale = state.turns[number].scale
    height = max(1, round(full.window.height * scale))
    width = max(1, round(full.window.width * scale))
    small = trimap.reduced(full, height, width)
    if small is None:
        band = _band(state, full, estimator, settings, number)
        ((_, fused),) = _fuse(plate.pixels, [band], estimator, settings, progress, number)
        return fused
    colours = resized_light(plate.pixels[full.window.slices], (width, height))
    band = _band(state, small, estimator, settings, number)
    ((_, fused),) = _fuse(colours, [band], estimator, settings, progress, number)
    size = (full.window.width, full.window.height)
    grown = [
        np.clip(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
        for field in (fused.alpha, fused.spread)
    ]
    alpha = np.where(full.unknown, grown[0], full.foreground.astype(np.float32))
    return Fused(alpha, np.where(full.unknown, grown[1], np.float32(0.0)))


def _take(state: _Object, fused: Fused, number: int) -> None:
    """Keep a pass's alpha, and make the next trimap or end the loop."""
    band = state.trimap.unknown
    before, state.alpha, state.spread = state.alpha, fused.alpha, fused.spread
    state.passes += 1
    following = state.turns[number + 1] if number + 1 < len(state.turns) else None
    if following is None:
        state.finished = True
        return
    still = before is not None and feedback.change(before, fused.alpha, band) < feedback.STILL
    if still and state.turns[number].scale == 1.0:
        state.finished = True
        return
    tighter = trimap.from_alpha(
        fused.alpha,
        state.trimap,
        # A pass at a working size knows an edge no better than to its own pixels.
        max(following.reach, feedback.LEAST_REACH / state.turns[number].scale),
        spread=fused.spread,
        wide_reach=state.turns[number].reach,
        allowed=state.allowed,
    )
    if tighter is None:
        state.finished = state.turns[number].scale == 1.0
        return
    # The next pass brings its own spread.
    state.trimap, state.spread = tighter, None


def _matte(state: _Object) -> Matte:
    if state.alpha is None:  # pragma: no cover - every object has at least one pass
        raise TrimapError(f"'{state.instance.label}' was not solved.")
    return Matte(state.instance, state.alpha, state.trimap.window, state.spread, passes=state.passes)
