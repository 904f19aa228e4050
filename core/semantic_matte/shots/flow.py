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
# Motion counts for an object's in full this many small pixels inside its mask: nearer to the edge, where the
# mask errs and the search mixes two motions, it counts less.
SURE_DEPTH = 4.0
# With this much counted around a pixel its motion is its own; with less, more is filled in from farther away.
ENOUGH = 0.3


@dataclass(frozen=True, eq=False)
class FlowPicture:
    """What motion is looked for in. levels: (h, w) uint8, display-referred luma. frame_size: (H, W)."""

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
        """(onto.height, onto.width) float32: what the other frame has on `window`, moved to this frame.

        crop: (h, w) of bool or float; outside it is 0. window, onto: in plate pixels. Bilinear.
        """
        return self.on(onto).carry(crop, window)

    def places(self, onto: Box) -> tuple[FloatArray, FloatArray]:
        """x and y in the other frame's plate pixels for each pixel of `onto`, (h, w) float32 each."""
        part = self.on(onto)
        return part.map_x, part.map_y

    def trust_on(self, onto: Box) -> FloatArray:
        """(onto.height, onto.width) float32 in [0, 1]."""
        return self.on(onto).trust

    def on(self, box: Box) -> FlowOn:
        """The flow on a box of plate pixels, at the plate's size: the same there on any box."""
        height, width = self.frame_size
        small_height, small_width = self.trust.shape
        scale_x, scale_y = small_width / width, small_height / height
        columns = np.arange(box.x0, box.x1, dtype=np.float32)
        rows = np.arange(box.y0, box.y1, dtype=np.float32)[:, np.newaxis]
        shape = (box.height, box.width)
        enlarged = cv2.remap(
            np.dstack([self.field, self.trust]),
            np.broadcast_to((columns + 0.5) * np.float32(scale_x) - 0.5, shape),
            np.broadcast_to((rows + 0.5) * np.float32(scale_y) - 0.5, shape),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        step_x, step_y, trust = cv2.split(enlarged)
        map_x = np.asarray(columns + step_x * np.float32(1 / scale_x), dtype=np.float32)
        map_y = np.asarray(rows + step_y * np.float32(1 / scale_y), dtype=np.float32)
        # An object's motion may lead to where the other frame has no picture: nothing is known there.
        seen = (map_x > -0.5) & (map_x < width - 0.5) & (map_y > -0.5) & (map_y < height - 0.5)
        return FlowOn(box, map_x, map_y, np.where(seen, trust, np.float32(0)).astype(np.float32))

    def checked(self) -> Flow:
        """The same flow, trusted only where the small picture, carried along it, looks the same too."""
        height, width = self.here.shape
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        places = columns + self.field[..., 0], rows + self.field[..., 1]
        carried = cv2.remap(self.there, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        apart = mean_around(np.asarray(cv2.absdiff(self.here, carried), dtype=np.uint8), LOOK_SIDE)
        return replace(self, trust=self.trust * np.exp(-np.square(apart / np.float32(SAME_LOOK))))


@dataclass(frozen=True, eq=False)
class FlowOn:
    """A flow on a box of plate pixels: (box.height, box.width) float32 each.

    map_x, map_y: the place in the other frame, in plate pixels. trust: in [0, 1], 0 outside that frame.
    """

    box: Box
    map_x: FloatArray
    map_y: FloatArray
    trust: FloatArray

    def carry(self, crop: npt.NDArray[np.generic], window: Box) -> FloatArray:
        """(box.height, box.width) float32: what the other frame has on `window`, moved to this frame."""
        carried = cv2.remap(
            np.ascontiguousarray(crop, dtype=np.float32),
            self.map_x - np.float32(window.x0),
            self.map_y - np.float32(window.y0),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        )
        return np.asarray(carried, dtype=np.float32)


def mean_around(picture: FloatArray | ByteArray, side: int) -> FloatArray:
    """(h, w) float32: a picture's mean on a square around each pixel, its border repeated outwards."""
    mean = cv2.boxFilter(picture, cv2.CV_32F, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(mean, dtype=np.float32)


def flow_picture(plate: Plate) -> FlowPicture:
    """What motion is looked for in: the plate, made small and display-referred."""
    height, width = plate.size
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    luma = to_display(resized_light(plate.pixels, size)) @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    return FlowPicture(np.rint(np.clip(luma, 0, 1) * 255).astype(np.uint8), plate.size)


def flow_between(here: FlowPicture, there: FlowPicture) -> Flow:
    """The motion from `here` to `there`; the same bytes on any number of cores.

    Raises ValueShapeError where the frames are of two sizes.
    """
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
    """The motion of an object, carried on beyond its edge, where the picture moves with what is behind.

    instance: in the frame that the flow starts from. Inside the mask it is the flow's own motion; towards the
    edge and outside, what the sure parts nearby do, smoothly. Trust is that of the parts that it came from.
    (Filled in by pull and push over a pyramid: Gortler et al. 1996, "The Lumigraph", 3.4.) Raises
    ValueShapeError for an instance of another size.
    """
    if instance.frame_size != flow.frame_size:
        raise ValueShapeError(
            f"Object's motion: expected a mask of {flow.frame_size}, got one of {instance.frame_size}."
        )
    small = flow.trust.shape
    covered = cv2.resize(
        instance.mask.view(np.uint8) * np.uint8(255), small[::-1], interpolation=cv2.INTER_AREA
    )
    depth = distance_inside(covered > 127)
    # An object too small for the search's pixels still has its own motion.
    sure = np.square(np.minimum(depth / np.float32(SURE_DEPTH), 1)) + (covered > 0) * np.float32(1e-5)
    sure = sure.astype(np.float32)
    # Where an arm can't be followed, what is known of the body's motion must not make it trusted: trust comes
    # from what is near, motion from what is near and trusted.
    steps = _filled(flow.field, sure * flow.trust + np.float32(1e-4) * sure)
    trust = _filled(flow.trust[..., np.newaxis], sure)[..., 0].clip(0, 1)
    return replace(flow, field=steps, trust=trust)


def _filled(values: FloatArray, weight: FloatArray) -> FloatArray:
    """(h, w, n) float32: means of values (h, w, n) by weight (h, w), of as near as there is enough."""
    levels = [(values * weight[..., np.newaxis], weight)]
    while min(levels[-1][1].shape) > 2:
        values, weights = levels[-1]
        fewer = np.asarray(cv2.pyrDown(weights), dtype=np.float32)
        # A picture of one channel comes back without its third axis.
        levels.append((np.reshape(cv2.pyrDown(values), (*fewer.shape, -1)), fewer))
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
    # Down to single pixels, which no preset goes to: edges come out 2% steadier for it, at the same cost
    # because patches lie wider apart and are refined in fewer steps.
    search.setFinestScale(0)
    search.setPatchStride(4)
    search.setGradientDescentIterations(8)
    search.setVariationalRefinementIterations(2)
    found = search.calc(first, second, None)  # type: ignore[call-overload, unused-ignore]
    return np.asarray(found, dtype=np.float32)


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
    """OpenCV divides the search among its threads, with other flows on other machines: here one does all."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
