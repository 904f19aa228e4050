"""The values that the engine passes around: frozen, and checked when they are built.

Pixel coordinates are (x right, y down) from the top left corner of the plate's data window. Arrays are
row-major: axis 0 is y, axis 1 is x. Boxes are half-open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import HintError, TrimapError, ValueShapeError

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

BACKGROUND = 0
UNKNOWN = 128
FOREGROUND = 255


def require_array(what: str, array: object, dtype: npt.DTypeLike, dimensions: tuple[int | None, ...]) -> None:
    """Raise ValueShapeError unless `array` has this dtype and these sizes (None: any size)."""
    if not isinstance(array, np.ndarray):
        raise ValueShapeError(f"{what}: expected a numpy array, got {type(array).__name__}.")
    if array.dtype != np.dtype(dtype):
        raise ValueShapeError(f"{what}: expected dtype {np.dtype(dtype)}, got {array.dtype}.")
    matches = len(dimensions) == array.ndim and all(
        wanted is None or wanted == got for wanted, got in zip(dimensions, array.shape, strict=True)
    )
    if not matches:
        wanted_text = ", ".join("any" if size is None else str(size) for size in dimensions)
        raise ValueShapeError(f"{what}: expected shape ({wanted_text}), got {array.shape}.")


@dataclass(frozen=True, order=True)
class Box:
    """A half-open rectangle of pixels: x0 <= x < x1, y0 <= y < y1. Never empty."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueShapeError(
                f"Box: expected x0 < x1 and y0 < y1, got {(self.x0, self.y0, self.x1, self.y1)}."
            )

    @classmethod
    def of_frame(cls, height: int, width: int) -> Box:
        """The box of a whole frame."""
        return cls(0, 0, width, height)

    @classmethod
    def around(cls, mask: BoolArray) -> Box | None:
        """The tightest box around the true pixels of a mask (H, W), or None if there are none."""
        rows = np.flatnonzero(mask.any(axis=1))
        if rows.size == 0:
            return None
        columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def mean_side(self) -> float:
        """Mean of width and height: the object's size in Hu & Clark 2019, III-B."""
        return (self.width + self.height) / 2

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this box into an array (H, W, ...)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def padded(self, pixels: int) -> Box:
        """This box grown by `pixels` on every side; it may leave the frame."""
        return Box(self.x0 - pixels, self.y0 - pixels, self.x1 + pixels, self.y1 + pixels)

    def shifted(self, x: int, y: int) -> Box:
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def intersection(self, other: Box) -> Box | None:
        """What both boxes cover, or None."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def union(self, other: Box) -> Box:
        """The smallest box that covers both."""
        return Box(
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
        )

    def relative_to(self, other: Box) -> Box:
        """This box in the coordinates of `other`'s top left corner."""
        return self.shifted(-other.x0, -other.y0)

    def as_list(self) -> list[int]:
        return [self.x0, self.y0, self.x1, self.y1]


@dataclass(frozen=True, eq=False)
class Plate:
    """One picture.

    pixels: (H, W, 3) float32, RGB, scene-linear Rec.709 unless `colour_space` says else; finite;
    may be below 0 and above 1. H and W are those of the data window.
    own_pixels: (H, W, 3) float32, finite: the same light, untouched, in the linear space `own_space` that
    the plate came in; None where that is `pixels`' own space or where nobody asked for it. timecode: SMPTE,
    "01:02:03:04", with ";" before the frames where it is drop-frame; "" where the plate has none. read_as: the
    colour space that its file's numbers were taken to be in; "" for a plate that is no file's.
    """

    pixels: FloatArray
    name: str = "plate"
    colour_space: str = "scene_linear_rec709"
    data_window: Box | None = None
    display_window: Box | None = None
    pixel_aspect: float = 1.0
    frame: int | None = None
    view: str = ""
    notices: tuple[str, ...] = ()
    timecode: str = ""
    own_pixels: FloatArray | None = None
    own_space: str = ""
    read_as: str = ""

    def __post_init__(self) -> None:
        require_array("Plate", self.pixels, np.float32, (None, None, 3))
        if self.pixels.size == 0:
            raise ValueShapeError(f"Plate: expected at least one pixel, got {self.pixels.shape}.")
        # A sum is finite only if every term is, unless huge terms overflow: only then look closer.
        if not np.isfinite(self.pixels.sum(dtype=np.float64)) and not np.isfinite(self.pixels).all():
            raise ValueShapeError("Plate: expected finite pixels, got NaN or infinity.")
        if self.data_window is None:
            object.__setattr__(self, "data_window", Box.of_frame(*self.size))
        if self.display_window is None:
            object.__setattr__(self, "display_window", self.data_window)
        assert self.data_window is not None
        if (self.data_window.height, self.data_window.width) != self.size:
            raise ValueShapeError(
                f"Plate: the data window {self.data_window.as_list()} does not fit pixels of "
                f"{self.size[1]}x{self.size[0]}."
            )
        if not self.pixel_aspect > 0:
            raise ValueShapeError(f"Plate: expected pixel aspect > 0, got {self.pixel_aspect}.")
        if self.own_pixels is not None:
            require_array("Plate: own pixels", self.own_pixels, np.float32, self.pixels.shape)
            if not self.own_space:
                raise ValueShapeError("Plate: expected own pixels to come with the name of their space.")

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def box(self) -> Box:
        return Box.of_frame(*self.size)

    @property
    def own(self) -> tuple[FloatArray, str]:
        """The plate's light as it came, (H, W, 3), and the linear colour space that it is in."""
        if self.own_pixels is None:
            return self.pixels, self.colour_space
        return self.own_pixels, self.own_space


