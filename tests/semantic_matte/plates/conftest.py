"""A second writer of pictures, for every type and format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest


@pytest.fixture
def write_oiio() -> Callable[..., Path]:
    def write(path: Path, pixels: np.ndarray, kind: str, **attributes: Any) -> Path:
        spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
        for name, value in attributes.items():
            spec.attribute(name.replace("__", ":"), value)
        output = oiio.ImageOutput.create(str(path))
        assert output.open(str(path), spec), output.geterror()
        assert output.write_image(np.ascontiguousarray(pixels))
        output.close()
        return path

    return write
