"""SAM 3 by transformers: finds everything that a few words name.

Source: Carion et al., "SAM 3: Segment Anything with Concepts", 2025 (https://arxiv.org/abs/2511.16719). Each
name in `find` is a prompt of its own; its words are the label. Scores and masks are those of transformers' own
`post_process_instance_segmentation`, but enlarged object by object.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from semantic_matte.errors import SettingsError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.mask_maps import Lie, instance_of_map
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.segmenters.transformers_running import USER, numbers, on_device, running
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import ModelFolder, load_network, load_part, transformers_class
from semantic_matte.types import FloatArray, Instance, Plate

if TYPE_CHECKING:
    from typing_extensions import Self

# Types of models, and the classes that take words. The video model's folder holds this one too.
WORDS: dict[str, str] = {"sam3": "Sam3Model", "sam3_video": "Sam3Model"}
# A pixel is of the object from this probability on.
MASK_LEVEL = 0.5


class ConceptWords:
    """Finds what the words in `find` name. Masks may overlap."""

    name = "transformers"
    labels: Sequence[str] = ()

    def __init__(self, folder: ModelFolder, settings: Settings, device: str) -> None:
        """Raises SettingsError without words, MissingPackageError or WeightsError."""
        self._title = folder.title
        self._wanted = self._words_of(settings)
        folder.require_tokenizer()
        self.device = device
        network = transformers_class(WORDS[folder.model_type], USER)
        self._network = load_network(network, folder.path, "SAM 3").to(device)
        self._processor = load_part(transformers_class("Sam3Processor", USER), folder.path, "processor")
        self._prompts = self._prompts_of(self._wanted)
        self.models: Sequence[Mapping[str, str]] = tuple(folder.describe())

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. Raises SettingsError as the constructor does."""
        other = copy.copy(self)
        other._wanted = self._words_of(settings)
        other._prompts = self._prompts_of(other._wanted)
        return other

    def _words_of(self, settings: Settings) -> Wanted:
        """What to find. Raises SettingsError where it says no words."""
        wanted = Wanted.of(settings, ())
        if not wanted.names:
            raise SettingsError(
                f"Segmenter 'transformers:{self._title}' finds what words name, and there are none: say "
                'what to find, as in --find "red umbrella".'
            )
        return wanted

    def _prompts_of(self, wanted: Wanted) -> list[tuple[str, dict[str, Any]]]:
        """Each name with what the network takes for it. Raises SettingsError for one that is too long."""
        return [(words, self._tokens(words)) for words in wanted.names]

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """See `ports.Segmenter`. Raises ValueShapeError if the model fails, DeviceError without memory."""
        progress.advance(ProgressEvent("segmenting", 0, len(self._prompts)))
        picture = Image.fromarray(shown_bytes(plate))
        found: list[tuple[float, str, FloatArray]] = []
        with running(self.device):
            pixels = self._processor(images=picture, return_tensors="pt")["pixel_values"].to(self.device)
            seen = self._network.get_vision_features(pixel_values=pixels)
            for done, (words, tokens) in enumerate(self._prompts, start=1):
                output = self._network(vision_embeds=seen, **on_device(tokens, self.device))
                found += self._objects(output, words)
                progress.advance(ProgressEvent("segmenting", done, len(self._prompts)))
        found.sort(key=lambda one: -one[0])
        instances = []
        for score, words, soft in found[: self._wanted.limit(len(found), progress)]:
            lie = Lie.whole(plate.size, (soft.shape[0], soft.shape[1]))
            instance = instance_of_map(soft, MASK_LEVEL, lie, words, score)
            if instance is not None:
                instances.append(instance)
        return instances

    def _objects(self, output: Any, words: str) -> list[tuple[float, str, FloatArray]]:
        """Score, label and map (h, w) of probabilities of each object that is sure enough."""
        scores = output.pred_logits[0].float().sigmoid()
        if output.presence_logits is not None:
            # How sure it is that there is such a thing at all.
            scores = scores * output.presence_logits[0].float().sigmoid()
        known = numbers(scores)
        rows = (known >= self._wanted.threshold(words)).nonzero()[0].tolist()
        maps = output.pred_masks[0]
        return [(min(float(known[row]), 1.0), words, numbers(maps[row].float().sigmoid())) for row in rows]

    def _tokens(self, words: str) -> dict[str, Any]:
        """What the network takes for a prompt. Raises SettingsError for one that is too long."""
        tokens = dict(self._processor(text=words, return_tensors="pt"))
        most = self._network.text_encoder.config.max_position_embeddings
        if tokens["input_ids"].shape[-1] > most:
            raise SettingsError(
                f"Setting 'find': '{words}' is too long for SAM 3, which reads {most} word parts."
            )
        return {key: tokens[key] for key in ("input_ids", "attention_mask")}
