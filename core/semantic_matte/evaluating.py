"""How good the mattes of a shot or a still are, by true masks, true alphas, or the plates' own motion.

Frames are read one by one, and two at most are in memory. The measures themselves are those of `evaluation`,
`evaluation_tracks` and `evaluation_motion`, where their sources stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from semantic_matte.errors import PlateError, UnknownNameError, UsageError, ValueShapeError
from semantic_matte.evaluation import connectivity, dtssd, gradient, mask_iou, mse, sad
from semantic_matte.evaluation_frames import (
    OpenFrame,
    ResultFrame,
    matched,
    result_frames,
    true_alpha,
    true_mask,
    unknown_of_trimap,
)
from semantic_matte.evaluation_motion import warped_error
from semantic_matte.evaluation_tracks import tracking_scores
from semantic_matte.plates import read_plate
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.shots.flow import flow_between, flow_picture
from semantic_matte.types import BoolArray, FloatArray, Instance

# What an alpha has more of is the object, where masks are compared.
MASK_LEVEL = 0.5
# Without a trimap, errors of alphas are summed where the truth is soft and so many pixels around.
AROUND = 10
# Measures of alphas in a frame, each with its function of (alpha, truth, unknown).
ALPHA_MEASURES: Mapping[str, Callable[[FloatArray, FloatArray, BoolArray | None], float]] = {
    "sad": sad,
    "mse": mse,
    "gradient": gradient,
    "connectivity": connectivity,
}


@dataclass(frozen=True)
class EvaluationRequest:
    """What is to be measured. results: a folder of results, one file of mattes, or a pattern of them.

    masks, alphas, trimaps, plates: a folder with a picture a frame, or one picture for one frame. slot: the
    object that is meant; None: the one that the truth shows, or without truth the only one there is.
    colour_space: of plates that don't tell it.
    """

    results: Path
    masks: Path | None = None
    alphas: Path | None = None
    trimaps: Path | None = None
    plates: Path | None = None
    slot: str | None = None
    colour_space: str | None = None


@dataclass
class FrameFigures:
    """What was measured in one frame. number: None of a still. values: by the measure's name."""

    number: int | None
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """What was measured. slot: the object. frames: one by one, in order. values: of the whole, by the measure's
    name; a measure that no frame has is not there."""

    slot: str
    frames: tuple[FrameFigures, ...]
    values: Mapping[str, float]


def evaluate(request: EvaluationRequest, progress: Progress) -> Evaluation:
    """Measure mattes against what is given of truth.

    Raises UsageError where there is nothing to measure by, or where frames can't be matched; UnknownNameError
    for a slot that there is not; PlateError or TrimapError for pictures that can't be read; ValueShapeError for
    pictures of another size.
    """
    if request.masks is None and request.alphas is None and request.plates is None:
        raise UsageError(
            "There is nothing to measure by: give true masks (--masks), true alphas (--alphas), or the plates "
            "(--plates) for the mattes' steadiness along their motion."
        )
    if request.trimaps is not None and request.alphas is None:
        raise UsageError("Trimaps say where to measure alphas: give the true alphas too (--alphas).")
    return _Measuring(request, progress).result()


