"""Frames of results and frames of truth, found in their folders and put side by side.

Of results there are the files of mattes, `NAME.mattes.1001.exr`, of one shot or one still. Truth is a picture a
frame. They belong together by the number in their names; where the numbers differ but the counts agree, as of a
shot that was numbered anew, by their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semantic_matte.errors import PlateError, UsageError, ValueShapeError
from semantic_matte.frame_patterns import FramePattern
from semantic_matte.layer_files import LayerFile, read_layers
from semantic_matte.outputs.sidecar import read_sidecar
from semantic_matte.picture_files import read_picture
from semantic_matte.types import BoolArray, Box, FloatArray

_MATTES = re.compile(r"(?P<name>.+)\.mattes(?:\.(?P<number>-?\d+))?\.exr", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"-?\d+(?=\D*$)")
# What a folder of truth may hold; sidecars, notes and films lie beside the pictures.
PICTURES = (".png", ".exr", ".tif", ".tiff", ".jpg", ".jpeg")
