"""Which part of the frame an EXR holds: the plate's data window, or less where the rest is empty.

Blender 4.2 to 5.0 ignores the display window and puts the middle of the data window in the middle of the
frame, and 5.2 flips vertical offsets (seen by running 4.2.23, 4.5.15, 5.0.1 and 5.2.3). A window that is
cut by equal margins lies right in all of them, and in hosts that honour both windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from semantic_matte.types import BoolArray, Box, Plate

# A window is cut where that spares at least this share of the plate's pixels: below it, one that stays
# the same from frame to frame is worth more than the few bytes.
_WORTH_CUTTING = 0.1

_BORDER = 2

# Positive values up to here become 0 in half: the smallest half is 2^-24, and a tie goes to the even 0.
_ZERO_IN_HALF = np.float32(2**-25)


def written_window(plate: Plate, covered: Sequence[Box], choice: Literal["centred", "tight", "plate"]) -> Box:
    """The part of the plate that a file holds, in plate pixels.

    covered: where something is that isn't 0, in plate pixels (see `covered_box`). tight: what they cover and
    a border of two pixels of zeros, as far as the plate goes, so that hosts which repeat a window's edge
    repeat zeros; Blender 5.2.3 was seen to repeat the second column and line from it. centred: that, with the
    margins left and right made equal, and those above and below. plate: all of it. A cut that would spare less
    than a tenth of the pixels isn't made. Where nothing is covered, the middle pixel counts as covered: EXR
    has no empty window, and every host tested reads it.
    """
    whole = plate.box
    inside = [part for box in covered if (part := box.intersection(whole)) is not None]
    if choice == "plate":
        return whole
    tight = reduce(Box.union, inside or [_middle(whole)])
    bordered = tight.padded(_BORDER).intersection(whole)
    assert bordered is not None
    window = _with_equal_margins(bordered, whole) if choice == "centred" else bordered
    return window if window.area <= (1 - _WORTH_CUTTING) * whole.area else whole


def covered_box(crop: npt.NDArray[np.floating[Any]], window: Box) -> Box | None:
    """The tight box of what isn't 0 in half, in plate pixels; None if all of it is.

    crop: (h, w) or (h, w, channels), finite, on `window`, which is in plate pixels.
    """
    covered: BoolArray = (crop > _ZERO_IN_HALF) | (crop < -_ZERO_IN_HALF)
    box = Box.around(np.logical_or.reduce(covered, axis=2) if covered.ndim == 3 else covered)
    return None if box is None else box.shifted(window.x0, window.y0)


def _middle(whole: Box) -> Box:
    """The pixel in the middle of a box; two where a side is even."""
    across, down = (whole.width - 1) // 2, (whole.height - 1) // 2
    return Box(whole.x0 + across, whole.y0 + down, whole.x1 - across, whole.y1 - down)


def _with_equal_margins(box: Box, whole: Box) -> Box:
    """The smallest box around `box` that leaves as much of `whole` left as right, above as below."""
    across = min(box.x0 - whole.x0, whole.x1 - box.x1)
    down = min(box.y0 - whole.y0, whole.y1 - box.y1)
    return Box(whole.x0 + across, whole.y0 + down, whole.x1 - across, whole.y1 - down)
