"""A job's parameters: what to work on, and every control that an artist may change when the job is sent.

Their form is that of "Open Job Description 2023-09", section 2 (job parameters), with the hints for dialogues
that AWS Deadline Cloud's submitter shows them by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte.farm.commands import Flags, ShotCommands, is_switch
from semantic_matte.farm.shots import FarmShot
from semantic_matte.settings import Settings, controls

# Names of the parameters that are no controls.
PLATES, OUTPUT, FRAMES, CHUNK_SIZE = "Plates", "OutputFolder", "Frames", "ChunkSize"
ENGINE, HINT, COLOUR_SPACE = "Engine", "Hint", "ColourSpace"

# Not of a job's: its steps are those of a tracked shot.
_FIXED = {"track"}
# Controls that name a model by a path.
_MODELS = {"segmenter", "estimator", "tracker"}
_GROUPS = {"find": "Find", "edge": "Edge", "shot": "Shot", "output": "Output", "process": "Process"}
# Values of the dialogue's spin boxes: digits after the point, and how far a click goes.
_DECIMALS, _CLICK = 4, 0.01


@dataclass(frozen=True)
class JobParameter:
    """definition: as it stands in the template, with its name. value: of this shot."""

    definition: dict[str, Any]
    value: str | int | float

    @property
    def name(self) -> str:
        """What the template calls it by."""
        return str(self.definition["name"])

    @property
    def placed(self) -> str:
        """The text that a farm puts its value in place of."""
        return placed(self.name)


def placed(name: str) -> str:
    """The text that a farm puts a job parameter's value in place of."""
    return f"{{{{Param.{name}}}}}"


def parameter_name(control: str) -> str:
    """`label_confidence` -> LabelConfidence."""
    return "".join(word.capitalize() for word in control.split("_"))


def job_parameters(shot: FarmShot, settings: Settings, commands: ShotCommands) -> list[JobParameter]:
    """All parameters of a shot's job, in the order of the dialogue."""
    return [*_shot_parameters(shot), *_control_parameters(settings, commands)]


def fixed_switches(settings: Settings, commands: ShotCommands) -> set[str]:
    """Controls that are switched on for good, since no option switches them off."""
    return {
        name
        for name in Settings.model_fields
        if is_switch(name)
        and name not in _FIXED
        and getattr(settings, name)
        and (flags := commands.flags(name)) is not None
        and not flags.off
    }


def _shot_parameters(shot: FarmShot) -> Iterator[JobParameter]:
    """What to work on, how, and where to."""
    # Where a shot is many files, no file has the pattern's name: the bundle's asset references name them all.
    flow = "IN" if shot.is_film else "NONE"
    what = "The shot: a frame pattern such as shot.####.exr, or a film."
    yield _path(PLATES, "Plates", what, "FILE", flow, shot.plates)
    where = "Where the mattes, the tracks and the shot's record are written to."
    yield _path(OUTPUT, "Output folder", where, "DIRECTORY", "OUT", shot.results)
    which = "The shot's frames, as in 1001-1050, 1001-1050:2 or 1-10,20: the job knows of no others."
    yield _text(FRAMES, "Frames", "Shot", which, shot.frames_text)
    yield JobParameter(
        {
            "name": CHUNK_SIZE,
            "type": "INT",
            "description": "Frames that a host mattes in one go. Larger chunks read fewer frames twice.",
            "minValue": 1,
            "default": 10,
            "userInterface": _dialogue("SPIN_BOX", "Frames in a chunk", "Shot"),
        },
        shot.chunk_size,
    )
    program = "The program semantic-matte on the farm's hosts: a name on PATH, or a whole path."
    yield _text(ENGINE, "Engine", "Farm", program, shot.engine, default="semantic-matte")
    if shot.hint is not None:
        hint = "Your own mask picture, or JSON/YAML with boxes, points, masks."
        yield _path(HINT, "Hint", hint, "FILE", "IN", shot.hint)
    if shot.colour_space is not None:
        space = "The plates' colour space, where the file does not tell it."
        yield _text(COLOUR_SPACE, "Colour space", "Shot", space, shot.colour_space)


