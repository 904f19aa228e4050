"""Every artist control, once: name, group, unit, range, default, tooltip.

Hosts build their knobs from `semantic_matte_client/controls.json`, which this module writes:
`python -m semantic_matte.settings` after a change here; a test fails while the two differ.
"""

from __future__ import annotations

import json
import types
import typing
from pathlib import Path
from typing import Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from semantic_matte.errors import SettingsError

CONTROLS_FILE = Path(__file__).parent.parent / "semantic_matte_client" / "controls.json"


def _control(default: Any, group: str, name: str, tooltip: str, *, unit: str = "", **limits: Any) -> Any:
    return Field(
        default,
        title=name,
        description=tooltip,
        json_schema_extra={"group": group, "unit": unit},
        **limits,
    )


class Settings(BaseModel):
    """All controls of a run; frozen, checked when built.

    Raises SettingsError with one sentence when a value is outside its range or a name is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    find: tuple[str, ...] = _control(
        (),
        "find",
        "Find",
        "Which objects to find: names (person, dog, car, plant...) or groups of them (animal, vehicle, "
        "food...), each with selectors after colons where not all are meant: person:largest, car:left, dog:2, "
        "animal:at(320,240), :in(0,0,960,540). Empty finds everything known.",
    )
    confidence: float = _control(
        0.35,
        "find",
        "Confidence",
        "Objects that the segmenter is less sure of than this are left out.",
        ge=0.0,
        le=1.0,
    )
    label_confidence: tuple[str, ...] = _control(
        (),
        "find",
        "Confidence by name",
        "A confidence of its own for a name or group, as in person=0.6, vehicle=0.2.",
    )
    merge: tuple[str, ...] = _control(
        (),
        "find",
        "Merge parts",
        "Objects that belong to another become one matte with it, as in person+handbag+tie: the first name "
        "takes in whatever of the others touches it.",
    )
    smallest: float = _control(
        0.0001,
        "find",
        "Smallest object",
        "Objects that cover less of the frame than this are left out.",
        unit="fraction of the frame's area",
        ge=0.0,
        le=1.0,
    )
    max_instances: int = _control(
        32,
        "find",
        "Max instances",
        "The most objects to take from one frame, the surest first.",
        unit="objects",
        ge=1,
        le=1000,
    )
    segmenter: str = _control(
        "auto",
        "find",
        "Segmenter",
        "The method that finds the objects and their rough masks. auto is the best that is here and says "
        "which. starter is embedded. torchvision is its Mask "
        "R-CNN; torchvision:maskrcnn_resnet50_fpn or torchvision:mine.pth is another. detectron2 is the "
        "paper's network; detectron2:NAME is another of its zoo, detectron2:config.yaml your own. Weights come "
        "after a comma: detectron2:config.yaml,mine.pth. onnx:model.onnx is a YOLO export. transformers:folder "
        "is Mask2Former, SAM 3 and others; transformers:folder+starter is SAM 2 in another's boxes.",
    )
    dilation_outer: float = _control(
        0.05,
        "edge",
        "Edge width outside",
        "How far the unknown band reaches outside the rough mask, as a fraction of the object's size "
        "(mean of box width and height). Wider recovers worse masks and longer hair.",
        unit="fraction of object size",
        ge=0.0,
        le=0.5,
    )
    dilation_inner: float = _control(
        0.05,
        "edge",
        "Edge width inside",
        "How far the unknown band reaches into the rough mask, as a fraction of the object's size.",
        unit="fraction of object size",
        ge=0.0,
        le=0.5,
    )
    passes: int = _control(
        4,
        "edge",
        "Passes",
        "How often the matte is fed back as a tighter trimap. It stops early when nothing changes.",
        unit="passes",
        ge=1,
        le=16,
    )
    samples: int = _control(
        5,
        "edge",
        "Samples",
        "How many times the band is covered with patches; each pixel takes the median. More is "
        "steadier and slower. Estimators that solve a whole band at once need only one.",
        unit="samples",
        ge=1,
        le=31,
    )
    coverage: Literal["even", "paper"] = _control(
        "even",
        "edge",
        "Coverage",
        "even: patches spread evenly over the band and blended with soft borders. paper: random "
        "centres and plain averages, as published.",
    )
    estimator: str = _control(
        "network",
        "edge",
        "Estimator",
        "The method that solves the soft alpha inside the band: network, the embedded one, or closed_form, a "
        "classic solver that needs no weights. A network of your own is named with its file: "
        "onnx:model.onnx, torchscript:model.pt, deep_image_matting:model.safetensors, or vitmatte:folder.",
    )
    overlaps: Literal["consistent", "independent", "front_to_back"] = _control(
        "consistent",
        "edge",
        "Overlaps",
        "consistent: where soft edges of neighbours overlap, their alphas sum to at most 1. "
        "independent: each matte is left as it was solved. front_to_back: an object in front keeps its "
        "alpha, those behind it share what it leaves; 'order' says who is in front.",
    )
    order: tuple[str, ...] = _control(
        (),
        "edge",
        "Order",
        "From front to back: names or slots, as in person,sm_dog_02,car. Objects that are not listed lie "
        "behind those that are, the surest in front. Used where overlaps are front_to_back.",
    )
    track: bool = _control(
        True,
        "shot",
        "Track objects",
        "Frames of one name are a shot: each object keeps its layer from frame to frame, and every layer is in "
        "every frame. Off: each frame is worked on as if it were alone.",
    )
    tracker: str = _control(
        "overlap",
        "shot",
        "Tracker",
        "What ties objects from frame to frame. overlap: by masks, boxes and labels of what the segmenter "
        "finds in each frame. transformers:folder is a video model, SAM 2 or SAM 3.",
    )
    shortest_track: int = _control(
        3,
        "shot",
        "Shortest track",
        "Objects that are found in fewer frames of a shot than this are left out.",
        unit="frames",
        ge=1,
        le=1000,
    )
    carry: int = _control(
        8,
        "shot",
        "Carry over",
        "For how many frames an object that the segmenter misses is carried along with the picture's motion, "
        "if it is found again after them.",
        unit="frames",
        ge=0,
        le=100,
    )
    steadiness: float = _control(
        0.75,
        "shot",
        "Steadiness",
        "How much edges are steadied by those of the frames before and after, carried along with the picture's "
        "motion. 0 leaves each frame as it was solved.",
        ge=0.0,
        le=1.0,
    )
    missing_frames: Literal["refuse", "skip"] = _control(
        "refuse",
        "shot",
        "Missing frames",
        "What to do about frames of a shot whose plate is missing or can't be read. refuse: end with their "
        "names before any work. skip: leave them out and name them.",
    )
    png: bool = _control(False, "output", "PNG mattes", "Also write each matte as a 16-bit grey PNG.")
    spread: bool = _control(
        False,
        "output",
        "Spread layers",
        "Also write, for every matte, where its samples disagree: a map of doubtful edges.",
    )
    contact_sheet: bool = _control(
        True, "output", "Contact sheet", "Write a picture of what was found, to look at."
    )
    cryptomatte: bool = _control(
        True,
        "output",
        "Cryptomatte",
        "Also write the mattes as a Cryptomatte, to pick objects from with a click. Its coverage sums to at "
        "most 1 a pixel, whatever 'overlaps' says.",
    )
    foreground: bool = _control(
        False,
        "output",
        "Foreground colour",
        "Also write each object's own colour without the background that shows through its edge: "
        "unpremultiplied, scene-linear, unclamped, with its alpha.",
    )
    foreground_method: Literal["blur_fusion", "multi_level"] = _control(
        "blur_fusion",
        "output",
        "Foreground method",
        "blur_fusion: nearest to the truth, runs on the GPU too. multi_level: PyMatting's solver, on the CPU "
        "alone and there the faster one.",
    )
    foreground_space: str = _control(
        "auto",
        "output",
        "Foreground space",
        "The linear colour space of foreground colours. auto is the plate's own, and for plates that are "
        "encoded for a display scene-linear Rec.709.",
    )
    data_window: Literal["centred", "tight", "plate"] = _control(
        "centred",
        "output",
        "Data window",
        "How much of the frame the EXR files hold. tight: what the mattes cover. centred: the same, but cut "
        "by equal margins, because Blender centres what it reads. plate: as the plate.",
    )
    storage: Literal["scanline", "tiled"] = _control(
        "scanline", "output", "Storage", "How EXR files lie on disk: in scan lines or in tiles of 64 pixels."
    )
    reuse: bool = _control(
        True,
        "output",
        "Reuse results",
        "Where the same plate was matted with the same settings, models and version before, its files are "
        "kept and no work is done.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = _control(
        "auto",
        "process",
        "Device",
        "Where networks run. auto takes a GPU if one works and says what it took.",
    )
    batch: int = _control(
        8,
        "process",
        "Batch",
        "Patches per call of a network. Lower needs less memory.",
        unit="patches",
        ge=1,
        le=256,
    )
    seed: int = _control(
        0,
        "process",
        "Seed",
        "Start of every random choice. The same seed on the same device gives the same pixels.",
        ge=0,
        le=2**31 - 1,
    )
    accept_licence: tuple[str, ...] = _control(
        (),
        "process",
        "Accept licence",
        "Names of models whose terms forbid commercial use or leave it unclear, and which you may and want to "
        "use all the same. The acceptance is recorded in the sidecar.",
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None


def split_terms(text: str, separator: str) -> list[str]:
    """Parts between separators that are not inside parentheses, stripped."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == separator and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _sentence(error: ValidationError) -> str:
    """One line for an artist out of pydantic's report (its first complaint)."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        known = ", ".join(Settings.model_fields)
        return f"Unknown setting '{name}'. Known: {known}."
    return f"Setting '{name}': {first['msg'].lower()}, got {first['input']!r}."


def _kind_and_choices(annotation: Any) -> tuple[str, list[str]]:
    if typing.get_origin(annotation) is Literal:
        return "choice", list(typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        return "names", []
    names: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string"}
    assert not isinstance(annotation, types.UnionType), annotation
    return names[annotation], []


def controls() -> list[dict[str, Any]]:
    """Every control as plain values for a host: name, label, group, kind, unit, range, default, tooltip."""
    rows = []
    for name, field in Settings.model_fields.items():
        kind, choices = _kind_and_choices(field.annotation)
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        default = list(field.default) if kind == "names" else field.default
        row = {
            "name": name,
            "label": field.title,
            "group": extra["group"],
            "kind": kind,
            "unit": extra["unit"],
            "default": default,
            "minimum": next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None),
            "maximum": next((limit.le for limit in field.metadata if isinstance(limit, Le)), None),
            "choices": choices,
            "tooltip": field.description,
        }
        rows.append(row)
    return rows


def controls_json() -> str:
    """The text of controls.json."""
    return json.dumps({"version": 1, "controls": controls()}, indent=2) + "\n"


if __name__ == "__main__":
    CONTROLS_FILE.write_text(controls_json(), encoding="utf-8")
