"""The engine: the only place that wires concrete parts together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_matte import pipeline
from semantic_matte.colour import linear_space_of, space_name
from semantic_matte.devices import choose_device
from semantic_matte.errors import UsageError
from semantic_matte.estimators import create_estimator
from semantic_matte.foregrounds import create_foreground_estimator
from semantic_matte.foregrounds.unmixing import unmix
from semantic_matte.outputs.names import slot_names
from semantic_matte.overlaps import check_order
from semantic_matte.plates import as_plate, as_trimap
from semantic_matte.ports import (
    ForegroundEstimator,
    MatteEstimator,
    Progress,
    Segmenter,
    SilentProgress,
    TakesHints,
)
from semantic_matte.segmenters import create_segmenter, hints_go_to
from semantic_matte.segmenters.best import AUTO, best_present
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.finishing import finish
from semantic_matte.settings import Settings
from semantic_matte.types import ByteArray, FloatArray, Foreground, Hint, Instance, Matte, Plate, Trimap
from semantic_matte.warm_parts import Loaded, estimator_source, segmenter_source, take_or_load

PlateSource: TypeAlias = str | os.PathLike[str] | Plate | npt.NDArray[np.generic]
TrimapSource: TypeAlias = str | os.PathLike[str] | Trimap | ByteArray

# What the object of an artist's trimap is called.
TRIMAP_LABEL = "object"

HINT_AND_TRIMAP = "Give a hint or a trimap, not both: a trimap already is the whole word."


class Engine:
    """Holds the models that a Settings names, loaded when first used and kept for the next frame.

    `with_settings` hands them on to an Engine of other settings, where those would load the same.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Raises DeviceError, UnknownNameError or WeightsError as soon as a part is first used."""
        self.settings = settings or Settings()
        self._device: tuple[str, str] | None = None
        self._segmenter: Segmenter | None = None
        self._chosen: tuple[str, str] | None = None
        self._estimator: MatteEstimator | None = None
        self._unmixer: ForegroundEstimator | None = None
        # What is loaded, whether these settings have used it yet or not.
        self._warm_segmenter: Loaded[Segmenter] | None = None
        self._warm_estimator: Loaded[MatteEstimator] | None = None

    def with_settings(self, settings: Settings) -> Engine:
        """An Engine of these settings that loads nothing again which they would load the same.

        It gives what a fresh Engine gives, bit for bit. Kept are the estimator and the segmenter, with whatever
        each has loaded so far, if its name (for `auto`: what is the best here now), the device, the accepted
        licences and the contents of its files are the same; a file that was replaced since is loaded anew. What
        is not kept is free as soon as this Engine is let go. What only this one has used is not among the
        other's `models`. Raises WeightsError where it can't be told what `auto` means.
        """
        other = Engine(settings)
        if settings.device == self.settings.device:
            other._device = self._device
        segmenter, estimator = self._warm_segmenter, self._warm_estimator
        if segmenter and segmenter_source(other._segmenter_settings).gives_the_same(segmenter.source):
            other._warm_segmenter = segmenter
        if estimator and estimator_source(settings).gives_the_same(estimator.source):
            other._warm_estimator = estimator
        return other

    @property
    def short_of_memory(self) -> bool:
        """Whether a full device made alphas so far other than they would be where it has room."""
        return bool(getattr(self._estimator, "short_of_memory", False))

    @property
    def device(self) -> str:
        """Where networks run, by torch's name for it."""
        return self._choose_device()[0]

    @property
    def device_notice(self) -> str:
        """One sentence: what was taken and why."""
        return self._choose_device()[1]

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter that the settings name, without hints."""
        if self._segmenter is None:
            named = self._segmenter_settings
            self._warm_segmenter = take_or_load(
                self._warm_segmenter, named, segmenter_source, lambda: create_segmenter(named, self.device)
            )
            self._segmenter = self._warm_segmenter.part
        return self._segmenter

    @property
    def segmenter_choice(self) -> tuple[str, str]:
        """The segmenter's name, for `auto` the best that is here, and what the user has to be told of it."""
        if self._chosen is None:
            automatic = self.settings.segmenter == AUTO
            self._chosen = best_present(self.settings) if automatic else (self.settings.segmenter, "")
        return self._chosen

    @property
    def estimator(self) -> MatteEstimator:
        """The estimator that the settings name."""
        if self._estimator is None:
            self._warm_estimator = take_or_load(
                self._warm_estimator,
                self.settings,
                estimator_source,
                lambda: create_estimator(self.settings),
            )
            self._estimator = self._warm_estimator.part
        return self._estimator

    @property
    def foreground_estimator(self) -> ForegroundEstimator:
        """The way to unmix colours that the settings name."""
        if self._unmixer is None:
            self._unmixer = create_foreground_estimator(self.settings, self.device)
        return self._unmixer

    @property
    def models(self) -> list[Mapping[str, str]]:
        """The model files of the parts used so far: name, licence, sha256, origin."""
        parts = [part for part in (self._segmenter, self._estimator) if part is not None]
        return [model for part in parts for model in part.models]

    def segment(
        self,
        plate: PlateSource,
        *,
        hints: Sequence[Hint] = (),
        colour_space: str | None = None,
        progress: Progress | None = None,
    ) -> list[Instance]:
        """Find the objects of a plate, surest first, each with its slot name. See `segment`."""
        progress = progress or SilentProgress()
        read = as_plate(plate, colour_space)
        segmenter, instances = self._found(read, hints, progress, selecting=True)
        if not instances:
            progress.notice(nothing_found(self.settings, segmenter))
        names = slot_names([instance.label for instance in instances], views_of(read))
        return [replace(instance, slot=slot) for instance, slot in zip(instances, names, strict=True)]

    def find(self, plate: Plate, hints: Sequence[Hint], progress: Progress) -> list[Instance]:
        """The objects of one frame of a shot, surest first: without slots, and before selectors choose."""
        return self._found(plate, hints, progress, selecting=False)[1]

    def selects(self) -> list[Callable[[Sequence[Instance]], Sequence[Instance]]]:
        """For each entry of `find`, what gives those of one frame's instances, surest first, that it means."""
        return [wish.select for wish in Wanted.of(self.settings, self.segmenter.labels).wishes]

    def solve(self, plate: Plate, instances: Sequence[Instance], progress: Progress) -> list[Matte]:
        """A matte for each instance, which have slots; their overlaps are left as they were solved."""
        return pipeline.solve_frame(plate, instances, self.estimator, self.settings, progress)

    def matte(
        self,
        plate: PlateSource,
        *,
        hints: Sequence[Hint] = (),
        trimap: TrimapSource | None = None,
        colour_space: str | None = None,
        progress: Progress | None = None,
        found: Callable[[Sequence[Instance]], None] | None = None,
    ) -> list[Matte]:
        """A matte for each object of a plate. See `matte`.

        found: called with the objects and their slots before any is solved; what it raises ends the work.
        """
        progress = progress or SilentProgress()
        found = found or _go_on
        read = as_plate(plate, colour_space)
        if trimap is not None:
            if hints:
                raise UsageError(HINT_AND_TRIMAP)
            return [self._matte_of_trimap(read, trimap, progress, found)]
        # Names are checked before the slow part, so that a slip costs seconds and not minutes.
        check_order(self.settings.order)
        estimator = self.estimator
        if self.settings.spread and estimator.solves_regions:
            progress.notice(
                f"Estimator '{estimator.name}' gives one answer, not samples: its spread is zero everywhere."
            )
        instances = self.segment(read, hints=hints, progress=progress)
        found(instances)
        return pipeline.matte_frame(read, instances, estimator, self.settings, progress)

    def refine(
        self,
        plate: PlateSource,
        trimap: TrimapSource,
        *,
        colour_space: str | None = None,
        progress: Progress | None = None,
    ) -> FloatArray:
        """Matting alone, in one pass. See `refine`."""
        read = as_plate(plate, colour_space)
        given = as_trimap(trimap, read.size)
        once = self.settings.model_copy(update={"passes": 1})
        instance = Instance.from_mask(given.foreground, TRIMAP_LABEL, 1.0)
        matte = pipeline.refine_trimap(
            read, given, instance, self.estimator, once, progress or SilentProgress()
        )
        return matte.alpha

    def foregrounds(self, plate: Plate, mattes: Iterable[Matte]) -> Iterator[Foreground]:
        """Each matte's own colour, unmixed when it is asked for: one at a time is in memory. See `foreground`.

        plate: read with `keep_own`, where colours are wanted in its own space.
        """
        return unmix(plate, mattes, self.foreground_estimator, self.foreground_space(plate))

    def foreground_space(self, plate: Plate) -> str:
        """The linear colour space that foreground colours of a plate are given in.

        Raises UnknownNameError for a name in the settings that nobody knows, UsageError for one that isn't
        linear.
        """
        wanted = self.settings.foreground_space
        if wanted == "auto":
            return plate.own[1]
        space = space_name(wanted)
        if linear_space_of(space) != space:
            raise UsageError(
                f"Setting 'foreground_space': expected a linear colour space, got '{wanted}'; "
                f"its light is linear in {linear_space_of(space)}."
            )
        return space

    def _found(
        self, plate: Plate, hints: Sequence[Hint], progress: Progress, *, selecting: bool
    ) -> tuple[str, list[Instance]]:
        """The segmenter's name and what it found, finished."""
        # In a shot hints are of one frame, and the segmenter looks at the others.
        of_shot = bool(hints) and not selecting
        segmenter = self._segmenter_for(hints, SilentProgress() if of_shot else progress)
        instances = segmenter.segment(plate, progress)
        if not hints:
            instances = finish(instances, self.settings, segmenter.labels, progress, selecting=selecting)
        return segmenter.name, instances

    def slots_known_before(self, hints: Sequence[Hint], trimap: TrimapSource | None) -> list[str]:
        """The slots that `matte` will give, as far as they are known before the plate is looked at."""
        labels = [hint.label for hint in hints] if trimap is None else [TRIMAP_LABEL]
        return slot_names(labels)

    def _matte_of_trimap(
        self,
        plate: Plate,
        trimap: TrimapSource,
        progress: Progress,
        found: Callable[[Sequence[Instance]], None],
    ) -> Matte:
        given = as_trimap(trimap, plate.size)
        name = Path(trimap).stem if isinstance(trimap, (str, os.PathLike)) else "trimap"
        instance = Instance.from_mask(given.foreground, TRIMAP_LABEL, 1.0)
        instance = replace(instance, slot=slot_names([TRIMAP_LABEL], views_of(plate))[0])
        found([instance])
        progress.notice(f"The trimap '{name}' is used as it is; nothing is searched for.")
        return pipeline.refine_trimap(plate, given, instance, self.estimator, self.settings, progress)

    def _segmenter_for(self, hints: Sequence[Hint], progress: Progress) -> Segmenter:
        name, sentence = self.segmenter_choice
        if not hints:
            if sentence:
                progress.notice(sentence)
            return self.segmenter
        if self.settings.find:
            progress.notice("'find' is not used where a hint tells what the objects are.")
        if hints_go_to(self.settings):
            asked = self.segmenter
            assert isinstance(asked, TakesHints)
            return asked.with_hints(hints)
        if self.settings.segmenter != "hint":
            progress.notice(f"The hint tells where the objects are; segmenter '{name}' is not run.")
        # Not among the models of this frame; the next one without hints takes it up again.
        self._segmenter = None
        return create_segmenter(self.settings.model_copy(update={"segmenter": "hint"}), self.device, hints)

    @property
    def _segmenter_settings(self) -> Settings:
        """The settings, with what `auto` stands for in its place."""
        return self.settings.model_copy(update={"segmenter": self.segmenter_choice[0]})

    def _choose_device(self) -> tuple[str, str]:
        if self._device is None:
            self._device = choose_device(self.settings.device)
        return self._device