class _Measuring:
    """One evaluation at work."""

    def __init__(self, request: EvaluationRequest, progress: Progress) -> None:
        """Finds all files, so that what is missing is told before any work."""
        self._request, self._progress = request, progress
        self._frames = result_frames(request.results)
        self._figures = [FrameFigures(frame.number) for frame in self._frames]
        self._values: dict[str, float] = {}
        self._masks = self._beside(request.masks, "masks")
        self._alphas = self._beside(request.alphas, "true alphas")
        self._trimaps = self._beside(request.trimaps, "trimaps")
        self._plates = self._beside(request.plates, "plates")

    def _beside(self, truth: Path | None, what: str) -> Mapping[ResultFrame, Path]:
        """The picture of truth for each frame; none where none are given."""
        return {} if truth is None else matched(self._frames, truth, what)

    def result(self) -> Evaluation:
        """All measures that were asked for."""
        slot = self._slot()
        if self._alphas:
            self._measure_alphas(slot)
        if self._plates:
            self._measure_motion(slot)
        return Evaluation(slot, tuple(self._figures), self._values)

    def _each(self, stage: str) -> Iterator[tuple[OpenFrame, FrameFigures]]:
        """Each frame, opened, with its figures. Raises ValueShapeError where sizes change within the shot."""
        size = None
        for done, (frame, figures) in enumerate(zip(self._frames, self._figures, strict=True)):
            self._progress.advance(ProgressEvent(stage, done, len(self._frames)))
            opened = frame.open()
            if size is not None and opened.size != size:
                raise ValueShapeError(
                    f"'{frame.mattes}' is of {opened.size[1]}x{opened.size[0]} pixels, and the frame before of "
                    f"{size[1]}x{size[0]}: expected one size in a shot."
                )
            size = opened.size
            yield opened, figures

    def _slot(self) -> str:
        """The object that is measured: the one that was named, that the truth shows, or the only one.

        On the way, all that masks tell is measured.
        """
        given = None if self._request.slot is None else self._named(self._request.slot)
        if not self._masks and (given is not None or not self._alphas):
            return given or self._only()
        tracks, overlaps = self._tracks(given)
        # Frames are known by their place: stills have no number.
        truth = _TruthOnDisk(self._frames, lambda frame: self._true_mask(frame.open()))
        score = tracking_scores(tracks, {"truth": truth})["truth"]
        if self._masks:
            for figures, overlap in zip(self._figures, overlaps, strict=True):
                if overlap is not None:
                    figures.values["j"] = overlap.get(score.slot, 0.0)
            self._values |= {
                "j": score.region,
                "main_slot_kept": score.kept,
                "main_slot_share": score.share,
                "purity": score.purity,
                "identity_switches": score.switches,
            }
        if not score.slot:
            raise UsageError("No object of the mattes overlaps the truth: say which one is meant by --slot.")
        return score.slot

    def _tracks(self, given: str | None) -> tuple[list[Track], list[dict[str, float] | None]]:
        """Each slot's masks, packed; and for each frame its overlap (IoU) with the truth, None where that is
        empty.

        given: the only slot to look at.
        """
        sightings: dict[str, dict[int, Sighting]] = {}
        overlaps: list[dict[str, float] | None] = []
        for place, (opened, _) in enumerate(self._each("comparing masks")):
            truth = self._true_mask(opened)
            row: dict[str, float] = {}
            for slot in opened.layers.slots if given is None else (given,):
                mask = opened.alpha(slot) > MASK_LEVEL
                row[slot] = mask_iou(mask, truth)
                if mask.any():
                    packed = Sighting.of(Instance.from_mask(mask, slot, 1.0))
                    sightings.setdefault(slot, {})[place] = packed
            overlaps.append(row if truth.any() else None)
        tracks = [
            Track(index, slot, rows, slot) for index, (slot, rows) in enumerate(sorted(sightings.items()))
        ]
        return tracks, overlaps

    def _named(self, name: str) -> str:
        """The slot of this name. Raises UnknownNameError."""
        slots = self._slots()
        if name not in slots:
            raise UnknownNameError("slot", name, slots)
        return name

    def _only(self) -> str:
        """The slot that is meant where there is one. Raises UsageError where there are others."""
        slots = self._slots()
        if len(slots) != 1:
            raise UsageError(
                f"There are {len(slots)} objects in the mattes: say which one is meant, as in --slot "
                f"{slots[0] if slots else 'sm_person_01'}."
            )
        return slots[0]

    def _slots(self) -> list[str]:
        """All slots of all frames, by their names."""
        return sorted({slot for frame in self._frames for slot in frame.open().layers.slots})

    def _true_mask(self, opened: OpenFrame) -> BoolArray:
        """(H, W) bool: where the object is by truth."""
        if self._masks:
            return true_mask(self._masks[opened.frame], opened.size)
        return true_alpha(self._alphas[opened.frame], opened.size) > MASK_LEVEL

    def _measure_alphas(self, slot: str) -> None:
        """Errors against true alphas: frame by frame, and of the change from frame to frame."""
        before: tuple[FloatArray, FloatArray] | None = None
        for opened, figures in self._each("comparing alphas"):
            alpha, truth = opened.alpha(slot), true_alpha(self._alphas[opened.frame], opened.size)
            unknown = self._unknown(opened, truth)
            for name, measure in ALPHA_MEASURES.items():
                figures.values[name] = measure(alpha, truth, unknown)
            if before is not None:
                figures.values["dtssd"] = dtssd(np.stack([before[0], alpha]), np.stack([before[1], truth]))
            before = alpha, truth
        # A shot's dtSSD is the mean over its steps, of which each is one here.
        self._values |= self._means([*ALPHA_MEASURES, "dtssd"])

    def _unknown(self, opened: OpenFrame, truth: FloatArray) -> BoolArray | None:
        """(H, W) bool: where alphas are compared; None: everywhere, in frames without an edge of truth."""
        if self._trimaps:
            unknown = unknown_of_trimap(self._trimaps[opened.frame], opened.size)
            if not unknown.any():
                raise PlateError(f"The trimap '{self._trimaps[opened.frame]}' leaves nothing unknown.")
            return unknown
        return band_of_truth(truth)

    def _measure_motion(self, slot: str) -> None:
        """How far alphas are from the alphas before, carried along the plates' motion; no truth is asked."""
        before = None
        for opened, figures in self._each("following motion"):
            path = self._plates[opened.frame]
            plate = read_plate(path, self._request.colour_space)
            if plate.size != opened.size:
                raise ValueShapeError(
                    f"The plate '{path}' has {plate.size[1]}x{plate.size[0]} pixels, and its mattes have "
                    f"{opened.size[1]}x{opened.size[0]}: expected the same size."
                )
            here, alpha = flow_picture(plate), opened.alpha(slot)
            if before is not None:
                error = warped_error(alpha, before[1], flow_between(here, before[0]))
                if error is not None:
                    figures.values["warped_error"] = error
            before = here, alpha
        self._values |= self._means(["warped_error"])

    def _means(self, names: Iterable[str]) -> dict[str, float]:
        """The mean of each measure over the frames that have it."""
        rows = {name: [one.values[name] for one in self._figures if name in one.values] for name in names}
        return {name: float(np.mean(values)) for name, values in rows.items() if values}


def band_of_truth(truth: FloatArray) -> BoolArray | None:
    """(H, W) bool: pixels within AROUND of an edge of a true alpha, soft or hard; None if it has none.

    truth: (H, W) float32 in [0, 1].
    """
    solid = (truth > MASK_LEVEL).view(np.uint8)
    hard = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), dtype=np.bool_)
    edge = (((truth > 0) & (truth < 1)) | hard).view(np.uint8)
    if not edge.any():
        return None
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * AROUND + 1, 2 * AROUND + 1))
    return np.asarray(cv2.dilate(edge, disc), dtype=np.bool_)


class _TruthOnDisk(Mapping[int, BoolArray]):
    """The true masks of a shot by the frame's place, each read when it is asked for."""

    def __init__(self, frames: Sequence[ResultFrame], read: Callable[[ResultFrame], BoolArray]) -> None:
        self._frames, self._read = frames, read

    def __getitem__(self, place: int) -> BoolArray:
        """(H, W) bool."""
        return self._read(self._frames[place])

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._frames)))

    def __len__(self) -> int:
        return len(self._frames)
