"""A real Blender asks the real worker for mattes, polling as a modal operator would: no thread, no torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import OpenEXR
import pytest

from semantic_matte_client.client import Client

CORE = Path(__file__).parent.parent.parent / "core"
PHOTO = Path(__file__).parent.parent / "data" / "photos" / "astronaut.png"
SECONDS = 180


class Blender(Protocol):
    """See conftest."""

    python: str
    folder: Path


SCRIPT = """
import json, os, sys, threading, time
import bpy
core, plate, out, answer = sys.argv[1:5]
sys.path.insert(0, core)
import semantic_matte_client as sm
before = threading.active_count()
longest, stages = 0.0, []
job = sm.start("matte", plate, out, device="cpu", find=["person"], passes=1)
ended = False
while not ended:
    start = time.perf_counter()
    ended = job.poll()
    longest = max(longest, time.perf_counter() - start)
    stages.append(job.progress.stage)
    if job.state in ("queued", "running") and "client" not in globals():
        client = sm.status("cpu")["jobs"][0]["client"]
    time.sleep(0.01)
found = {
    "version": bpy.app.version_string,
    "client": client,
    "longest": longest,
    "stages": sorted(set(stages)),
    "threads": threading.active_count() - before,
    "names": job.result.names,
    "slots": job.result.slots,
    "files": job.result.files,
    "heavy": sorted({"torch", "pydantic", "semantic_matte"} & set(sys.modules)),
    "size": list(bpy.data.images.load(job.result.files[0]).size),
}
with open(answer, "w", encoding="utf-8") as stream:
    json.dump(found, stream)
sys.stdout.flush()
# Some Blenders never end by themselves.
os._exit(0)
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the worker is met: short enough for a socket's path; the worker is ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(folder))
    monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", sys.executable)
    yield folder
    with Client(device="cpu", runtime=folder) as client:
        client.stop()
    shutil.rmtree(folder)


def test_it_gets_mattes_and_never_waits(blender: Blender, runtime: Path) -> None:
    plate, out, answer = (
        blender.folder / "Plåte 1.png",
        blender.folder / "mattes",
        blender.folder / "answer.json",
    )
    cv2.imwrite(str(blender.folder / "p.png"), cv2.resize(cv2.imread(str(PHOTO)), (96, 96)))
    (blender.folder / "p.png").rename(plate)
    done = subprocess.run(
        # Isolated: it must not see the project.
        [blender.python, "-I", "-B", "-c", SCRIPT, str(CORE), str(plate), str(out), str(answer)],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(blender.folder), "PYTHONHOME": "", "OCIO": ""},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    assert found["client"] == f"blender {found['version']}"
    assert found["names"] == ["person"]
    assert found["heavy"] == []
    assert found["threads"] == 0
    assert "reading" in found["stages"] or "segmenting" in found["stages"]
    # Where the machine is busy with others, a poll may be held up by them.
    assert found["longest"] < 0.5
    assert all(Path(path).is_file() for path in found["files"])
    with OpenEXR.File(found["files"][0], separate_channels=True) as file:
        assert {f"{slot}.A" for slot in found["slots"]} <= set(file.channels())
