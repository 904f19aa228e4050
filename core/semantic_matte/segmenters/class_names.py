"""What only the user knows of a model: a YAML file beside the weights with the names of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from semantic_matte.errors import WeightsError

# `model.classes.yaml` tells of `model.pth`; the other one of all weights in its folder that have no such file.
ENDING = ".classes.yaml"
COMMON_FILE = "classes.yaml"


def read_notes(weights: Path) -> Mapping[str, Any]:
    """What the file beside the weights says; empty if there is none. Its path is under 'file'.

    It holds a mapping with the names under 'names', or their list alone. Raises WeightsError for anything else.
    """
    for path in (weights.with_name(weights.stem + ENDING), weights.with_name(COMMON_FILE)):
        if not path.is_file():
            continue
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise WeightsError(f"'{path}' can't be read as YAML ({str(error).splitlines()[0]}).") from None
        if isinstance(content, list):
            content = {"names": content}
        if not isinstance(content, dict):
            raise WeightsError(f"'{path}': expected a list of names, or a mapping with 'names'.")
        return {**content, "file": path}
    return {}


def class_names(notes: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    """The names of a model's `count` classes, in the order of its outputs, without the background.

    notes: as of `read_notes`; None if they name none. They are a list, or numbers and names in the order of the
    numbers. Raises WeightsError for names that are none, come twice, or are another number of them.
    """
    if notes.get("names") is None:
        return None
    path, names = notes["file"], notes["names"]
    if isinstance(names, dict) and all(isinstance(key, int) for key in names):
        names = [names[key] for key in sorted(names)]
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise WeightsError(f"'{path}': expected a list of names under 'names', got {names!r:.80}.")
    told = [name.strip() for name in names]
    if len(told) == count + 1 and told[0].strip("_").lower() == "background":
        del told[0]
    twice = {name for name in told if told.count(name) > 1}
    if twice:
        raise WeightsError(f"'{path}': expected each name once, got '{min(twice)}' more than once.")
    if len(told) != count:
        raise WeightsError(f"'{path}' names {len(told)} classes; its model has {count}, background apart.")
    return tuple(told)


def unnamed(weights: Path, count: int) -> WeightsError:
    """What to tell the user whose model has classes that nobody named."""
    return WeightsError(
        f"The model '{weights.name}' has {count} classes that are nowhere named: list them in the order of its "
        f"outputs, without the background, in '{weights.stem}{ENDING}' beside it, as in 'names: [cat, dog]'."
    )