def _go_on(_instances: Sequence[Instance]) -> None:
    """Nobody wants to look."""


def views_of(plate: Plate) -> list[str]:
    """Names that a host would take for a view of the plate, and that no slot may have."""
    return [plate.view] if plate.view else []


def nothing_found(settings: Settings, segmenter: str) -> str:
    """The sentence for a plate or a shot in which nothing was found."""
    wanted = " or ".join(f"'{name}'" for name in settings.find) or "known objects"
    return (
        f"Nothing found: no {wanted} that segmenter '{segmenter}' is at least "
        f"{settings.confidence:.0%} sure of. Lower the confidence, or give a hint."
    )


def matte(
    plate: PlateSource,
    settings: Settings | None = None,
    *,
    hints: Sequence[Hint] = (),
    trimap: TrimapSource | None = None,
    colour_space: str | None = None,
    progress: Progress | None = None,
) -> list[Matte]:
    """Find every object in a plate and give each one a soft alpha.

    plate: a path, a `Plate`, or an array (H, W, 3); see the package's docstring. hints: the artist's own masks,
    boxes or points, in place of the segmenter. trimap: the artist's own trimap, in place of both; its known
    pixels are kept in every pass. Returns a list of Matte, surest object first: `matte.alpha` is (H, W) float32
    in [0, 1], `matte.slot` the layer's name, `matte.label` what it is. Nothing found gives an empty list and a
    notice. Raises PlateError, HintError, TrimapError, UnknownNameError, DeviceError or WeightsError.
    """
    return Engine(settings).matte(
        plate, hints=hints, trimap=trimap, colour_space=colour_space, progress=progress
    )