@dataclass(frozen=True, eq=False)
class Instance:
    """One found object. The mask is kept as a crop on `box`, so that memory follows the object.

    crop: (box height, box width) bool. box: tight, inside the frame. frame_size: (H, W).
    score: the segmenter's confidence in [0, 1]. slot: the object's stable name in the result, once given.
    """

    crop: BoolArray
    box: Box
    frame_size: tuple[int, int]
    label: str
    score: float
    slot: str = ""

    def __post_init__(self) -> None:
        require_array("Instance mask", self.crop, np.bool_, (self.box.height, self.box.width))
        require_inside("Instance: box", self.box, self.frame_size)
        if not self.crop.any():
            raise ValueShapeError(f"Instance '{self.label}': expected a mask with pixels, got none.")
        if not 0.0 <= self.score <= 1.0:
            raise ValueShapeError(f"Instance: expected a score in 0..1, got {self.score}.")
        if not self.label:
            raise ValueShapeError("Instance: expected a label, got an empty one.")

    @classmethod
    def from_mask(cls, mask: BoolArray, label: str, score: float, offset: Box | None = None) -> Instance:
        """Build from a mask (H, W) bool of the frame.

        With `offset` = the frame's box in the mask's coordinates, the mask may be a window of the frame.
        """
        frame = Box.of_frame(*mask.shape) if offset is None else offset
        box = Box.around(mask)
        if box is None:
            raise ValueShapeError(f"Instance '{label}': expected a mask with pixels, got none.")
        return cls(
            crop=np.ascontiguousarray(mask[box.slices]),
            box=box.relative_to(frame),
            frame_size=(frame.height, frame.width),
            label=label,
            score=score,
        )

    @property
    def mask(self) -> BoolArray:
        """(H, W) bool on the whole frame; built anew at each call."""
        whole = np.zeros(self.frame_size, dtype=np.bool_)
        whole[self.box.slices] = self.crop
        return whole

    def mask_on(self, window: Box) -> BoolArray:
        """(window height, window width) bool: the part of the mask inside `window`."""
        part = np.zeros((window.height, window.width), dtype=np.bool_)
        common = window.intersection(self.box)
        if common is not None:
            part[common.relative_to(window).slices] = self.crop[common.relative_to(self.box).slices]
        return part

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.crop))


def require_inside(what: str, window: Box, frame_size: tuple[int, int]) -> None:
    """Raise ValueShapeError unless `window` lies inside the frame (H, W)."""
    if window.intersection(Box.of_frame(*frame_size)) != window:
        raise ValueShapeError(
            f"{what}: {window.as_list()} leaves the frame of {frame_size[1]}x{frame_size[0]}."
        )


@dataclass(frozen=True, eq=False)
class Trimap:
    """What is known of one object inside a window of the frame; outside the window is background.

    levels: (h, w) uint8 of BACKGROUND (0), UNKNOWN (128), FOREGROUND (255), with some of each known kind.
    window: where `levels` lies in the frame. frame_size: (H, W).
    """

    levels: ByteArray
    window: Box
    frame_size: tuple[int, int]

    def __post_init__(self) -> None:
        require_array("Trimap", self.levels, np.uint8, (self.window.height, self.window.width))
        require_inside("Trimap: window", self.window, self.frame_size)
        counts = np.bincount(self.levels.ravel(), minlength=256)
        other = self.levels.size - int(counts[[BACKGROUND, UNKNOWN, FOREGROUND]].sum())
        if other:
            raise TrimapError(f"Trimap: expected levels 0, 128 and 255 only, got {other} other pixels.")
        if counts[FOREGROUND] == 0:
            raise TrimapError(
                "The trimap has no known foreground: paint at least one pixel white (255) "
                "where the object is surely solid."
            )
        whole_frame = (self.window.height, self.window.width) == self.frame_size
        if counts[BACKGROUND] == 0 and whole_frame:
            raise TrimapError(
                "The trimap has no known background: paint at least one pixel black (0) "
                "where the object surely is not."
            )

    @classmethod
    def from_levels(cls, levels: ByteArray) -> Trimap:
        """A trimap of a whole frame from (H, W) uint8: 0 background, 255 foreground, else unknown."""
        require_array("Trimap", levels, np.uint8, (None, None))
        known = (levels == BACKGROUND) | (levels == FOREGROUND)
        height, width = levels.shape
        clean = np.where(known, levels, np.uint8(UNKNOWN))
        return cls(clean, Box.of_frame(height, width), (height, width))

    @property
    def unknown(self) -> BoolArray:
        """(h, w) bool: the band."""
        return np.equal(self.levels, UNKNOWN)

    @property
    def foreground(self) -> BoolArray:
        """(h, w) bool: known foreground."""
        return np.equal(self.levels, FOREGROUND)


