"""The small pictures of a whole shot, kept on disk: what was missed is looked for again when the shot is
known."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from types import TracebackType

import numpy as np

from semantic_matte.errors import OutputError
from semantic_matte.shots.flow import Flow, FlowPicture, flow_pair

# Flows at hand, there and back of the last few pairs, some megabytes each.
KEPT_FLOWS = 6


class PictureShelf:
    """Flow pictures by their place in the shot, in a file without a name that ends with this shelf.

    Memory stays the same for any number of frames.
    """

    def __init__(self) -> None:
        # Closed by __exit__.
        self._file = tempfile.TemporaryFile(prefix="semantic-matte-")  # noqa: SIM115
        self._heads: list[tuple[int, tuple[int, int], tuple[int, int]]] = []
        self._flows: OrderedDict[tuple[int, int], Flow] = OrderedDict()

    def __enter__(self) -> PictureShelf:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._heads)

    def add(self, picture: FlowPicture) -> None:
        """Put the next frame's picture on the shelf. Raises OutputError where the disk refuses."""
        try:
            offset = self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(picture.levels).tobytes())
        except OSError as error:
            raise OutputError(
                f"The temporary folder '{tempfile.gettempdir()}' can't take the small pictures of the shot: "
                f"{error.strerror or error}; free some space or set TMPDIR to another folder."
            ) from error
        height, width = picture.levels.shape
        self._heads.append((offset, (height, width), picture.frame_size))

    def picture(self, place: int) -> FlowPicture:
        """The picture of a frame, by its place in the shot from 0."""
        offset, (height, width), frame_size = self._heads[place]
        self._file.seek(offset)
        levels = np.frombuffer(self._file.read(height * width), dtype=np.uint8).reshape(height, width)
        return FlowPicture(levels, frame_size)

    def flow(self, here: int, there: int) -> Flow:
        """The motion from one frame to another; the last few are kept."""
        if (here, there) not in self._flows:
            pair = flow_pair(self.picture(here), self.picture(there))
            self._flows |= {(here, there): pair[0], (there, here): pair[1]}
        while len(self._flows) > KEPT_FLOWS:
            self._flows.popitem(last=False)
        return self._flows[here, there]
