"""Which frames a film has, and where its decoding can begin."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte.errors import PlateError

# Decoders for which each packet of the container is one frame that is shown; of others only decoding tells.
_FRAME_A_PACKET = frozenset(
    {
        *("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "dvvideo"),
        *("vp9", "libvpx-vp9", "av1", "libdav1d", "libaom-av1"),
        *("prores", "dnxhd", "mjpeg", "ffv1", "png", "qtrle", "rawvideo", "v210", "cfhd", "jpeg2000", "hap"),
    }
)


@dataclass(frozen=True)
class FilmIndex:
    """The frames of a film in the order in which they are shown.

    times: of each frame, ascending, in units of the stream. keys: times of frames at which decoding can
    begin, ascending; some of them may be cut away by an edit list. seekable: whether times identify frames;
    else frames are counted from the film's start.
    """

    times: Sequence[int]
    keys: Sequence[int]
    seekable: bool = True

    def place(self, time: int | None) -> int | None:
        """Which frame has this time, from 0; None for none."""
        if time is None:
            return None
        place = bisect.bisect_left(self.times, time)
        return place if place < len(self.times) and self.times[place] == time else None

    def key_before(self, place: int) -> int | None:
        """The time of the last key frame at or before a frame; None if there is none."""
        found = bisect.bisect_right(self.keys, self.times[place])
        return self.keys[found - 1] if found else None

    def keys_before(self, place: int) -> list[int]:
        """Times of the key frames where decoding may begin for a frame, the nearest first, a few of them."""
        last = bisect.bisect_right(self.keys, self.times[place]) - 1
        return [self.keys[last - step] for step in (0, 1, 2, 4) if last - step >= 0]


def film_index(container: Any, stream: Any, path: Path) -> FilmIndex:
    """Look through an opened film. container, stream: PyAV's; left at the end of the film.

    A QuickTime or MP4 file whose frames are all key frames is known by its header alone; of others every packet
    is read, but none decoded where its codec packs one frame in each. Raises PlateError for a film that is cut
    off, and PyAV's errors.
    """
    if container.format.name.startswith("mov"):
        _check_boxes(path)
    listed = _listed(container, stream)
    if listed is not None:
        times = sorted(entry.timestamp for entry in listed if not entry.is_discard)
        if len(set(times)) == len(times):
            return FilmIndex(times, times)
    if stream.codec_context.name not in _FRAME_A_PACKET:
        return _by_decoding(container, stream)
    return _by_packets(container, stream)


def _listed(container: Any, stream: Any) -> list[Any] | None:
    """The entries of a complete index of key frames alone, or None."""
    if not container.format.name.startswith("mov"):
        return None
    entries = list(getattr(stream, "index_entries", ()))
    complete = stream.frames > 0 and len(entries) == stream.frames
    return entries if complete and all(entry.is_keyframe for entry in entries) else None


def _by_packets(container: Any, stream: Any) -> FilmIndex:
    """By the times of all packets."""
    times: list[int] = []
    keys: list[int] = []
    untimed = 0
    for packet in container.demux(stream):
        # The last one is empty and stands for the end.
        if packet.size == 0:
            continue
        untimed += packet.pts is None
        if packet.pts is None:
            continue
        if packet.is_keyframe:
            keys.append(packet.pts)
        if not packet.is_discard:
            times.append(packet.pts)
    if untimed or len(set(times)) != len(times):
        container.seek(0, stream=stream)
        return _by_decoding(container, stream)
    return FilmIndex(sorted(times), sorted(keys))


def _by_decoding(container: Any, stream: Any) -> FilmIndex:
    """By decoding all of it; frames are then found by counting from the start."""
    count = sum(1 for _ in container.decode(stream))
    return FilmIndex(range(count), (), seekable=False)


def _check_boxes(path: Path) -> None:
    """Raise PlateError if a QuickTime or MP4 file ends within one of its boxes (ISO/IEC 14496-12, 4.2)."""
    end = path.stat().st_size
    place = 0
    with path.open("rb") as stream:
        while place < end:
            stream.seek(place)
            header = stream.read(16)
            size = int.from_bytes(header[:4], "big")
            # 1: the size follows in 64 bits. 0: the last box goes up to the end.
            size = int.from_bytes(header[8:16], "big") if size == 1 else size or end - place
            if size < 8:
                # No box: the reader that opened the file knows what to do about it.
                return
            place += size
    if place > end:
        raise PlateError(
            f"The film '{path}' is cut off: it has {end:,} of {place:,} bytes or more. Copy or export it again."
        )
