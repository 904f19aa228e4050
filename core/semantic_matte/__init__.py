"""Semantic Matte: finds every object in a plate and gives each one a soft alpha with a name.

    import semantic_matte as sm
    mattes = sm.matte("plate.exr", sm.Settings(find=["person"]))   # list[Matte]
    instances = sm.segment("plate.exr")                             # list[Instance]
    alpha = sm.refine("plate.exr", "trimap.png")                    # (H, W) float32 in [0, 1]
    colours = sm.foreground("plate.exr", mattes)                    # list[Foreground]

A plate is a path, a `Plate`, or an array (H, W, 3): uint8 and uint16 are sRGB, float is scene-linear Rec.709,
unless `colour_space=` says else. A trimap is a path, a `Trimap`, or uint8 (H, W): 0 background, 255
foreground, anything else unknown. Nothing heavy is loaded until it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semantic_matte.engine import Engine as Engine
    from semantic_matte.engine import foreground as foreground
    from semantic_matte.engine import matte as matte
    from semantic_matte.engine import refine as refine
    from semantic_matte.engine import segment as segment
    from semantic_matte.errors import SemanticMatteError as SemanticMatteError
    from semantic_matte.hints import read_hints as read_hints
    from semantic_matte.plates import read_plate as read_plate
    from semantic_matte.settings import Settings as Settings
    from semantic_matte.types import Box as Box
    from semantic_matte.types import Foreground as Foreground
    from semantic_matte.types import Hint as Hint
    from semantic_matte.types import Instance as Instance
    from semantic_matte.types import Matte as Matte
    from semantic_matte.types import Plate as Plate
    from semantic_matte.types import Trimap as Trimap

__version__ = "0.1.0"

_HOMES = {
    "Engine": "engine",
    "foreground": "engine",
    "matte": "engine",
    "refine": "engine",
    "segment": "engine",
    "SemanticMatteError": "errors",
    "read_hints": "hints",
    "read_plate": "plates",
    "Settings": "settings",
    "Box": "types",
    "Foreground": "types",
    "Hint": "types",
    "Instance": "types",
    "Matte": "types",
    "Plate": "types",
    "Trimap": "types",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'semantic_matte' has no attribute '{name}'")
    found = getattr(importlib.import_module(f"semantic_matte.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