@dataclass(frozen=True, order=True)
class Patch:
    """A square cut of the plate that an estimator works on, and the sample that it belongs to."""

    box: Box
    sample: int = 0


@dataclass(frozen=True, eq=False)
class Matte:
    """An alpha and the instance that it belongs to.

    crop: (h, w) float32 in [0, 1] on `window`; alpha is 0 outside the window.
    spread: (h, w) float32 in [0, 1], the range between samples, or None where there was one sample.
    passes: how often it was solved; 0 for an object of a shot in a frame that doesn't show it (see `absent`).
    """

    instance: Instance
    crop: FloatArray
    window: Box
    spread_crop: FloatArray | None = None
    passes: int = 1

    def __post_init__(self) -> None:
        shape = (self.window.height, self.window.width)
        require_inside("Matte: window", self.window, self.frame_size)
        fields = [("alpha", self.crop), ("spread", self.spread_crop)]
        for name, field_crop in fields:
            if field_crop is None:
                continue
            require_array(f"Matte {name}", field_crop, np.float32, shape)
            low, high = float(field_crop.min()), float(field_crop.max())
            if not (low >= 0.0 and high <= 1.0):
                raise ValueShapeError(f"Matte: expected {name} in 0..1, got {low}..{high}.")

    @classmethod
    def absent(cls, slot: str, label: str, frame_size: tuple[int, int]) -> Matte:
        """An object of a shot in a frame, (H, W), that doesn't show it: alpha 0, kept on one pixel."""
        corner = Box(0, 0, 1, 1)
        nowhere = Instance(np.ones((1, 1), dtype=np.bool_), corner, frame_size, label, 0.0, slot)
        return cls(nowhere, np.zeros((1, 1), dtype=np.float32), corner, passes=0)

    @property
    def is_absent(self) -> bool:
        """Whether the frame doesn't show it; its instance then stands for nothing."""
        return self.passes == 0

    @property
    def frame_size(self) -> tuple[int, int]:
        return self.instance.frame_size

    @property
    def alpha(self) -> FloatArray:
        """(H, W) float32 in [0, 1] on the whole frame; built anew at each call."""
        return self._whole(self.crop)

    @property
    def spread(self) -> FloatArray:
        """(H, W) float32 in [0, 1]: range between samples, 0 where there was one; built anew."""
        return self._whole(np.zeros_like(self.crop) if self.spread_crop is None else self.spread_crop)

    @property
    def label(self) -> str:
        return self.instance.label

    @property
    def slot(self) -> str:
        return self.instance.slot

    def _whole(self, crop: FloatArray) -> FloatArray:
        whole = np.zeros(self.frame_size, dtype=np.float32)
        whole[self.window.slices] = crop
        return whole


@dataclass(frozen=True, eq=False)
class Foreground:
    """An object's own colour, unmixed from what lies behind its soft edge.

    crop: (h, w, 3) float32, finite, unpremultiplied, linear light of `colour_space`, without limits; it says
    nothing outside `window`, nor where its matte's alpha is 0. alpha * crop + (1 - alpha) * background is the
    composite. window: inside the matte's frame, in plate pixels.
    """

    matte: Matte
    crop: FloatArray
    window: Box
    colour_space: str

    def __post_init__(self) -> None:
        require_array("Foreground", self.crop, np.float32, (self.window.height, self.window.width, 3))
        require_inside("Foreground: window", self.window, self.matte.frame_size)


@dataclass(frozen=True, eq=False)
class Hint:
    """An artist's own word on one object: a mask, a box, or points. Exactly one of the three.

    mask: (H, W) bool. box: in plate pixels. points: (x, y, is_foreground) in plate pixels.
    """

    mask: BoolArray | None = None
    box: Box | None = None
    points: tuple[tuple[float, float, bool], ...] = ()
    label: str = "object"
    source: str = field(default="hint")

    def __post_init__(self) -> None:
        kinds: list[Any] = [kind for kind in (self.mask, self.box, self.points or None) if kind is not None]
        if len(kinds) != 1:
            raise HintError(
                f"{self.source}: expected one of mask, box or points for each object, got {len(kinds)} of them."
            )
        if self.mask is not None:
            require_array(f"{self.source}: mask", self.mask, np.bool_, (None, None))
        if self.points and not any(inside for _, _, inside in self.points):
            raise HintError(f"{self.source}: expected at least one point on the object.")
