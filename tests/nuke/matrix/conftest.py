"""The failure matrix: a row says how something goes wrong, what the artist is told, and how the script is then.

One worker a file; the scene of a row is a copy of a script that was generated once, so that it has something
to lose.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("matrix_scene")

from matrix_scene import Scene, generated_script  # noqa: E402 - the path is set just above.

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def script(warm_place: Any) -> Path:
    """A saved script whose node shows mattes of frame 1001, made by the real engine."""
    return generated_script(warm_place.work / "generated")


@pytest.fixture
def scene(
    script: Path, warm_place: Any, make_host: Callable[..., Any], request: pytest.FixtureRequest
) -> Iterator[Scene]:
    """The script opened in a Nuke with a window, in a folder of its own."""
    folder = warm_place.work / f"row_{len(list(warm_place.work.iterdir()))}"
    shutil.copytree(script.parent, folder)
    text = (folder / script.name).read_text(encoding="utf-8").replace(str(script.parent), str(folder))
    (folder / script.name).write_text(text, encoding="utf-8")
    made = Scene.opened(make_host((15, 1), True), folder / script.name, warm_place)
    yield made
    made.leave()
