"""An object's alpha in one frame, steadied inside its band with those of the frames around.

The neighbours' alphas are carried to this frame along the picture's motion and averaged with its own. A
neighbour counts at a pixel as far as the motion there can be trusted, and as far as its picture, carried
along the same way, looks like this frame's: what was covered, what moved too fast to be followed and what is
blurred otherwise looks different, and is left as this frame alone has it. (Motion-compensated temporal
averaging, weighted as in a bilateral filter: Bennett and McMillan 2005, "Video Enhancement Using Per-Pixel
Virtual Exposures".)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from semantic_matte import trimap
from semantic_matte.colour import to_display
from semantic_matte.errors import TrimapError, ValueShapeError
from semantic_matte.shots.flow import Flow, FlowOn, mean_around, object_flow
from semantic_matte.types import BoolArray, Box, ByteArray, FloatArray, Instance, Matte, Plate, require_array

# How many frames to either side are looked at.
ALPHA_REACH = 2
# An alpha whose samples are this far apart weighs half. It is trimap.DOUBT, from where a band is kept wide.
DISAGREED = trimap.DOUBT
# Pictures that differ by this, of 255, around a pixel are taken for the same to 1 / e.
SAME_LOOK = 30.0
# The square that pictures are compared on, in pixels: grain must not count.
LOOK_SIDE = 5
# Where a neighbour's alpha is this far from the frame's own, on the mean of a square of this fraction of the
# object's size, the two don't speak of the same thing (a limb that one of them lost), and it counts 1 / e: a
# mean would be a ghost. Single hairs that miss each other hardly show in the mean.
APART = 0.5
REGION = 0.06
# Motion of this fraction of the frame's longer side, between the two frames, makes a neighbour count 1 / e.
FAST = 0.04
# Rows made ready at a time, so that little memory is needed beside the picture itself.
_ROWS = 64
# Alphas within this of 0 or 1 are neither soft nor an edge where flicker is measured.
SOLID = 1 / 255


@dataclass(frozen=True, eq=False)
class Neighbour:
    """The object in another frame.

    flow: from this frame to that one. matte: as it was solved there. picture: that frame's `display_picture`.
    """

    flow: Flow
    matte: Matte
    picture: ByteArray


def display_picture(plate: Plate) -> ByteArray:
    """(H, W, 3) uint8: a plate as frames are compared, display-referred."""
    shown = np.empty(plate.pixels.shape, dtype=np.uint8)
    for top in range(0, len(shown), _ROWS):
        rows = slice(top, top + _ROWS)
        shown[rows] = np.rint(np.clip(to_display(plate.pixels[rows]), 0, 1) * 255)
    return shown


def band_of(instance: Instance, window: Box, outer: float, inner: float) -> BoolArray:
    """(h, w) bool on a matte's window: the band that was solved, from the mask that its trimap was made of.

    outer, inner: as of `trimap.from_instance`. Empty where the object leaves no known background.
    """
    band: BoolArray = np.zeros((window.height, window.width), dtype=np.bool_)
    try:
        first = trimap.from_instance(instance, outer, inner)
    except TrimapError:
        return band
    common = window.intersection(first.window)
    if common is not None:
        band[common.relative_to(window).slices] = first.unknown[common.relative_to(first.window).slices]
    return band


def steady_matte(
    matte: Matte, band: BoolArray, picture: ByteArray, neighbours: Sequence[Neighbour], strength: float
) -> Matte:
    """The matte with the alpha that this frame and its neighbours agree on, inside the band.

    band: (h, w) bool on the matte's window; all else stays the same bits. picture: this frame's
    `display_picture`. strength: in [0, 1]; a neighbour that is sure weighs twice that, this frame's own alpha
    1; where samples disagreed in a frame, its alpha weighs less (see `certainty`). The same object comes back
    where there are no neighbours, no band, or the strength is 0. Raises ValueShapeError for a neighbour of
    another size and a strength outside 0..1.
    """
    _check(matte, band, picture, neighbours, strength)
    tight = Box.around(band) if neighbours and strength > 0 else None
    if tight is None:
        return matte
    part = tight.shifted(matte.window.x0, matte.window.y0)
    own = matte.crop[tight.slices]
    # A square around each pixel is looked at too, so that the answer is the same on any window.
    side = 2 * round(REGION * matte.instance.box.mean_side / 2) + 1
    around = part.padded(side // 2).intersection(Box.of_frame(*matte.frame_size))
    assert around is not None
    inside = part.relative_to(around).slices
    own_around = _on(matte, around)
    weight = certainty(matte, part)
    total = own * weight
    for neighbour in neighbours:
        alpha, sure = carried_alpha(matte.instance, picture, neighbour, around)
        apart = mean_around(np.abs(alpha - own_around), side)[inside]
        # Flat below and steep above: what is a little apart is to be averaged, what is far apart left out.
        sure = (
            sure[inside] * np.exp(-np.square(np.square(apart / np.float32(APART)))) * np.float32(2 * strength)
        )
        total += sure * alpha[inside]
        weight += sure
    crop = matte.crop.copy()
    crop[tight.slices] = np.where(band[tight.slices], np.clip(total / weight, 0, 1), own)
    return replace(matte, crop=crop)


def carried_alpha(
    instance: Instance, picture: ByteArray, neighbour: Neighbour, part: Box
) -> tuple[FloatArray, FloatArray]:
    """A neighbour's alpha carried to this frame, and how sure it is: (h, w) float32 in [0, 1] on `part`.

    Two ways there are tried for each pixel: with the object's motion, which its hair follows, and with the
    picture's, which is right where the object bends and for what lies beside it. Each counts as far as the
    pictures look alike along it. instance: the object in this frame. picture: this frame's `display_picture`.
    """
    matte = neighbour.matte
    # Pictures are compared on squares around each pixel.
    around = part.padded(LOOK_SIDE // 2).intersection(Box.of_frame(*matte.frame_size))
    assert around is not None
    inside = part.relative_to(around).slices
    ways = [flow.on(around) for flow in (object_flow(neighbour.flow, instance), neighbour.flow)]
    alphas = [way.carry(matte.crop, matte.window)[inside] for way in ways]
    sure = [sureness(picture, neighbour.picture, way)[inside] for way in ways]
    if matte.spread_crop is not None and matte.spread_crop.any():
        known = certainty(matte, matte.window)
        # Outside its window an alpha is surely 0: certainty is carried as what is missing of it.
        sure = [
            one * (1 - way.carry(1 - known, matte.window)[inside]) for one, way in zip(sure, ways, strict=True)
        ]
    both = np.maximum(sure[0] + sure[1], np.float32(1e-6))
    return (sure[0] * alphas[0] + sure[1] * alphas[1]) / both, np.maximum(sure[0], sure[1])


def certainty(matte: Matte, box: Box) -> FloatArray:
    """(h, w) float32 in (0, 1] on a box: how much an alpha is worth where its samples disagreed; 1 where they
    did not, and where there was one sample."""
    spread = np.zeros((box.height, box.width), dtype=np.float32)
    common = box.intersection(matte.window)
    if matte.spread_crop is not None and common is not None:
        theirs = matte.spread_crop[common.relative_to(matte.window).slices]
        spread[common.relative_to(box).slices] = theirs
    return np.asarray(1 / (1 + np.square(spread / np.float32(DISAGREED))), dtype=np.float32)


def sureness(picture: ByteArray, there: ByteArray, way: FlowOn) -> FloatArray:
    """(h, w) float32 in [0, 1] on the way's box: how far what it brings can be believed at each pixel.

    picture, there: the `display_picture` of this frame and of the one that the way leads to.
    """
    height, width = picture.shape[:2]
    carried = cv2.remap(there, way.map_x, way.map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Of bytes, so that sums are exact and the same on any box.
    mixed = cv2.transform(cv2.absdiff(picture[way.box.slices], carried), np.full((1, 3), 1 / 3))
    apart = mean_around(np.asarray(mixed, dtype=np.uint8), LOOK_SIDE)
    columns = np.arange(way.box.x0, way.box.x1, dtype=np.float32)
    rows = np.arange(way.box.y0, way.box.y1, dtype=np.float32)[:, np.newaxis]
    # Motion so fast that its blur is another in each frame.
    far = np.square(way.map_x - columns) + np.square(way.map_y - rows)
    fast = np.float32(FAST * max(height, width))
    doubt = np.square(apart / np.float32(SAME_LOOK)) + far / (fast * fast)
    return np.asarray(way.trust * np.exp(-doubt), dtype=np.float32)


def flicker(matte: Matte, previous: Matte, flow: Flow) -> float:
    """How much an edge boils, in [0, 1]: the mean difference of a matte and the one before, carried along.

    flow: from this frame to the one before. The mean is over all pixels where the two are neither both solid
    nor both empty, weighted by the flow's trust; 0 where there are none. (Warping error: Lai et al. 2018,
    "Learning Blind Video Temporal Consistency".)
    """
    way = flow.on(matte.window.union(previous.window))
    error = edge_error(_on(matte, way.box), way.carry(previous.crop, previous.window), way.trust)
    return error or 0.0


def edge_error(alpha: FloatArray, carried: FloatArray, trust: FloatArray) -> float | None:
    """Mean absolute difference of two alphas (h, w), in [0, 1], by trust (h, w); None where nothing is trusted.

    The mean is over pixels where the two are neither both solid nor both empty.
    """
    edge = (np.maximum(alpha, carried) > SOLID) & (np.minimum(alpha, carried) < 1 - SOLID)
    weight = trust[edge].astype(np.float64)
    total = float(weight.sum())
    if total <= 0:
        return None
    return min(float((np.abs(alpha[edge] - carried[edge]) * weight).sum()) / total, 1.0)


def _on(matte: Matte, box: Box) -> FloatArray:
    """(box height, box width) float32: a matte's alpha on any box of the frame, 0 outside its window."""
    alpha = np.zeros((box.height, box.width), dtype=np.float32)
    common = box.intersection(matte.window)
    if common is not None:
        alpha[common.relative_to(box).slices] = matte.crop[common.relative_to(matte.window).slices]
    return alpha


def _check(
    matte: Matte, band: BoolArray, picture: ByteArray, neighbours: Sequence[Neighbour], strength: float
) -> None:
    """Raise ValueShapeError for sizes that don't fit and a strength outside 0..1."""
    if not 0.0 <= strength <= 1.0:
        raise ValueShapeError(f"Steadiness: expected 0..1, got {strength}.")
    require_array("Steadiness: band", band, np.bool_, matte.crop.shape)
    pictures = [picture, *(neighbour.picture for neighbour in neighbours)]
    for one in pictures:
        require_array("Steadiness: picture", one, np.uint8, (*matte.frame_size, 3))
    for neighbour in neighbours:
        if not matte.frame_size == neighbour.matte.frame_size == neighbour.flow.frame_size:
            raise ValueShapeError(
                f"Steadiness: expected neighbours of the frame's size {matte.frame_size}, got a matte of "
                f"{neighbour.matte.frame_size} and a flow of {neighbour.flow.frame_size}."
            )
