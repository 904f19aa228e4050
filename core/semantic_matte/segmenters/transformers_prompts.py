"""Segment Anything by transformers: masks for boxes and points, of an artist's hint or of another segmenter.

Sources: Kirillov et al., "Segment Anything", ICCV 2023 (SAM); Ravi et al., "SAM 2: Segment Anything in Images
and Videos", 2024; Ke et al., "Segment Anything in High Quality", NeurIPS 2023 (HQ-SAM). These networks know no
names: without a hint, another segmenter finds and names the objects, and its boxes are the prompts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PIL import Image

from semantic_matte.errors import HintError
from semantic_matte.ports import Progress, ProgressEvent, Segmenter, TakesSettings
from semantic_matte.segmenters.hint import HintSegmenter
from semantic_matte.segmenters.mask_maps import Lie, instance_of_map
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.segmenters.transformers_running import USER, numbers, on_device, running
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import ModelFolder, load_network, load_part, transformers_class
from semantic_matte.types import Box, Hint, Instance, Plate

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Promptable:
    """A family of networks. network, processor: transformers' classes. needs_picture: whether the processor
    wants the picture again to bring prompts to the network's pixels."""

    network: str
    processor: str
    needs_picture: bool = False


# The video model's folder holds the network for one picture too.
PROMPTABLE: dict[str, Promptable] = {
    "sam2": Promptable("Sam2Model", "Sam2Processor"),
    "sam2_video": Promptable("Sam2Model", "Sam2Processor"),
    "sam3_tracker": Promptable("Sam3TrackerModel", "Sam3TrackerProcessor"),
    "sam": Promptable("SamModel", "SamProcessor", needs_picture=True),
    "sam_hq": Promptable("SamHQModel", "SamHQProcessor", needs_picture=True),
}


class PromptedMasks:
    """Masks for an artist's boxes and points, or for the boxes of another segmenter. Masks may overlap."""

    name = "transformers"

    def __init__(
        self,
        folder: ModelFolder,
        settings: Settings,
        device: str,
        create_finder: Callable[[Settings], Segmenter],
        notice: str = "",
    ) -> None:
        """create_finder: makes the segmenter whose boxes are taken where there is no hint, of the settings of a
        run; called when it is first needed. notice: a sentence that the user must see then. Raises
        MissingPackageError or WeightsError."""
        self.device = device
        self._family = PROMPTABLE[folder.model_type]
        network = transformers_class(self._family.network, USER)
        self._network = load_network(network, folder.path, folder.model_type).to(device)
        processor = transformers_class(self._family.processor, USER)
        self._processor = load_part(processor, folder.path, "processor")
        self._files = tuple(folder.describe())
        self._settings = settings
        self._create_finder = create_finder
        self._notice = notice
        # A finder that was loaded for other controls.
        self._loaded_finder: TakesSettings | None = None

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. A loaded finder is kept too, and counts as used once it is asked."""
        other = copy.copy(self)
        other._settings = settings
        loaded = other.__dict__.pop("_finder", self._loaded_finder)
        other._loaded_finder = loaded if isinstance(loaded, TakesSettings) else None
        return other

    @cached_property
    def _finder(self) -> Segmenter:
        """The segmenter that finds and names objects, loaded when there is no hint."""
        if self._loaded_finder is not None:
            finder: Segmenter = self._loaded_finder.with_settings(self._settings)
            return finder
        return self._create_finder(self._settings)

    @property
    def labels(self) -> Sequence[str]:
        """The names that the finder can give."""
        return self._finder.labels

    @property
    def models(self) -> Sequence[Mapping[str, str]]:
        """The network's files, and the finder's if it was used."""
        return (*self._files, *(self._finder.models if "_finder" in self.__dict__ else ()))

    def with_hints(self, hints: Sequence[Hint]) -> Segmenter:
        """The same network, asked for what the hints mean."""
        return _HintedMasks(self, hints)

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """What the finder finds, its boxes filled with masks anew; see `ports.Segmenter`.

        Raises what the finder raises, ValueShapeError if the model fails, DeviceError without memory.
        """
        if self._notice:
            progress.notice(self._notice)
        found = self._finder.segment(plate, progress)
        if not found:
            return []
        seen = self.look(plate)
        instances = []
        for done, one in enumerate(found):
            progress.advance(ProgressEvent("segmenting", done, len(found), one.label))
            masked = self.masked(seen, Prompt(box=one.box), one.label, one.score)
            if masked is None:
                progress.notice(
                    f"In the box of '{one.label}' the prompted network sees nothing; the mask of segmenter "
                    f"'{self._finder.name}' is kept."
                )
            instances.append(masked or one)
        return instances

    def look(self, plate: Plate) -> Seen:
        """The picture through the slow part of the network, once for all prompts."""
        picture = Image.fromarray(shown_bytes(plate))
        with running(self.device):
            encoding = self._processor(images=picture, return_tensors="pt")
            pixels = encoding["pixel_values"]
            features = self._network.get_image_embeddings(pixels.to(self.device))
        if isinstance(features, tuple):
            embeddings = {"image_embeddings": features[0], "intermediate_embeddings": features[1]}
        else:
            embeddings = {"image_embeddings": features}
        height, width = (int(side) for side in pixels.shape[-2:])
        # Part of the input is padding, where the picture's proportions are kept.
        real = encoding.get("reshaped_input_sizes")
        rows, columns = (height, width) if real is None else (int(side) for side in real[0])
        return Seen(plate.size, picture, embeddings, rows / height, columns / width)

    def masked(self, seen: Seen, prompt: Prompt, label: str, score: float) -> Instance | None:
        """The object that a prompt means; None if the network sees none."""
        given: dict[str, Any] = {"return_tensors": "pt"}
        if self._family.needs_picture:
            given["images"] = seen.picture
        else:
            given["original_sizes"] = [list(seen.frame_size)]
        encoding = self._processor(**given, **prompt.nested())
        asked = {
            key: encoding[key] for key in ("input_boxes", "input_points", "input_labels") if key in encoding
        }
        with running(self.device):
            output = self._network(
                **seen.embeddings, **on_device(asked, self.device), multimask_output=prompt.is_doubtful
            )
            best = int(output.iou_scores[0, 0].float().argmax())
            soft = numbers(output.pred_masks[0, 0, best])
        height, width = soft.shape
        lie = Lie(seen.frame_size, 0.0, 0.0, height * seen.rows, width * seen.columns)
        return instance_of_map(soft, 0.0, lie, label, score)


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture as the network keeps it. frame_size: (H, W). picture: the whole of it. rows, columns: the
    shares of the network's input that are picture and not padding."""

    frame_size: tuple[int, int]
    picture: Image.Image
    embeddings: Mapping[str, Any]
    rows: float
    columns: float


