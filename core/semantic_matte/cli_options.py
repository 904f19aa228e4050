"""The options of the shell's commands, made from the controls: one row of each command's help, defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from semantic_matte.settings import Settings, split_terms

# Controls that hold several names, which a shell writes with commas.
_LISTS = {name for name, field in Settings.model_fields.items() if field.default == ()}


def control(name: str, *flags: str, **more: Any) -> Any:
    """A shell option for a control: its help is the control's tooltip, its default stays in settings."""
    field = Settings.model_fields[name]
    empty = "all" if name == "find" else "none"
    default = field.default if field.default != () else empty
    text = f"{field.description} (default: {default})"
    return typer.Option(*(flags or (f"--{name.replace('_', '-')}",)), help=text, **more)


Plates = Annotated[list[Path], typer.Argument(metavar="PLATE...", help="Pictures to work on.")]
Find = Annotated[Optional[str], control("find", metavar="NAME,NAME")]
Confidence = Annotated[Optional[float], control("confidence")]
LabelConfidence = Annotated[Optional[str], control("label_confidence", metavar="NAME=NUMBER,...")]
Merge = Annotated[Optional[str], control("merge", metavar="NAME+NAME,...")]
Smallest = Annotated[Optional[float], control("smallest")]
MaxInstances = Annotated[Optional[int], control("max_instances")]
Segmenter = Annotated[Optional[str], control("segmenter")]
Estimator = Annotated[Optional[str], control("estimator")]
Passes = Annotated[Optional[int], control("passes")]
Samples = Annotated[Optional[int], control("samples")]
Coverage = Annotated[Optional[str], control("coverage")]
Overlaps = Annotated[Optional[str], control("overlaps")]
DilationInner = Annotated[Optional[float], control("dilation_inner")]
DilationOuter = Annotated[Optional[float], control("dilation_outer")]
Dilation = Annotated[
    Optional[float], typer.Option(help="Both edge widths at once, as a fraction of object size.")
]
Device = Annotated[Optional[str], control("device")]
Batch = Annotated[Optional[int], control("batch")]
Seed = Annotated[Optional[int], control("seed")]
AcceptLicence = Annotated[Optional[str], control("accept_licence", metavar="NAME,NAME")]
Order = Annotated[Optional[str], control("order", metavar="NAME,NAME")]
Png = Annotated[Optional[bool], control("png", "--png/--no-png")]
Spread = Annotated[Optional[bool], control("spread", "--spread/--no-spread")]
ContactSheet = Annotated[Optional[bool], control("contact_sheet", "--contact-sheet/--no-contact-sheet")]
Cryptomatte = Annotated[Optional[bool], control("cryptomatte", "--cryptomatte/--no-cryptomatte")]
Foreground = Annotated[Optional[bool], control("foreground", "--foreground/--no-foreground")]
ForegroundMethod = Annotated[Optional[str], control("foreground_method")]
ForegroundSpace = Annotated[Optional[str], control("foreground_space")]
DataWindow = Annotated[Optional[str], control("data_window")]
Storage = Annotated[Optional[str], control("storage")]
Reuse = Annotated[Optional[bool], control("reuse", "--reuse/--no-reuse")]
Track = Annotated[Optional[bool], control("track", "--track/--no-track")]
Tracker = Annotated[Optional[str], control("tracker")]
ShortestTrack = Annotated[Optional[int], control("shortest_track")]
Carry = Annotated[Optional[int], control("carry")]
Steadiness = Annotated[Optional[float], control("steadiness")]
MissingFrames = Annotated[Optional[str], control("missing_frames")]
Frames = Annotated[
    Optional[str],
    typer.Option("--frames", metavar="RANGE", help="The frames of a shot, as in 1001-1050x2,1060."),
]
HintFile = Annotated[
    Optional[Path],
    typer.Option("--hint", help="Your own mask picture, or JSON/YAML with boxes, points, masks."),
]
ColourSpace = Annotated[
    Optional[str], typer.Option(help="The plates' colour space, where the file does not tell it.")
]
Worker = Annotated[
    bool,
    typer.Option("--worker", help="Run in the worker that hosts use (started if need be): models stay loaded."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines in place of text and bar.")]


def settings_of(dilation: float | None = None, **given: Any) -> Settings:
    """Settings out of the options that were given; all others keep their defaults."""
    values = {name: value for name, value in given.items() if value is not None}
    for name in _LISTS & values.keys():
        values[name] = tuple(term for term in split_terms(values[name], ",") if term)
    if dilation is not None:
        values = {"dilation_inner": dilation, "dilation_outer": dilation} | values
    return Settings(**values)
