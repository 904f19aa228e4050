"""The recipes are scripts, not a package: their folder is put on the path while their tests run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

TRAINING = Path(__file__).parents[2] / "weights" / "training"


@pytest.fixture(scope="session")
def training() -> Iterator[Callable[[str], ModuleType]]:
    """A module of `weights/training` by name."""
    sys.path.insert(0, str(TRAINING))
    yield importlib.import_module
    sys.path.remove(str(TRAINING))
