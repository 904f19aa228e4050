"""Where a new scene begins.

Inside a scene most of the picture can be followed there and back; across a cut next to nothing can. Fast pans
and whip pans can't be followed either, but keep their colours, or a shift that the whole frame shares (Kuglin &
Hines 1975, "The phase correlation image alignment method"). A flash is no cut: the scene before it comes back.
A frame without structure (a white flash, the black of a fade) says nothing: what comes after it is compared
with what was before. Measured on DAVIS: of neighbouring frames .55 and more are followed, of different
sequences .006 at most; every sixth frame of one sequence keeps .97 of its colours, different sequences share
.83 at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from semantic_matte.shots.flow import Flow, FlowPicture
from semantic_matte.shots.picture_shelf import PictureShelf
from semantic_matte.shots.small_pictures import alike, histogram
from semantic_matte.types import ByteArray, FloatArray

# A scene goes on where this share of it is followed,
FOLLOWED = 0.25
# or this little, if the frames share so much of their colours,
HARDLY_FOLLOWED, SAME_COLOURS = 0.02, 0.95
# or one long shift explains the frame: the response of phase correlation, the shift as a share of the width,
# and what a pan leaves of the colours.
SHIFTED, LONG_SHIFT, PANNED_COLOURS = 0.3, 0.04, 0.85
# Blocks of so many small pixels are compared. One that varies by fewer grey levels shows nothing but grain, and
# one that varies by more than the most counts as one of the most.
BLOCK, GRAIN, MOST_STRUCTURE = 16, 3.0, 24.0
# A scene that comes back within so many frames was only lit up, or hidden by a frame or two.
FLASH = 3
# Grey levels that a picture with something to see in it varies by; grain alone stays below.
STRUCTURE = 4.0


@dataclass(frozen=True)
class Scene:
    """What a frame is to those before it: its scene goes on, is new, or is back from an interruption.

    since: the place of the frame that this one continues; None where there is none, or where it can't be told.
    """

    kind: Literal["goes on", "new", "back"]
    since: int | None


class CutFinder:
    """Looks at the frames of a shot in order, and tells of each one what scene it belongs to."""

    def __init__(self, shelf: PictureShelf) -> None:
        """shelf: where the pictures of all frames so far are."""
        self._shelf = shelf
        # Histograms of the two frames that may still be asked for.
        self._colours: dict[int, FloatArray] = {}
        # The last frame with structure, and the one before an interruption that may end.
        self._seen: int | None = None
        self._before: int | None = None
        self._cuts: list[int] = []

    @property
    def cuts(self) -> list[int]:
        """The places of frames that begin a new scene, in order; an interruption that went by is none."""
        return list(self._cuts)

    def look(self, colours: ByteArray) -> Scene:
        """The next frame, whose picture is the last on the shelf. colours: its `colour_map`."""
        place = len(self._shelf) - 1
        if _structure(self._shelf.picture(place)) < STRUCTURE:
            return Scene("goes on", None)
        self._colours[place] = histogram(colours, np.ones_like(colours, dtype=np.bool_))
        scene = self._scene(place)
        if scene.kind == "back":
            self._cuts.pop()
            self._before = None
        elif scene.kind == "new":
            self._before = self._seen
            self._cuts.append(place)
        elif self._before is not None and place - self._cuts[-1] >= FLASH:
            # What lasts is no interruption.
            self._before = None
        self._seen = place
        self._colours = {one: self._colours[one] for one in (self._seen, self._before) if one is not None}
        return scene

    def _scene(self, place: int) -> Scene:
        """What a frame with structure is."""
        if self._seen is None or self._same(place, self._seen):
            return Scene("goes on", self._seen)
        before = self._before
        if before is not None and place - self._cuts[-1] <= FLASH and self._same(place, before):
            return Scene("back", before)
        return Scene("new", None)

    def _same(self, here: int, there: int) -> bool:
        """Whether two frames show one scene."""
        one, other = self._shelf.picture(here), self._shelf.picture(there)
        share = followed_share(one, other, self._shelf.flow(here, there))
        if share >= FOLLOWED:
            return True
        likeness = alike(self._colours[here], self._colours[there])
        if share >= HARDLY_FOLLOWED and likeness >= SAME_COLOURS:
            return True
        return likeness >= PANNED_COLOURS and _whip_pan(one, other)


def followed_share(here: FlowPicture, there: FlowPicture, flow: Flow) -> float:
    """How much of what can be seen in a picture is found again in another, in [0, 1].

    flow: from here to there. Blocks are compared by normalised cross-correlation, which light that changes
    leaves as it is, and count by their structure: black bars and plain walls say nothing.
    """
    height, width = here.levels.shape
    map_x = np.arange(width, dtype=np.float32) + flow.field[..., 0]
    map_y = np.arange(height, dtype=np.float32)[:, np.newaxis] + flow.field[..., 1]
    carried = cv2.remap(there.levels, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    one, other = _blocks(here.levels), _blocks(np.asarray(carried, dtype=np.uint8))
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    deviation, other_deviation = np.sqrt(np.square(one).mean(axis=1)), np.sqrt(np.square(other).mean(axis=1))
    alikeness = (one * other).mean(axis=1) / np.maximum(deviation * other_deviation, 1e-6)
    weight = np.minimum(np.maximum(deviation, other_deviation), MOST_STRUCTURE)
    weight[weight < GRAIN] = 0.0
    trust = _blocks(flow.trust).mean(axis=1)
    followed = float((np.clip(alikeness, 0, 1) * trust * weight).sum())
    return followed / max(float(weight.sum()), 1e-6)


def _blocks(picture: ByteArray | FloatArray) -> FloatArray:
    """(n, BLOCK * BLOCK) float32: the picture's whole blocks, a row each."""
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    whole = picture[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
    cut = whole.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(cut.reshape(rows * columns, BLOCK * BLOCK))


def _structure(picture: FlowPicture) -> float:
    """By how many grey levels the picture varies, grain left out."""
    small = cv2.resize(picture.levels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return float(small.std())


def _whip_pan(one: FlowPicture, other: FlowPicture) -> bool:
    """Whether one long shift explains the other picture; what stands still, as bars and titles do, shows
    none."""
    height, width = one.levels.shape
    size = max(16, width // 4), max(16, height // 4)
    first, second = (
        cv2.resize(picture.levels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for picture in (one, other)
    )
    (shift_x, shift_y), response = cv2.phaseCorrelate(first, second, cv2.createHanningWindow(size, cv2.CV_32F))
    return response >= SHIFTED and float(np.hypot(shift_x, shift_y)) >= LONG_SHIFT * size[0]
