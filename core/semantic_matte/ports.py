"""What the pipeline asks of its parts. Concrete parts are wired in `engine.py` alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from semantic_matte.settings import Settings
from semantic_matte.shot_types import ShotFrame, TrackedShot
from semantic_matte.types import FloatArray, Hint, Instance, Plate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ProgressEvent:
    """How far the work is. stage: reading, segmenting, matting, writing; of a shot also finding, and frames for
    the whole of it. done and total are patches, files, instances or frames, whatever the stage counts. rate: of
    stage frames, how many a minute."""

    stage: str
    done: int
    total: int
    instance: str = ""
    pass_number: int = 0
    rate: float = 0.0


class Progress(Protocol):
    """Where the pipeline tells how far it is and what the user must know."""

    def advance(self, event: ProgressEvent) -> None:
        """Called between patches. May raise CancelledError: the work then ends cleanly."""

    def notice(self, message: str) -> None:
        """One sentence that the user has to see: something was changed, left out or chosen."""


class SilentProgress:
    """A Progress that keeps the notices and shows nothing."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def advance(self, event: ProgressEvent) -> None:
        """Nothing to show."""

    def notice(self, message: str) -> None:
        """Keep the sentence once."""
        if message not in self.notices:
            self.notices.append(message)


class Segmenter(Protocol):
    """A way to find the objects in a plate."""

    @property
    def name(self) -> str:
        """Its name in the registry."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "mps"."""

    @property
    def labels(self) -> Sequence[str]:
        """Every name that it can give; what `find` is checked against. Empty: any name."""

    @property
    def models(self) -> Sequence[Mapping[str, str]]:
        """The model files used: name, licence, sha256."""

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """Find objects, surest first, already limited to what the settings asked for."""


@runtime_checkable
class TakesHints(Protocol):
    """A segmenter that an artist's hints can ask for objects."""

    def with_hints(self, hints: Sequence[Hint]) -> Segmenter:
        """The same models, asked for one instance a hint, in their order."""


@runtime_checkable
class TakesSettings(Protocol):
    """A segmenter or an estimator that goes on with other controls, its model loaded once.

    One without it has nothing worth keeping, and is made anew.
    """

    def with_settings(self, settings: Settings) -> Any:
        """Another of the same kind with the same model, in all that it gives as if made from these settings;
        this one stays as it is.

        settings: name the same model on the same device, with the same licences accepted. What the old one was
        told, used, and learned of the device's memory does not come along. Raises UsageError for controls that
        the model can't follow.
        """


class MatteEstimator(Protocol):
    """A way to solve a trimap."""

    @property
    def name(self) -> str:
        """Its name in the registry."""

    @property
    def device(self) -> str:
        """Where `estimate` wants its tensors."""

    @property
    def patch_size(self) -> int:
        """Side of the square patches that it works on, in pixels; for one that solves regions, the
        side of the square of which a region may have the area."""

    @property
    def widest_band(self) -> int:
        """The widest band that it solves well in one go, in pixels from side to side. A wider one is first
        solved at a smaller working size."""

    @property
    def solves_regions(self) -> bool:
        """True for a solver that wants each connected part of the band whole, in one piece of any
        size, and gives the same answer each time; samples then make no difference."""

    @property
    def whole_area(self) -> int:
        """A band whose box has at most this many pixels is solved in one patch, of any shape, that holds it
        whole; a larger one in as few tiles of that area as hold it, which reach into each other by the widest
        band. All samples would be the same, so there is one. 0: always in patches and samples."""

    @property
    def models(self) -> Sequence[Mapping[str, str]]:
        """The model files used: name, licence, sha256."""

    def estimate(self, colour: Tensor, trimap: Tensor, progress: Progress) -> Tensor:
        """Solve a batch.

        colour: (N, 3, h, w) float32 RGB, display-referred in [0, 1]. trimap: (N, h, w) uint8 of 0, 128,
        255. Returns alpha (N, h, w) float32 in [0, 1] on the same device; known pixels are 0 or 1.
        """


class ForegroundEstimator(Protocol):
    """A way to unmix an object's colour from its background, given its alpha."""

    @property
    def name(self) -> str:
        """Its name in the registry."""

    @property
    def context(self) -> int:
        """How many pixels around an object it wants to see."""

    def estimate(self, colour: FloatArray, alpha: FloatArray) -> FloatArray:
        """Unmix.

        colour: (h, w, 3) float32 RGB, linear light, finite, without limits. alpha: (h, w) float32 in [0, 1].
        Returns (h, w, 3) float32, linear light of the same space, unpremultiplied and unclamped; exactly
        `colour` where alpha is 1, and a smooth continuation where it is 0.
        """


class Tracker(Protocol):
    """A way to tie the objects of a shot from frame to frame."""

    @property
    def name(self) -> str:
        """Its name in the registry."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "mps"."""

    @property
    def models(self) -> Sequence[Mapping[str, str]]:
        """The model files used: name, licence, sha256."""

    def track(self, frames: Iterable[ShotFrame], progress: Progress) -> TrackedShot:
        """Go through the frames of a shot once, in order, and say which object is where.

        Each frame's plate is let go of before the next one is taken. Tracks have no slots yet, and are in no
        particular order; selectors of `find` and the shortest track are not looked at here.
        """
