"""What a film says of itself: its colours (ITU-T H.273), the shape of its pixels, its timecode (SMPTE 12M)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from semantic_matte.colour import space_name
from semantic_matte.colour_spaces import DISPLAY_P3, REC709, SCENE_LINEAR, SRGB
from semantic_matte.errors import PlateError
from semantic_matte.film_pixels import ALPHA_IGNORED

# By H.273's transfer characteristics; all of the first row are shown by BT.1886.
_SPACES = {1: REC709, 6: REC709, 7: REC709, 14: REC709, 15: REC709, 8: SCENE_LINEAR, 13: SRGB}
_UNKNOWN = (0, 2, 3)
_HIGH_DYNAMIC = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)", 9: "logarithmic", 10: "logarithmic"}
_GAMMAS = {4: "2.2", 5: "2.8"}
_P3_PRIMARIES = 12
# BT.709's own, and those of standard definition, which differ from them by little.
_NARROW_PRIMARIES = (0, 1, 2, 3, 4, 5, 6, 7)

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


@dataclass(frozen=True)
class FilmTags:
    """transfer, primaries: by H.273. rate: frames a second, None if unknown. timecode: of the first frame."""

    codec: str
    transfer: int
    primaries: int
    pixel_aspect: float = 1.0
    rate: Fraction | None = None
    timecode: str = ""
    notices: tuple[str, ...] = ()

    def space(self, given: str | None) -> tuple[str, list[str]]:
        """The one name of the colour space of the film's numbers, and what was assumed.

        given: the user's word, which goes before the film's. Raises UnknownNameError for it; PlateError, with
        the end of a sentence, for a film whose colours are none that are known.
        """
        if given is not None:
            return space_name(given), []
        if self.transfer in _HIGH_DYNAMIC:
            raise PlateError(
                f"its brightness is encoded as {_HIGH_DYNAMIC[self.transfer]}, which has to be named: give "
                "--colour-space with a space of your OCIO configuration, or convert the film"
            )
        if self.transfer in _UNKNOWN:
            return self._of_primaries(
                REC709, ["The film does not say how its brightness is encoded; it was read as rec709."]
            )
        if self.transfer in _GAMMAS:
            told = f"The film says its brightness is encoded by a power of {_GAMMAS[self.transfer]}"
            return self._of_primaries(REC709, [f"{told}; it was read as rec709."])
        if self.transfer not in _SPACES:
            raise PlateError(
                f"its brightness is encoded by transfer characteristic {self.transfer} of H.273, which is not "
                "known: give --colour-space, or convert the film"
            )
        return self._of_primaries(_SPACES[self.transfer], [])

    def notices_of(self, frame: Any) -> list[str]:
        """What is told of a decoded frame: how it lies, and fields."""
        notices = list(self.notices)
        turned = _turned(frame)
        if turned:
            notices.append(f"The film asks to be shown turned{turned}; its pixels are used as stored.")
        if frame.interlaced_frame:
            notices.append("The film is interlaced; both fields of a frame are used as they are stored.")
        return notices

    def _of_primaries(self, space: str, notices: list[str]) -> tuple[str, list[str]]:
        """The space where its primaries are those of the film. Adds to the notices where none is known."""
        if self.primaries in _NARROW_PRIMARIES:
            return space, notices
        if self.primaries == _P3_PRIMARIES and space == SRGB:
            return DISPLAY_P3, notices
        return space, [
            *notices,
            f"The film's primaries (number {self.primaries} of H.273) are not those of {space}, as which it "
            "was read: give its colour space if its colours matter.",
        ]


def _turned(frame: Any) -> str:
    """By how much a frame is to be shown turned, as the end of a phrase; "" if it isn't."""
    degrees = getattr(frame, "rotation", None)
    if degrees is not None:
        return f" by {int(degrees)} degrees" if int(degrees) else ""
    # Older PyAVs tell of the matrix alone.
    return " or mirrored" if any("DISPLAYMATRIX" in str(one.type) for one in frame.side_data) else ""


def film_tags(container: Any, stream: Any) -> FilmTags:
    """What a film's header says. container, stream: PyAV's."""
    context = stream.codec_context
    aspect = stream.sample_aspect_ratio
    notices = []
    pictures = len(container.streams.video)
    if pictures > 1:
        notices.append(f"The film has {pictures} streams of pictures; the first one is read.")
    if stream.metadata.get("alpha_mode") == "1":
        notices.append(ALPHA_IGNORED)
    rate = stream.average_rate or stream.base_rate
    return FilmTags(
        codec=context.name,
        transfer=int(context.color_trc),
        primaries=int(context.color_primaries),
        pixel_aspect=float(aspect) if aspect and aspect > 0 else 1.0,
        rate=Fraction(rate) if rate else None,
        timecode=_first_timecode(container, stream),
        notices=tuple(notices),
    )


def timecode_after(first: str, frames: int, rate: Fraction | None) -> str:
    """The timecode so many frames after one, as `Plate.timecode` has it; "" where it can't be told.

    first: "01:00:00:00", with ";" for drop-frame. rate: frames a second, with 30 and 60 for 29.97 and 59.94.
    """
    found = _TIMECODE.fullmatch(first)
    base = round(rate) if rate else 0
    if found is None or base < 1:
        return ""
    hours, minutes, seconds, count = (int(found[group]) for group in (1, 2, 3, 5))
    drops = base // 15 if found[4] != ":" and base % 30 == 0 else 0
    # Numbers, not frames, are dropped: at the start of each minute, but for every tenth.
    number = ((hours * 60 + minutes) * 60 + seconds) * base + count
    number -= drops * (hours * 60 + minutes - (hours * 60 + minutes) // 10)
    of_ten = base * 600 - 9 * drops
    number = (number + frames) % (of_ten * 144)
    tens, rest = divmod(number, of_ten)
    dropped = 9 * tens + (max(0, rest - base * 60) // (base * 60 - drops) + 1 if rest >= base * 60 else 0)
    number += drops * dropped
    seconds, count = divmod(number, base)
    sign = ";" if drops else ":"
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{sign}{count:02d}"


def _first_timecode(container: Any, stream: Any) -> str:
    """As its pictures' stream, the film or a stream of its own says."""
    places = [stream.metadata, container.metadata, *(one.metadata for one in container.streams)]
    return next((place["timecode"] for place in places if place.get("timecode")), "")
