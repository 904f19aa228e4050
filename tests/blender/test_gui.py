"""The add-on in a window: modal progress, Esc, undo, and disabling in mid-job, in a real Blender under Xvfb.

The only Blender with windows that can be had as a package is Debian's 3.4; `gui_older` puts what it lacks on
top of it. Newer ones are proven without a window: see test_inside.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from semantic_matte_client.client import Client

HERE = Path(__file__).parent
PHOTO = HERE.parent / "data" / "photos" / "astronaut.png"
SECONDS = 180
NEEDED = ("blender", "Xvfb")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(shutil.which(name) for name in NEEDED),
        reason="no Blender with a window: 'blender' and 'Xvfb' are needed (apt-get install blender xvfb)",
    ),
]


@pytest.fixture
def display() -> Iterator[str]:
    """A screen of its own that nobody sees."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as stream:
        number = stream.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """Where the worker is met: short enough for a socket's path; the worker is ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="sm-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        with Client(device="cpu", runtime=Path(folder)) as client:
            client.stop()


def test_in_a_window(display: str, runtime: Path, tmp_path: Path) -> None:
    plate = tmp_path / "plåte.png"
    cv2.imwrite(str(plate), cv2.resize(cv2.imread(str(PHOTO)), (128, 128), interpolation=cv2.INTER_AREA))
    job = {
        "resources": str(tmp_path / "resources"),
        "plate": str(plate),
        "blend": str(tmp_path / "file.blend"),
        "answer": str(tmp_path / "answer.json"),
    }
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OCIO"))}
    environment |= {
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "BLENDER_USER_RESOURCES": str(tmp_path / "resources"),
        "SEMANTIC_MATTE_PYTHON": sys.executable,
        "SEMANTIC_MATTE_RUNTIME": str(runtime),
        "SEMANTIC_MATTE_CONFIG": str(tmp_path / "config"),
    }
    command = ["blender", "--factory-startup", "--enable-event-simulate", "-P", str(HERE / "gui_smoke.py")]
    done = subprocess.run(
        [*command, "--", str(tmp_path / "job.json")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    # Drawing, too, told of no error.
    assert "Traceback" not in done.stdout, done.stdout
    found: dict[str, Any] = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert not found["background"]
    computed(found)
    cancelled(found["cancelled"], found["computed"]["outputs"])
    disabled = found["disabled"]
    assert disabled["state"] == "cancelled"
    assert "disabled" in disabled["said"]
    assert disabled["saved"]


def computed(found: dict[str, Any]) -> None:
    """The first computation went its way while the window lived, and is one step of undo."""
    told = found["computed"]
    assert told["answer"] == ["RUNNING_MODAL"]
    assert told["state"] == "done", told["said"]
    assert told["states"][:2] == ["capturing", "computing"]
    assert told["fractions"] == sorted(told["fractions"])
    assert len(told["sentences"]) > 2
    assert told["ticks"] > 5
    assert told["longest"] < 1.0
    people = [name for name in told["outputs"] if name.startswith("person")]
    assert people
    assert set(told["outputs"]) - set(found["undone"]) == set(people)
    assert found["redone"] == told["outputs"]


def cancelled(told: dict[str, Any], outputs: list[str]) -> None:
    """Esc ended the second one, and the node shows what it did."""
    assert told["answer"] == ["RUNNING_MODAL"]
    assert told["state"] == "cancelled"
    assert told["seconds"] < 2.0
    assert told["kept"]
    assert told["outputs"] == outputs
