"""A real job asked for by each Python that hosts carry, with nothing installed in it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
if sys.platform != "linux":
    pytest.skip("processes are found through /proc", allow_module_level=True)

HOST = """
import json, sys, threading
sys.path.insert(0, sys.argv[1])
import semantic_matte_client as sm
waited = sm.matte(sys.argv[2], sys.argv[3], device="cpu", find=["person"], passes=1)
job = sm.start("segment", sys.argv[2], device="cpu", colour_space=None)
while not job.poll():
    pass
try:
    sm.segment(sys.argv[2] + ".missing", device="cpu")
except sm.JobFailedError as error:
    kind = error.kind
repr(waited), repr(job), sm.controls(), sm.doctor
answer = {"version": sys.version_info[:2], "files": waited.files, "names": waited.names, "kind": kind}
answer.update(found=job.result.names, threads=threading.active_count(), stopped=sm.stop(device="cpu"))
print(json.dumps(answer))
"""


def find_python(version: str) -> str | None:
    """The house's own search."""
    path = ROOT / "tests" / "semantic_matte" / "test_house.py"
    spec = importlib.util.spec_from_file_location("house", path)
    assert spec is not None
    assert spec.loader is not None
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    found: str | None = house.find_python(version)
    return found


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_a_job_is_done_for_it(place: Any, version: str) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"there is no python{version} on PATH nor among pyenv's")
    command = [python, "-I", "-S", "-B", "-X", "dev", "-W", "error", "-c", HOST]
    done = subprocess.run(
        [*command, ROOT / "core", place.plate, place.out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert ".".join(map(str, answer["version"])) == version
    assert answer["names"] == ["person"]
    assert "person" in answer["found"]
    assert all(Path(path).is_file() for path in answer["files"])
    assert (answer["kind"], answer["threads"], answer["stopped"]) == ("work", 1, True)
