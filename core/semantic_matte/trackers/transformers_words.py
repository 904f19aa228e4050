"""SAM 3 as a tracker: everything that a few words name, found and followed through the shot by one network.

Source: Carion et al., "SAM 3: Segment Anything with Concepts", 2025 (https://arxiv.org/abs/2511.16719), by
transformers. Each name in `find` is a prompt of its own; its words are the label. The segmenter is not asked.
The network sees frames as they come: what it would do with hindsight, in the library's mode for whole films, is
left to the shortest track.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from semantic_matte.errors import HintError, SettingsError
from semantic_matte.ports import Progress
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.settings import Settings
from semantic_matte.shot_types import ShotFrame, TrackedShot
from semantic_matte.trackers.gathering import Gathering
from semantic_matte.trackers.memories import forget
from semantic_matte.trackers.operators import own_operators
from semantic_matte.trackers.scenes import Scenes
from semantic_matte.trackers.transformers_running import USER, mask_of, numbers, prepared, running
from semantic_matte.transformers_folders import ModelFolder, load_network, load_part, transformers_class
from semantic_matte.types import BoolArray, Box, Instance

if TYPE_CHECKING:
    from typing_extensions import Self

# Types of models, and transformers' classes of the network and of what prepares its frames and words.
WORDS: dict[str, tuple[str, str]] = {"sam3_video": ("Sam3VideoModel", "Sam3VideoProcessor")}
# An object that was not seen in so many frames is let go of.
FORGOTTEN_AFTER = 90
# The library's processor brings words to this many parts, whatever the network reads.
WORD_PARTS = 32


@dataclass(eq=False)
class _Scene:
    """What is known of a scene. length: its frames so far. gathered: all objects that it ever had.
    known: those of the session, by its number of each. last_seen: the index of the last frame with it."""

    session: Any
    length: int = 0
    gathered: list[Gathering] = field(default_factory=list)
    known: dict[int, Gathering] = field(default_factory=dict)
    last_seen: dict[int, int] = field(default_factory=dict)


class WordsTracker:
    """Follows what the words in `find` name. Masks of the same words do not overlap."""

    name = "transformers"

    def __init__(self, folder: ModelFolder, settings: Settings, device: str) -> None:
        """Raises SettingsError without words, MissingPackageError or WeightsError."""
        network_name, processor_name = WORDS[folder.model_type]
        self.device = device
        self._title = folder.title
        self._wanted = self._words_of(settings)
        folder.require_tokenizer()
        network = load_network(transformers_class(network_name, USER), folder.path, "SAM 3 video")
        self._network = network.to(device)
        self._processor = load_part(transformers_class(processor_name, USER), folder.path, "processor")
        self._own_threshold = float(network.score_threshold_detection)
        self._require_short(self._wanted)
        self.models: Sequence[Mapping[str, str]] = tuple(folder.describe())

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. Raises SettingsError as the constructor does."""
        other = copy.copy(self)
        other._wanted = self._words_of(settings)
        self._require_short(other._wanted)
        return other

    def track(self, frames: Iterable[ShotFrame], progress: Progress) -> TrackedShot:
        """See `ports.Tracker`. Raises HintError for an artist's objects, which words can't name;
        ValueShapeError if the model fails, DeviceError without memory."""
        gathered: list[Gathering] = []
        with Scenes(lambda: _Scene(self._session())) as scenes:
            for frame, scene, interruption in scenes.each(frames, progress):
                if frame.hinted:
                    raise HintError(
                        f"Frame {frame.number}: tracker '{self.name}:{self._title}' follows what words name, "
                        "and no hints: take 'overlap' or a model of SAM 2 for them."
                    )
                if interruption is not None:
                    for one in interruption.gathered:
                        one.sightings.clear()
                self._track_frame(scene, frame, gathered)
                scene.length += 1
                del frame
            cuts = scenes.cuts(progress)
        tracks = (one.track() for one in gathered)
        return TrackedShot(tuple(one for one in tracks if one is not None), cuts)

    def _words_of(self, settings: Settings) -> Wanted:
        """What to find. Raises SettingsError where it says no words."""
        wanted = Wanted.of(settings, ())
        if not wanted.names:
            raise SettingsError(
                f"Tracker 'transformers:{self._title}' follows what words name, and there are none: say what "
                'to find, as in --find "red umbrella".'
            )
        return wanted

    def _require_short(self, wanted: Wanted) -> None:
        """Raises SettingsError for words that the network can't read."""
        most = min(WORD_PARTS, self._network.detector_model.text_encoder.config.max_position_embeddings)
        for words in wanted.names:
            if len(self._processor.tokenizer(words)["input_ids"]) > most:
                raise SettingsError(
                    f"Setting 'find': '{words}' is too long for SAM 3, which reads {most} word parts."
                )

    def _session(self) -> Any:
        """The library's memory of a scene, told of the words."""
        session = self._processor.init_video_session(inference_device=self.device)
        return self._processor.add_text_prompt(session, list(self._wanted.names))

    def _track_frame(self, scene: _Scene, frame: ShotFrame, gathered: list[Gathering]) -> None:
        """Every object of one frame, old and new."""
        session, network = scene.session, self._network
        # The artist's confidence is what finds have to reach; below the network's own it would see less.
        network.new_det_thresh = self._wanted.least_confidence
        network.score_threshold_detection = min(self._own_threshold, self._wanted.least_confidence)
        pixels = prepared(self._processor, frame.plate, self.device)
        with running(self.device), own_operators():
            output = network(inference_session=session, frame=pixels, frame_idx=scene.length)
        for key, instance in self._shown(output, session, frame.plate.size).items():
            if key not in scene.known:
                scene.known[key] = Gathering(len(gathered))
                scene.known[key].called(instance.label, instance.score)
                scene.gathered.append(scene.known[key])
                gathered.append(scene.known[key])
            scene.known[key].seen(frame.number, instance)
            scene.last_seen[key] = scene.length
        self._forget(scene, scene.length)

    def _shown(self, output: Any, session: Any, frame_size: tuple[int, int]) -> dict[int, Instance]:
        """The mask of each object that is sure enough, by the session's number of it.

        Where two of the same words overlap, the pixels are those of the surer, as transformers' own
        `postprocess_outputs` has it; here object by object.
        """
        hidden = output.suppressed_obj_ids or set()
        sureness = {key: float(output.obj_id_to_tracker_score.get(key, 0.0)) for key in output.obj_id_to_mask}
        taken: dict[str, BoolArray] = {}
        shown = {}
        for key in sorted(sureness, key=lambda one: (-sureness[one], one)):
            label = session.prompts[session.obj_id_to_prompt_id[key]]
            score = float(output.obj_id_to_score[key])
            if key in hidden or score < self._wanted.threshold(label):
                continue
            whole = mask_of(numbers(output.obj_id_to_mask[key][0]), frame_size, label, score)
            if whole is None:
                continue
            others = taken.setdefault(label, np.zeros(frame_size, dtype=np.bool_))[whole.box.slices]
            free = whole.crop & ~others
            others |= whole.crop
            if free.any():
                offset = Box.of_frame(*frame_size).relative_to(whole.box)
                shown[key] = Instance.from_mask(free, label, whole.score, offset=offset)
        return dict(sorted(shown.items()))

    def _forget(self, scene: _Scene, index: int) -> None:
        """Let go of what no later frame is made from."""
        session = scene.session
        for key in list(session.obj_ids):
            if index - scene.last_seen.setdefault(key, index) >= FORGOTTEN_AFTER:
                session.remove_object(key)
                scene.known.pop(key, None)
        forget(session, index, self._network.config.tracker_config)
        # Kept by the library for a hindsight that there is none of when frames come one by one.
        scores = session.obj_id_to_tracker_score_frame_wise
        for frame in [one for one in scores if one != index]:
            del scores[frame]
        for frame in [one for one in session.suppressed_obj_ids if one != index]:
            del session.suppressed_obj_ids[frame]
        session.unmatched_frame_inds.clear()
        session.overlap_pair_to_frame_inds.clear()
