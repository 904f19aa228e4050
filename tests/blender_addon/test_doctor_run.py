"""The doctor that is polled: what it says of engines that are there, missing or broken."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from blender_addon.doctor_run import DoctorRun, Line, text_of, worst

from semantic_matte_client.version import VERSION


def engine(folder: Path, script: str) -> str:
    """A program in place of an engine's Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def examined(python: str, seconds: float = 20.0) -> list[Line]:
    """All that is found with this engine."""
    run = DoctorRun("Blender 4.2", python)
    until = time.monotonic() + seconds
    while not run.poll():
        assert time.monotonic() < until
        time.sleep(0.01)
    return run.lines


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
class TestEngines:
    def test_its_findings_are_told(self, tmp_path: Path) -> None:
        rows = '[{"what": "device", "status": "warning", "found": "cpu"}]'
        lines = examined(engine(tmp_path, f"echo a warning of a library >&2; echo '{rows}'"))
        assert lines[-1] == Line("device", "warning", "cpu")
        assert [line.what for line in lines[:3]] == ["host", "client", "engine's Python"]
        assert worst(lines) == "warning"

    @pytest.mark.parametrize(
        ("theirs", "differs"), [(VERSION, False), (f"{VERSION} (dev)", False), ("9.9", True)]
    )
    def test_another_version_is_told(self, tmp_path: Path, theirs: str, differs: bool) -> None:
        rows = f'[{{"what": "semantic-matte", "status": "ok", "found": "{theirs}"}}]'
        whats = [line.what for line in examined(engine(tmp_path, f"echo '{rows}'"))]
        assert ("versions" in whats) == differs

    def test_a_broken_one_is_told_with_its_last_words(self, tmp_path: Path) -> None:
        line = examined(engine(tmp_path, "echo No module named semantic_matte >&2; exit 3"))[-1]
        assert line == Line(
            "engine", "error", "The engine's Python ended with code 3: No module named semantic_matte"
        )

    def test_a_silent_one(self, tmp_path: Path) -> None:
        assert examined(engine(tmp_path, "exit 0"))[-1].found.endswith("ended with code 0 and said nothing.")

    def test_polling_never_waits_and_closing_ends_it(self, tmp_path: Path) -> None:
        run = DoctorRun("Blender 4.2", engine(tmp_path, "exec sleep 60"))
        process = run._process
        assert process is not None
        start = time.monotonic()
        assert not run.poll()
        assert time.monotonic() - start < 0.5
        run.close()
        assert process.poll() is not None
        assert run.poll()

    def test_one_that_takes_too_long_is_ended(self, tmp_path: Path) -> None:
        run = DoctorRun("Blender 4.2", engine(tmp_path, "exec sleep 60"))
        run._until = 0.0
        assert run.poll()
        assert "was not done within 180 seconds" in run.lines[-1].found

    def test_what_can_not_be_run(self, tmp_path: Path) -> None:
        path = tmp_path / "python"
        path.write_bytes(b"\x7fnothing")
        path.chmod(0o755)
        line = examined(str(path))[-1]
        assert line.status == "error"
        assert "can't be run" in line.found


def test_a_missing_one_is_told_at_once(tmp_path: Path) -> None:
    run = DoctorRun("Blender 4.2", str(tmp_path / "none"))
    assert run.poll()
    assert run.lines[-1].status == "error"
    assert "is not there" in run.lines[-1].found


def test_a_text_to_copy() -> None:
    lines = [Line("host", "ok", "Blender"), Line("engine", "error", "none")]
    assert text_of(lines) == "ok      host: Blender\nerror   engine: none\n"
