"""Keys of shots: of how objects were found and tied, and of each frame's results.

As in `content_keys`, no path, time, process or machine is part of one. A frame's key takes in whatever its
pixels follow from: the plates and masks within the halo, where cuts are, the slots of the whole shot; so a
frame has the same key in whichever chunk it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semantic_matte import __version__
from semantic_matte.colour import SCENE_LINEAR
from semantic_matte.content_keys import Digest, conversion, hints_digest, model_rows, settings_digest
from semantic_matte.settings import Settings
from semantic_matte.shot_types import Track
from semantic_matte.shots.window import ShotPlan
from semantic_matte.types import Hint

# Controls that what is found and tied follows from; all others come into play later.
FINDING = (
    "carry",
    "confidence",
    "device",
    "find",
    "label_confidence",
    "max_instances",
    "merge",
    "seed",
    "segmenter",
    "shortest_track",
    "smallest",
    "tracker",
)


def finding_key(
    settings: Settings,
    frames: Sequence[int],
    models: Sequence[Mapping[str, str]],
    hints: Sequence[Hint],
    version: str = __version__,
) -> str:
    """The key of finding and tying, but for the plates themselves: 64 hexadecimal digits.

    frames: of the shot. models: as of `planned_models`. Raises ValueShapeError for a model without a checksum.
    """
    digest = Digest("finding")
    digest.value("version", version)
    digest.value("settings", finding_settings_digest(settings))
    digest.value("frames", list(frames))
    digest.value("models", model_rows(models))
    digest.value("hints", hints_digest(hints))
    return digest.hexadecimal


def finding_settings_digest(settings: Settings) -> str:
    """64 hexadecimal digits of the controls that what is found and tied follows from: of all others the same
    whatever they are."""
    defaults = Settings().model_dump(include=set(Settings.model_fields) - set(FINDING))
    return settings_digest(settings.model_copy(update=defaults))


class FrameKeys:
    """The keys of a shot's frames, by their places."""

    def __init__(
        self,
        plan: ShotPlan,
        tracks: Sequence[Track],
        plates: Mapping[int, str],
        settings: Settings,
        models: Sequence[Mapping[str, str]],
        *,
        schema: int,
        ranks: int,
        version: str = __version__,
    ) -> None:
        """tracks: named, in the order of their slots. plates: the digests by frame number. models: every model
        file that may be used, see `planned_models`. schema: the sidecar's. ranks: of the Cryptomatte."""
        self._plan, self._tracks, self._plates = plan, tracks, plates
        common = Digest("shot")
        common.value("schema", schema)
        common.value("version", version)
        common.value("settings", settings_digest(settings))
        common.value("models", model_rows(models))
        common.value("slots", [[track.slot, track.label] for track in tracks])
        common.value("ranks", ranks)
        if settings.foreground and settings.foreground_space != "auto":
            common.value("conversion", conversion(SCENE_LINEAR, settings.foreground_space))
        self._common = common.hexadecimal

    def key(self, place: int) -> str:
        """64 hexadecimal digits."""
        digest = Digest("frame")
        digest.value("shot", self._common)
        for near in self._plan.around(place, self._plan.halo):
            number = self._plan.frames[near]
            digest.value("place", near - place)
            digest.value("plate", self._plates[number])
            digest.value("masks", [_sighted(track, number) for track in self._tracks])
        return digest.hexadecimal


def _sighted(track: Track, number: int) -> list[object] | None:
    """A track's sighting in a frame, for JSON."""
    one = track.sightings.get(number)
    if one is None:
        return None
    return [one.runs.decode("ascii"), one.box.as_list(), list(one.frame_size), one.score, one.source]