def segment(
    plate: PlateSource,
    settings: Settings | None = None,
    *,
    hints: Sequence[Hint] = (),
    colour_space: str | None = None,
    progress: Progress | None = None,
) -> list[Instance]:
    """Find the objects in a plate: a list of Instance, surest first.

    `instance.mask` is (H, W) bool, `instance.box` x0, y0, x1, y1 in pixels, half-open. Arguments and errors as
    of `matte`.
    """
    return Engine(settings).segment(plate, hints=hints, colour_space=colour_space, progress=progress)


def foreground(
    plate: PlateSource,
    mattes: Iterable[Matte],
    settings: Settings | None = None,
    *,
    colour_space: str | None = None,
) -> list[Foreground]:
    """Each object's own colour, unmixed from the background that shows through its soft edge.

    plate: as of `matte`. mattes: what `matte` gave for it. Returns a Foreground a matte: `crop` (h, w, 3)
    float32, unpremultiplied, unclamped linear light, on `window`; alpha * crop + (1 - alpha) * background
    composites clean. Colours are in the plate's own linear space, or in the setting `foreground_space`. Raises
    PlateError, UnknownNameError, UsageError or DeviceError.
    """
    engine = Engine(settings)
    return list(engine.foregrounds(as_plate(plate, colour_space, keep_own=True), mattes))


def refine(
    plate: PlateSource,
    trimap: TrimapSource,
    settings: Settings | None = None,
    *,
    colour_space: str | None = None,
    progress: Progress | None = None,
) -> FloatArray:
    """Solve a trimap: matting alone, in one pass.

    trimap: a path, a `Trimap`, or (H, W) uint8: 0 background, 255 foreground, anything else unknown. Returns
    alpha (H, W) float32 in [0, 1]; known pixels are exactly 0 or 1. Raises PlateError or TrimapError.
    """
    return Engine(settings).refine(plate, trimap, colour_space=colour_space, progress=progress)
