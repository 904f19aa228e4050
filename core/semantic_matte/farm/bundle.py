"""A job bundle on disk, as AWS Deadline Cloud submits it: template, values of its parameters, files it needs.

See "Open Job Description templates for Deadline Cloud" in Deadline Cloud's developer guide. `openjd run` reads
values in another form, as one mapping: it has a file of its own, which Deadline Cloud leaves alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semantic_matte.errors import UsageError
from semantic_matte.farm.checking import check_template
from semantic_matte.farm.commands import ShotCommands
from semantic_matte.farm.parameters import JobParameter, fixed_switches, job_parameters
from semantic_matte.farm.shots import LONGEST_TEXT, FarmShot
from semantic_matte.farm.template import job_template
from semantic_matte.outputs.atomic import ensure_folder, refuse_overwriting, replacing
from semantic_matte.settings import Settings

TEMPLATE, VALUES, ASSETS = "template.yaml", "parameter_values.yaml", "asset_references.yaml"
OPENJD_VALUES = "openjd_values.json"

# Of each, Deadline Cloud takes one form alone.
_OTHER_FORMS = ("template.json", "parameter_values.json", "asset_references.json")


@dataclass(frozen=True)
class Bundle:
    """A bundle as plain values. checked: by OpenJD's model, which need not be installed."""

    folder: Path
    template: dict[str, Any]
    values: Mapping[str, str | int | float]
    assets: dict[str, Any]
    checked: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """What `write` writes."""
        return tuple(self.folder / name for name in (TEMPLATE, VALUES, ASSETS, OPENJD_VALUES))

    def write(self) -> None:
        """Write the bundle, in place of one that is there. Raises OutputError, UsageError."""
        other = next((self.folder / name for name in _OTHER_FORMS if (self.folder / name).exists()), None)
        if other is not None:
            raise UsageError(f"'{other}' is of another bundle, and a farm takes one: choose another folder.")
        rows = [{"name": name, "value": value} for name, value in self.values.items()]
        texts = (
            _yaml(self.template),
            _yaml({"parameterValues": rows}),
            _yaml(self.assets),
            json.dumps(dict(self.values), indent=2) + "\n",
        )
        ensure_folder(self.folder)
        for path, text in zip(self.files, texts, strict=True):
            with replacing(path) as place:
                place.write_text(text, encoding="utf-8", newline="\n")


def shot_bundle(folder: Path, shot: FarmShot, settings: Settings, commands: ShotCommands) -> Bundle:
    """The bundle of a shot's job. Raises UsageError for names and values that a farm's job can't have."""
    if not settings.track:
        raise UsageError("A farm's job ties the objects of a shot first: leave --no-track out.")
    parameters = job_parameters(shot, settings, commands)
    template = job_template(shot.name, parameters, commands, fixed_switches(settings, commands))
    values = {one.name: one.value for one in parameters}
    for path in (*shot.files, shot.plates, shot.results):
        _refuse_unwritable(str(path))
    for one in parameters:
        _refuse_long(one)
    bundle = Bundle(folder, template, values, _assets(shot), check_template(template, values, folder))
    refuse_overwriting(bundle.files, shot.files)
    return bundle


def _assets(shot: FarmShot) -> dict[str, Any]:
    """What a farm without shared storage sends to its hosts, and brings back."""
    return {
        "assetReferences": {
            "inputs": {"filenames": [str(path) for path in shot.files], "directories": []},
            "outputs": {"directories": [str(shot.results)]},
            "referencedPaths": [] if shot.is_film else [str(shot.plates)],
        }
    }


def _refuse_unwritable(text: str) -> None:
    """Raise UsageError for a path that is no text: it can't stand in a file that others read."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise UsageError(
            f"The path '{shown}' is not UTF-8, which a farm's job must be: rename what it leads through."
        ) from None


def _refuse_long(parameter: JobParameter) -> None:
    """Raise UsageError for a text that is longer than OpenJD allows a parameter to be."""
    length = len(str(parameter.value))
    if length > LONGEST_TEXT:
        raise UsageError(
            f"The job's parameter {parameter.name} would be {length} signs long, and OpenJD allows "
            f"{LONGEST_TEXT}: give a shorter one."
        )


def _yaml(content: Any) -> str:
    """As a person reads it: in the order given, one value a line."""
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
