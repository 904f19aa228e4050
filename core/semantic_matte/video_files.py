"""Films, frame by frame, through PyAV (FFmpeg), which is imported when a film is first opened.

Frames are counted from 1 in the order in which they are shown, whatever their times. Any of them can be read
at any time and is the same then: for frames in their order decoding goes on where it was, else it begins at the
key frame before.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from semantic_matte.errors import PlateError
from semantic_matte.film_decoding import Decoding, damaged, open_film, picture_stream, pyav
from semantic_matte.film_index import film_index
from semantic_matte.film_pixels import film_pixels
from semantic_matte.film_tags import film_tags, timecode_after
from semantic_matte.plates import as_plate
from semantic_matte.types import Plate


class Film:
    """A film's frames. To be read by any thread, one at a time; keeps one file open, and one decoder.

    path: as given. count: how many frames it has.
    """

    def __init__(self, path: Path) -> None:
        """Looks through the film (see `film_index`). Raises PlateError, MissingPackageError."""
        av = pyav()
        self.path = path
        self._lock = threading.Lock()
        container = open_film(path)
        try:
            stream = picture_stream(container, path)
            self._tags = film_tags(container, stream)
            self._index = film_index(container, stream, path)
        except av.error.FFmpegError as error:
            raise PlateError(damaged(path, error)) from None
        finally:
            container.close()
        self.count = len(self._index.times)
        if not self.count:
            raise PlateError(f"The film '{path}' has no frame: export it again.")
        self._decoding = Decoding(path, self._index)

    def read(self, frame: int, colour_space: str | None = None, keep_own: bool = False) -> Plate:
        """The plate of a frame, counted from 1, named by the film.

        colour_space: what the film's numbers mean; None: what its tags say, else Rec.709. keep_own: see
        `plates.as_plate`. Raises PlateError, which names the frame, UnknownNameError (colour space),
        UsageError ($OCIO).
        """
        if not 1 <= frame <= self.count:
            raise PlateError(f"Frame {frame} of '{self.path.name}' is not there: it has 1 to {self.count}.")
        try:
            space, said = self._tags.space(colour_space)
            with self._lock:
                decoded = self._decoding.frame(frame - 1)
                pixels = film_pixels(decoded, self._tags.codec)
            notices = [*said, *pixels.notices, *self._tags.notices_of(decoded)]
        except PlateError as error:
            raise PlateError(f"Frame {frame} of the film '{self.path}' can't be read: {error}.") from error
        plate = as_plate(pixels.rgb, space, self.path.stem, keep_own)
        return replace(
            plate,
            frame=frame,
            pixel_aspect=self._tags.pixel_aspect,
            timecode=timecode_after(self._tags.timecode, frame - 1, self._tags.rate),
            read_as=space,
            notices=(*notices, *plate.notices),
        )

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        with self._lock:
            self._decoding.close()