def _control_parameters(settings: Settings, commands: ShotCommands) -> Iterator[JobParameter]:
    """Every control that a step takes and that can be set both ways by an option."""
    for row in controls():
        name = row["name"]
        flags = commands.flags(name)
        if name in _FIXED or flags is None or (row["kind"] == "bool" and not flags.off):
            continue
        definition = {"name": parameter_name(name), **_kind(row, flags), "description": row["tooltip"]}
        yield JobParameter(definition, _plain(name, getattr(settings, name), flags))


def _kind(row: dict[str, Any], flags: Flags) -> dict[str, Any]:
    """Type, default, limits and place in the dialogue of a control's parameter."""
    default = _plain(row["name"], row["default"], flags)
    label = row["label"] if not row["unit"] else f"{row['label']} ({row['unit']})"
    group = _GROUPS[row["group"]]
    if row["kind"] in ("bool", "choice"):
        choices = [flags.on, flags.off] if row["kind"] == "bool" else row["choices"]
        dialogue = _dialogue("DROPDOWN_LIST", label, group)
        return {"type": "STRING", "default": default, "allowedValues": choices, "userInterface": dialogue}
    if row["kind"] in ("string", "names"):
        return {"type": "STRING", "default": default, "userInterface": _dialogue("LINE_EDIT", label, group)}
    found: dict[str, Any] = {"type": row["kind"].upper(), "default": default}
    found |= {
        name: row[limit]
        for name, limit in (("minValue", "minimum"), ("maxValue", "maximum"))
        if row[limit] is not None
    }
    dialogue = _dialogue("SPIN_BOX", label, group)
    if row["kind"] == "float":
        dialogue |= {"decimals": _DECIMALS, "singleStepDelta": _CLICK}
    return {**found, "userInterface": dialogue}


def _plain(name: str, value: Any, flags: Flags) -> str | int | float:
    """A control's value as a parameter holds it and a command line takes it."""
    if isinstance(value, bool):
        return flags.on if value else flags.off
    if isinstance(value, (tuple, list)):
        return ",".join(value)
    return _absolute_model(value) if name in _MODELS else value


def _absolute_model(text: str) -> str:
    """`kind:place` with its paths made absolute: a farm's host stands in another folder.

    What is not there stays as it is: it may be a name that the engine knows.
    """
    kind, colon, place = text.partition(":")
    if not colon:
        return text
    if _is_there(place):
        return f"{kind}:{Path(place).expanduser().absolute()}"
    for sign in ",+":
        left, found, right = place.rpartition(sign)
        if found:
            left = str(Path(left).expanduser().absolute()) if _is_there(left) else left
            right = str(Path(right).expanduser().absolute()) if _is_there(right) else _absolute_model(right)
            return f"{kind}:{left}{sign}{right}"
    return text


def _is_there(place: str) -> bool:
    return bool(place.strip()) and Path(place).expanduser().exists()


def _path(name: str, label: str, description: str, kind: str, flow: str, value: Path) -> JobParameter:
    """A path, which a farm maps to where its hosts see it. kind: FILE or DIRECTORY. flow: NONE, IN or OUT."""
    definition = {
        "name": name,
        "type": "PATH",
        "objectType": kind,
        "dataFlow": flow,
        "description": description,
        "userInterface": _dialogue(
            "CHOOSE_DIRECTORY" if kind == "DIRECTORY" else "CHOOSE_INPUT_FILE", label, "Shot"
        ),
    }
    return JobParameter(definition, str(value))


def _text(
    name: str, label: str, group: str, description: str, value: str, default: str | None = None
) -> JobParameter:
    """A text that is never empty."""
    definition = {
        "name": name,
        "type": "STRING",
        "description": description,
        "minLength": 1,
        **({} if default is None else {"default": default}),
        "userInterface": _dialogue("LINE_EDIT", label, group),
    }
    return JobParameter(definition, value)


def _dialogue(control: str, label: str, group: str) -> dict[str, Any]:
    return {"control": control, "label": label, "groupLabel": group}
