"""Films, frame by frame, through PyAV (FFmpeg), which is imported when a film is first opened.

Frames are counted from 1 in the order in which they are shown, whatever their times. Any of them can be read
at any time and is the same then: for frames in their order decoding goes on where it was, else it begins at the
key frame before.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from semantic_matte.errors import MissingPackageError, PlateError
from semantic_matte.film_index import FilmIndex, film_index
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
        av = _av()
        self.path = path
        self._lock = threading.Lock()
        container = _open(av, path)
        try:
            stream = _picture_stream(container, path)
            self._tags = film_tags(container, stream)
            self._index = film_index(container, stream, path)
        except av.error.FFmpegError as error:
            raise PlateError(_damaged(path, error)) from None
        finally:
            container.close()
        self.count = len(self._index.times)
        if not self.count:
            raise PlateError(f"The film '{path}' has no frame: export it again.")
        self._decoding = _Decoding(path, self._index)

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


class _DecodingError(Exception):
    """Why a frame can't be decoded, as the end of a sentence."""


class _Decoding:
    """One decoder on its way through a film, begun anew where a frame asks for it."""

    def __init__(self, path: Path, index: FilmIndex) -> None:
        self._path, self._index = path, index
        self._container: Any = None
        self._frames: Iterator[tuple[int, Any]] = iter(())
        # The frame that comes next, from 0; None before the first and after a fault.
        self._next: int | None = None

    def frame(self, place: int) -> Any:
        """The decoded frame, `av.VideoFrame`. place: from 0. Raises PlateError with the end of a sentence."""
        if self._goes_on_to(place):
            # After a fault in what was decoded on the way, another beginning may do.
            with contextlib.suppress(_DecodingError):
                return self._advance_to(place)
        fault = None
        # A key frame of an open group of pictures is whole, but those after it may refer to ones before it:
        # only a decoder that has seen these takes them without complaint.
        for key in self._index.keys_before(place) if self._index.seekable else ():
            try:
                if self._begin_at(key, place):
                    return self._advance_to(place)
            except _DecodingError as error:
                fault = error
        try:
            if fault is None:
                self._begin_at_start()
                return self._advance_to(place)
        except _DecodingError as error:
            fault = error
        self.close()
        raise PlateError(str(fault))

    def close(self) -> None:
        """Let go of the decoder and of the file."""
        self._frames, self._next = iter(()), None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _goes_on_to(self, place: int) -> bool:
        """Whether the frame lies ahead, with no key frame on the way to it that would be nearer."""
        if self._next is None or place < self._next:
            return False
        key = self._index.key_before(place) if self._index.seekable else None
        return key is None or place == self._next or key <= self._index.times[self._next]

    def _advance_to(self, place: int) -> Any:
        """Decode up to the frame. Raises _DecodingError."""
        for at, decoded in self._frames:
            self._next = at + 1
            if at == place:
                if decoded.is_corrupt:
                    raise _DecodingError("it is damaged; copy or export it again")
                return decoded
            if at > place:
                break
        raise _DecodingError("the film ends or breaks off before it; copy or export it again")

    def _begin_at(self, key: int, place: int) -> bool:
        """Stand at a key frame, to go on to a frame; False if the container leads to a later one.

        Raises _DecodingError.
        """
        stream = self._opened()
        packets = _sought(self._container, stream, key)
        first = next((one for one in packets if one.is_keyframe and one.pts is not None), None)
        # Some containers are sought by the order of decoding, and lead behind the key.
        if first is None or first.pts > key:
            return False
        needed_from = self._index.key_before(place)
        self._next = None
        self._frames = self._decoded(itertools.chain([first], packets), needed_from)
        return True

    def _begin_at_start(self) -> None:
        """Stand at the film's start. Raises _DecodingError."""
        self.close()
        stream = self._opened()
        self._frames = self._decoded(_sought(self._container, stream, None), None)

    def _opened(self) -> Any:
        """The stream of the open film."""
        if self._container is None:
            self._container = _open(_av(), self._path)
            stream = _picture_stream(self._container, self._path)
            # One thread: faults then belong to the packet that has them, and every run has the same.
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            # What is damaged is an error, and not a picture that FFmpeg has patched up.
            stream.codec_context.options = {"err_detect": "explode"}
            return stream
        return _picture_stream(self._container, self._path)

    def _decoded(self, packets: Iterator[Any], needed_from: int | None) -> Iterator[tuple[int, Any]]:
        """Frames with their places, from 0. Raises _DecodingError.

        needed_from: packets of earlier times may be faulty, for want of those before them; None: none may.
        """
        failure = _av().error.FFmpegError
        counted = 0
        for packet in packets:
            try:
                frames = packet.decode()
            except failure as error:
                if needed_from is None or packet.pts is None or packet.pts >= needed_from:
                    raise _DecodingError(f"it is damaged ({_reason(error)}); copy or export it again") from None
                continue
            for decoded in frames:
                place = self._index.place(decoded.pts) if self._index.seekable else counted
                counted += 1
                if place is not None:
                    yield place, decoded


def _sought(container: Any, stream: Any, time: int | None) -> Iterator[Any]:
    """The packets of a stream from a key frame at or before a time on; from the start for None.

    Raises _DecodingError.
    """
    failure = _av().error.FFmpegError
    try:
        if time is not None:
            container.seek(time, stream=stream, backward=True, any_frame=False)
        yield from container.demux(stream)
    except failure as error:
        raise _DecodingError(f"it is damaged ({_reason(error)}); copy or export it again") from None


def _av() -> Any:
    """PyAV. Raises MissingPackageError."""
    try:
        import av
        import av.error
    except ImportError:
        raise MissingPackageError(
            "Reading a film needs PyAV: pip install 'semantic-matte[video]', or in a clone pip install "
            "'.[video]'; or give a sequence of pictures."
        ) from None
    return av


def _open(av: Any, path: Path) -> Any:
    """An opened container. Raises PlateError."""
    try:
        # A local file alone: nothing that a playlist would name.
        return av.open(str(path), options={"protocol_whitelist": "file"})
    except FileNotFoundError:
        raise PlateError(f"The film '{path}' does not exist: check the path.") from None
    except PermissionError:
        raise PlateError(f"The film '{path}' may not be read: ask for permission to read it.") from None
    except IsADirectoryError:
        raise PlateError(f"The film '{path}' is a folder: name a film in it.") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PlateError(_damaged(path, error)) from None


def _picture_stream(container: Any, path: Path) -> Any:
    """The first stream of pictures that is no cover. Raises PlateError."""
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        raise PlateError(f"The film '{path}' holds no pictures: give one that does.")
    if streams[0].codec_context is None:
        raise PlateError(f"The film '{path}' is encoded in a way that this FFmpeg does not know: convert it.")
    return streams[0]


def _is_cover(stream: Any) -> bool:
    """Whether it is the picture on a sound file's sleeve."""
    return "attached_pic" in str(stream.disposition).lower()


def _damaged(path: Path, error: Exception) -> str:
    return f"The film '{path}' is damaged, incomplete or no film ({_reason(error)}): copy or export it again."


def _reason(error: Exception) -> str:
    """FFmpeg's own words, without the path."""
    said = getattr(error, "strerror", None) or str(error)
    return str(said).splitlines()[0].rstrip(".") if str(said) else type(error).__name__