@dataclass(frozen=True)
class Prompt:
    """A box, or points (x, y, is_foreground), in plate pixels."""

    box: Box | None = None
    points: tuple[tuple[float, float, bool], ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """One point may mean a part or the whole: the network then gives several masks, and the surest is
        taken."""
        return self.box is None and len(self.points) == 1

    def nested(self) -> dict[str, Any]:
        """As transformers' processors take it: [image][object][point] of x, y."""
        if self.box is not None:
            return {"input_boxes": [[[float(side) for side in self.box.as_list()]]]}
        return {
            "input_points": [[[[float(x), float(y)] for x, y, _ in self.points]]],
            "input_labels": [[[int(inside) for _, _, inside in self.points]]],
        }


class _HintedMasks:
    """A prompted network with an artist's hints: one instance a hint."""

    name = PromptedMasks.name
    labels: Sequence[str] = ()

    def __init__(self, prompted: PromptedMasks, hints: Sequence[Hint]) -> None:
        """Takes the loaded network as it is."""
        self._prompted = prompted
        self._hints = tuple(hints)

    @property
    def device(self) -> str:
        """Where the network runs."""
        return self._prompted.device

    @property
    def models(self) -> Sequence[Mapping[str, str]]:
        """The network's files."""
        return self._prompted.models

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """One instance a hint, in their order, with score 1. Masks are taken as they are.

        Raises HintError for a hint outside the frame, of another size, or in which nothing is seen.
        """
        prompts = [_prompt(hint, plate) for hint in self._hints]
        seen = self._prompted.look(plate) if any(prompts) else None
        found = []
        for number, (hint, prompt) in enumerate(zip(self._hints, prompts, strict=True)):
            progress.advance(ProgressEvent("segmenting", number, len(self._hints), hint.label))
            if prompt is None or seen is None:
                found += HintSegmenter([hint]).segment(plate, progress)
                continue
            instance = self._prompted.masked(seen, prompt, hint.label, 1.0)
            if instance is None:
                raise HintError(
                    f"{hint.source}: nothing of '{hint.label}' is seen at the hint; paint a mask, or give a "
                    "larger box or more points."
                )
            found.append(instance)
        return found


def _prompt(hint: Hint, plate: Plate) -> Prompt | None:
    """What to ask the network; None for a mask. Raises HintError for what lies outside the plate."""
    if hint.mask is not None:
        return None
    height, width = plate.size
    if hint.box is not None:
        inside = hint.box.intersection(plate.box)
        if inside is None:
            raise HintError(_outside(hint, f"box {hint.box.as_list()}", plate))
        return Prompt(box=inside)
    for x, y, _ in hint.points:
        if not (0 <= x < width and 0 <= y < height):
            raise HintError(_outside(hint, f"point ({x:g}, {y:g})", plate))
    return Prompt(points=hint.points)


def _outside(hint: Hint, what: str, plate: Plate) -> str:
    """The sentence for a hint that is not on the plate."""
    height, width = plate.size
    return f"{hint.source}: {what} lies outside the plate of {width}x{height} pixels."
