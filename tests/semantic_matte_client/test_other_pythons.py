"""A real job asked for by each Python that hosts carry, bare as it comes, and what nodes make of it."""

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
from pathlib import Path
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
assert not [name for name in sys.modules if "nodes" in name.split(".")]
from semantic_matte_client.nodes import (
    control_rows, fingerprints, frame_spans, frame_words, instance_table, notices, result_folders,
    result_records,
)
# As a host's node goes about it: another run into a folder of its own, whose results it shows.
settings = control_rows.settings_from({row.name: row.field_default for row in control_rows.control_rows()}, {})
settings = {**settings, "device": "cpu", "find": ["person"], "passes": 1, "track": False}
cache = result_folders.folder_beside(sys.argv[3] + ".blend")
captured = result_folders.new_capture_folder(cache, "0" * 32)
plate = captured / (frame_spans.file_name("plate", 7) [:-4] + ".png")
plate.write_bytes(Path(sys.argv[2]).read_bytes())
name = result_folders.job_name(control_rows.settings_of_pixels(settings), [plate])
out = result_folders.job_folder(cache, "0" * 32, name)
sm.matte(str(plate), str(out), **settings)
files = {"plate": fingerprints.describe_file(str(plate))}
described = {"files": files, "settings": settings, "nodes": [{"kind": "Read"}]}
assert fingerprints.difference(described, {**described, "nodes": [{"kind": "Blur", "title": "Blur1"}]})
shown = result_records.read_results(out, "plate", (7,))
boxes = result_records.boxes_of(shown, 7)
rows = instance_table.renewed([], shown.slots, (), instance_table.TitleRule(63, ("All",)))
rows = instance_table.with_title(rows, rows[0].key, "hero", instance_table.TitleRule(63, ("All",)))
assert instance_table.feeds(rows).shown == tuple(row.key for row in rows)
assert set(boxes) == {row.slot for row in rows}
assert frame_words.in_frames("The plate '%s/plate.0007.exr' is odd" % captured) == "Frame 7 is odd"
assert notices.told_notices(["plate.0007.exr is odd"]) == ("Frame 7 is odd",)
result_folders.remove_capture(captured)
assert result_folders.clear(result_folders.clearable(cache / ("0" * 32), ())) > 0
assert not cache.exists()
repr(waited), repr(job), sm.controls(), sm.doctor
answer = {"version": sys.version_info[:2], "files": waited.files, "names": waited.names, "kind": kind}
answer["titles"] = [row.title for row in rows]
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
    assert answer["titles"] == ["hero"]
    assert all(Path(path).is_file() for path in answer["files"])
    assert (answer["kind"], answer["threads"], answer["stopped"]) == ("work", 1, True)
