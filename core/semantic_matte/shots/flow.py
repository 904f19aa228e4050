"""Motion between two frames of a shot, and pictures carried along it.

Dense inverse search (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"), as OpenCV has it, on
small display-referred pictures: cost and quality are the same for any plate size. A flow tells for each pixel
of one frame ("here") where its content is in the other ("there").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from semantic_matte.colour import to_display
from semantic_matte.errors import ValueShapeError
from semantic_matte.resizing import resized_light
from semantic_matte.trimap import distance_inside
from semantic_matte.types import Box, ByteArray, FloatArray, Instance, Plate

# The longer side of the pictures that motion is looked for in.
LONGEST_SIDE = 640
# Two flows, there and back, end where they began but for this many small pixels where they can be trusted.
TRUSTED_MISS = 1.5
# Pictures that differ by this, of 255, on the mean of a square of so many small pixels, are the same to 1 / e.
SAME_LOOK = 30.0
LOOK_SIDE = 9
# Motion counts for an object's in full this many small pixels inside its mask: nearer to the edge, where the mask
# errs and the search mixes two motions, it counts less.
SURE_DEPTH = 4.0
# With this much counted around a pixel its motion is its own; with less, more is filled in from farther away.
ENOUGH = 0.3


@dataclass(frozen=True, eq=False)
class FlowPicture:
    """What motion is looked for in. levels: (h, w) uint8, display-referred luma. frame_size: the plate's (H, W)."""

    levels: ByteArray
    frame_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Flow:
    """For each pixel of one frame, where its content is in another.

    field: (h, w, 2) float32, x and y steps in small pixels. trust: (h, w) float32 in [0, 1], 0 where the way
    there and back does not meet. frame_size: of both plates, (H, W). here, there:
    (h, w) uint8, the pictures that motion was looked for in.
    """

    field: FloatArray
    trust: FloatArray
    frame_size: tuple[int, int]
    here: ByteArray
    there: ByteArray

    def carry(self, crop: npt.NDArray[np.generic], window: Box, onto: Box) -> FloatArray:
        """(onto.height, onto.width) float32: what the other frame has on `window`, 0 outside, moved to this frame.

        crop: (h, w) of bool or float. window, onto: in plate pixels. Bilinear.
        """
        map_x, map_y = self.places(onto)
        picture = np.ascontiguousarray(crop, dtype=np.float32)
        return np.asarray(
            cv2.remap(
                picture,
                map_x - np.float32(window.x0),
                map_y - np.float32(window.y0),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=0,
            ),
            dtype=np.float32,
        )

    def places(self, onto: Box) -> tuple[FloatArray, FloatArray]:
        """x and y in the other frame's plate pixels for each pixel of `onto`, (h, w) float32 each."""
        step_x, step_y = (self._enlarged(self.field[..., axis], onto) for axis in (0, 1))
        height, width = self.frame_size
        small_height, small_width = self.trust.shape
        columns = np.arange(onto.x0, onto.x1, dtype=np.float32)
        rows = np.arange(onto.y0, onto.y1, dtype=np.float32)[:, np.newaxis]
        return columns + step_x * (width / small_width), rows + step_y * (height / small_height)

    def trust_on(self, onto: Box) -> FloatArray:
        """(onto.height, onto.width) float32 in [0, 1]."""
        return self._enlarged(self.trust, onto)

    def alike_on(self, onto: Box) -> FloatArray:
        """(onto.height, onto.width) float32 in (0, 1]: 1 where the small picture, carried here, looks the same."""
        height, width = self.here.shape
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        places = columns + self.field[..., 0], rows + self.field[..., 1]
        carried = cv2.remap(self.there, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        difference = cv2.absdiff(self.here, carried).astype(np.float32)
        difference = cv2.blur(difference, (LOOK_SIDE, LOOK_SIDE), borderType=cv2.BORDER_REPLICATE)
        return self._enlarged(np.exp(-np.square(difference / np.float32(SAME_LOOK))), onto)

    def _enlarged(self, small: FloatArray, onto: Box) -> FloatArray:
        """A small picture's part on a box of plate pixels, at the plate's size."""
        height, width = self.frame_size
        small_height, small_width = small.shape
        scale_x, scale_y = small_width / width, small_height / height
        columns = ((np.arange(onto.x0, onto.x1, dtype=np.float32) + 0.5) * scale_x - 0.5).astype(np.float32)
        rows = ((np.arange(onto.y0, onto.y1, dtype=np.float32) + 0.5) * scale_y - 0.5).astype(np.float32)
        map_x, map_y = np.meshgrid(columns, rows)
        enlarged = cv2.remap(small, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(enlarged, dtype=np.float32)


def flow_picture(plate: Plate) -> FlowPicture:
    """What motion is looked for in: the plate, made small and display-referred."""
    height, width = plate.size
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    luma = to_display(resized_light(plate.pixels, size)) @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    return FlowPicture(np.rint(np.clip(luma, 0, 1) * 255).astype(np.uint8), plate.size)


def flow_between(here: FlowPicture, there: FlowPicture) -> Flow:
    """The motion from `here` to `there`; the same bytes on any number of cores. Raises ValueShapeError where the
    frames are of two sizes."""
    return flow_pair(here, there)[0]


def flow_pair(here: FlowPicture, there: FlowPicture) -> tuple[Flow, Flow]:
    """The motion from `here` to `there` and that back, as `flow_between` gives each, for the price of one."""
    if here.frame_size != there.frame_size:
        raise ValueShapeError(
            f"Flow: expected frames of one size, got {here.frame_size} and {there.frame_size}."
        )
    with _one_thread():
        forward = _dense(here.levels, there.levels)
        backward = _dense(there.levels, here.levels)
    return _flow(forward, backward, here, there), _flow(backward, forward, there, here)


def _flow(field: FloatArray, back: FloatArray, here: FlowPicture, there: FlowPicture) -> Flow:
    """The flow along a field (h, w, 2), trusted where the field back meets it."""
    return Flow(field, _trust(field, back), here.frame_size, here.levels, there.levels)


def object_flow(flow: Flow, instance: Instance) -> Flow:
    """The motion of an object, carried on beyond its edge: where hair is thin the picture moves with what is behind.

    instance: in the frame that the flow starts from. Inside the mask it is the flow's own motion; towards the edge
    and outside, what the sure parts nearby do, smoothly. Trust is that of the parts that it came from. (Filled in
    by pull and push over a pyramid: Gortler et al. 1996, "The Lumigraph", 3.4.) Raises ValueShapeError for an
    instance of another size.
    """
    if instance.frame_size != flow.frame_size:
        raise ValueShapeError(
            f"Object's motion: expected a mask of {flow.frame_size}, got one of {instance.frame_size}."
        )
    small = flow.trust.shape
    covered = cv2.resize(instance.mask.view(np.uint8) * np.uint8(255), small[::-1], interpolation=cv2.INTER_AREA)
    depth = distance_inside(covered > 127)
    # An object too small for the search's pixels still has its own motion.
    sure = np.square(np.minimum(depth / np.float32(SURE_DEPTH), 1)) + (covered > 0) * np.float32(1e-5)
    sure = sure.astype(np.float32)
    # Where an arm can't be followed, what is known of the body's motion must not make it trusted: trust comes from
    # what is near, motion from what is near and trusted.
    steps = _filled(flow.field, sure * flow.trust + np.float32(1e-4) * sure)
    trust = _filled(flow.trust[..., np.newaxis], sure)[..., 0].clip(0, 1)
    return replace(flow, field=steps, trust=trust)


def _filled(values: FloatArray, weight: FloatArray) -> FloatArray:
    """(h, w, n) float32: the mean of values (h, w, n) by weight (h, w), from as near as there is enough weight."""
    levels = [(values * weight[..., np.newaxis], weight)]
    while min(levels[-1][1].shape) > 2:
        values, weights = levels[-1]
        coarse = np.reshape(cv2.pyrDown(values), (*cv2.pyrDown(weights).shape, values.shape[2]))
        levels.append((coarse, cv2.pyrDown(weights)))
    tiny = np.float32(1e-12)
    values, weights = levels.pop()
    found = values / np.maximum(weights, tiny)[..., np.newaxis]
    for values, weights in reversed(levels):
        wider = np.reshape(cv2.pyrUp(found, dstsize=weights.shape[::-1]), values.shape)
        share = np.minimum(weights / np.float32(ENOUGH), 1)[..., np.newaxis]
        found = share * (values / np.maximum(weights, tiny)[..., np.newaxis]) + (1 - share) * wider
    return np.asarray(found, dtype=np.float32)


def _dense(first: ByteArray, second: ByteArray) -> FloatArray:
    """(h, w, 2) float32 steps from the first to the second."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(first, second, None), dtype=np.float32)


def _trust(forward: FloatArray, backward: FloatArray) -> FloatArray:
    """(h, w) float32: 1 where there and back meet, falling to 0 with the miss."""
    height, width = forward.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    back = cv2.remap(
        backward, columns + forward[..., 0], rows + forward[..., 1], cv2.INTER_LINEAR, borderValue=(1e3, 1e3)
    )
    miss = np.hypot(forward[..., 0] + back[..., 0], forward[..., 1] + back[..., 1])
    trust: FloatArray = np.exp(-np.square(miss / TRUSTED_MISS)).astype(np.float32)
    return trust


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV divides the search among its threads and so gives other flows on other machines: here one does all."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
