"""One decoder on its way through a film (PyAV): any of its frames, and no damaged one where that is told."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semantic_matte.errors import MissingPackageError, PlateError
from semantic_matte.film_index import FilmIndex

# Decoders that tell of damage in FFmpeg's log alone, which belongs to the whole process: one at a time.
_PATCHING = ("ffv1", "mjpeg")
_LOG = threading.Lock()

# FFmpeg's AV_DISPOSITION_ATTACHED_PIC.
_ATTACHED_PICTURE = 0x400


class DecodingError(Exception):
    """Why a frame can't be decoded, as the end of a sentence."""


class Decoding:
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
            with contextlib.suppress(DecodingError):
                return self._advance_to(place)
        fault = None
        # A key frame of an open group of pictures is whole, but those after it may refer to ones before it:
        # only a decoder that has seen these takes them without complaint.
        for key in self._index.keys_before(place) if self._index.seekable else ():
            try:
                if self._begin_at(key, place):
                    return self._advance_to(place)
            except DecodingError as error:
                fault = error
        try:
            if fault is None:
                self._begin_at_start()
                return self._advance_to(place)
        except DecodingError as error:
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
        """Decode up to the frame. Raises DecodingError."""
        for at, decoded in self._frames:
            self._next = at + 1
            if at == place:
                if decoded.is_corrupt:
                    raise DecodingError("it is damaged; copy or export it again")
                return decoded
            if at > place:
                break
        raise DecodingError("the film ends or breaks off before it; copy or export it again")

    def _begin_at(self, key: int, place: int) -> bool:
        """Stand at a key frame, to go on to a frame; False if the container leads to a later one.

        Raises DecodingError.
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
        """Stand at the film's start. Raises DecodingError."""
        self.close()
        stream = self._opened()
        self._frames = self._decoded(_sought(self._container, stream, None), None)

    def _opened(self) -> Any:
        """The stream of the open film."""
        if self._container is None:
            self._container = open_film(self._path)
            stream = picture_stream(self._container, self._path)
            # One thread: faults then belong to the packet that has them, and every run has the same.
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            # What is damaged is an error, and not a picture that FFmpeg has patched up.
            stream.codec_context.options = {"err_detect": "explode"}
            return stream
        return picture_stream(self._container, self._path)

    def _decoded(self, packets: Iterator[Any], needed_from: int | None) -> Iterator[tuple[int, Any]]:
        """Frames with their places, from 0. Raises DecodingError.

        needed_from: packets of earlier times may be faulty, for want of those before them; None: none may.
        """
        failure = pyav().error.FFmpegError
        counted = 0
        for packet in packets:
            fault = None
            try:
                frames = _whole(packet)
            except failure as error:
                if needed_from is not None and packet.pts is not None and packet.pts < needed_from:
                    continue
                fault = error
                # Frames that came whole before it wait in the decoder for their turn.
                frames = [one for one in _waiting(packet.stream) if one.pts != packet.pts]
            for decoded in frames:
                place = self._index.place(decoded.pts) if self._index.seekable else counted
                counted += 1
                if place is not None:
                    yield place, decoded
            if fault is not None:
                raise DecodingError(f"it is damaged ({_reason(fault)}); copy or export it again")


def _waiting(stream: Any) -> list[Any]:
    """What a decoder gives at its end, after which it takes nothing more."""
    try:
        return list(stream.codec_context.decode(None))
    except pyav().error.FFmpegError:
        return []


def _whole(packet: Any) -> list[Any]:
    """The frames that come of a packet. Raises PyAV's errors, also for what its decoder only complains of.

    Some decoders patch up what is damaged with what lies in their memory, and say so in their log alone.
    """
    if packet.stream.codec_context.name not in _PATCHING:
        return list(packet.decode())
    log = pyav().logging
    with _LOG:
        before, skipping = log.get_level(), log.get_skip_repeated()
        log.set_level(log.ERROR)
        log.set_skip_repeated(False)
        try:
            with log.Capture() as complaints:
                frames = list(packet.decode())
        finally:
            log.set_skip_repeated(skipping)
            log.set_level(before)
    if complaints:
        raise pyav().error.InvalidDataError(0, str(complaints[0][2]).strip())
    return frames


def _sought(container: Any, stream: Any, time: int | None) -> Iterator[Any]:
    """The packets of a stream from a key frame at or before a time on; from the start for None.

    Raises DecodingError.
    """
    failure = pyav().error.FFmpegError
    try:
        if time is not None:
            container.seek(time, stream=stream, backward=True, any_frame=False)
        yield from container.demux(stream)
    except failure as error:
        raise DecodingError(f"it is damaged ({_reason(error)}); copy or export it again") from None


def pyav() -> Any:
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


def open_film(path: Path) -> Any:
    """An opened container. Raises PlateError, MissingPackageError."""
    av = pyav()
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
        raise PlateError(damaged(path, error)) from None


def picture_stream(container: Any, path: Path) -> Any:
    """The first stream of pictures that is no cover. Raises PlateError."""
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        raise PlateError(f"The film '{path}' holds no pictures: give one that does.")
    if streams[0].codec_context is None:
        raise PlateError(f"The film '{path}' is encoded in a way that this FFmpeg does not know: convert it.")
    return streams[0]


def _is_cover(stream: Any) -> bool:
    """Whether it is the picture on a sound file's sleeve."""
    return bool(int(getattr(stream, "disposition", 0)) & _ATTACHED_PICTURE)


def damaged(path: Path, error: Exception) -> str:
    """The sentence for a film that can't be opened or looked through."""
    return f"The film '{path}' is damaged, incomplete or no film ({_reason(error)}): copy or export it again."


def _reason(error: Exception) -> str:
    """FFmpeg's own words, without the path."""
    said = getattr(error, "strerror", None) or str(error)
    return str(said).splitlines()[0].rstrip(".") if str(said) else type(error).__name__
