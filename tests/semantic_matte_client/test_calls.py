"""What a console types and reads: help texts, light imports, the line of progress, the doctor."""

from __future__ import annotations

import inspect
import io
import json
import os
import pydoc
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import semantic_matte_client as sm
from semantic_matte_client import errors
from semantic_matte_client.client import host_name
from semantic_matte_client.job_course import Progress
from semantic_matte_client.progress_line import ProgressLine

CORE = Path(__file__).parent.parent.parent / "core"
CALLS = [sm.matte, sm.segment, sm.refine, sm.start, sm.status, sm.stop, sm.doctor, sm.controls]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_help_says_what_each_argument_is_and_what_comes_back(call: object) -> None:
    text = inspect.getdoc(call)
    assert text is not None
    assert "Returns" in text
    # An example, indented.
    examples = [line for line in text.splitlines() if line.startswith("    ")]
    assert any(f"{call.__name__}(" in line for line in examples)  # type: ignore[attr-defined]
    if "as for `matte`" in text or "the other arguments are theirs" in text:
        text += inspect.getdoc(sm.matte) or ""
    for name in inspect.signature(call).parameters:  # type: ignore[arg-type]
        assert any(line.startswith((f"{name} ", f"{name}  ")) for line in text.splitlines()), name


def test_help_of_the_package_is_a_small_manual() -> None:
    text = pydoc.plain(pydoc.render_doc(sm))
    for word in ("sm.matte(", "sm.doctor()", "ClientError", "class Client", "SEMANTIC_MATTE_PYTHON"):
        assert word in text
    assert "__getattr__" not in text


def test_all_that_is_promised_is_there() -> None:
    for name in sm.__all__:
        assert getattr(sm, name) is not None
    assert set(sm.__all__) <= set(dir(sm))
    for name, kind in vars(errors).items():
        if isinstance(kind, type):
            assert getattr(sm, name) is kind
            assert issubclass(kind, sm.ClientError)
    for name in ("mate", "NoSuchError", "_JOB"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(sm, name)


def test_an_import_loads_neither_sockets_nor_processes() -> None:
    code = f"import sys; sys.path.insert(0, {str(CORE)!r}); import semantic_matte_client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "socket",
        "subprocess",
        "multiprocessing",
        "dataclasses",
        "inspect",
        "tempfile",
        "hashlib",
        "threading",
    }
    assert not set(done.stdout.split()) & heavy


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ({}, "python {}.{}".format(*sys.version_info[:2])),
        ({"nuke": type("nuke", (), {"NUKE_VERSION_STRING": "15.1v3"})}, "nuke 15.1v3"),
        (
            {"bpy": type("bpy", (), {"app": type("app", (), {"version_string": "4.2.23 LTS"})})},
            "blender 4.2.23 LTS",
        ),
        ({"nuke": object()}, "nuke"),
        ({"bpy": object()}, "blender"),
    ],
)
def test_the_host_is_told_by_what_is_loaded(
    monkeypatch: pytest.MonkeyPatch, modules: dict[str, object], expected: str
) -> None:
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
    assert host_name() == expected


class TestProgressLine:
    def test_it_is_written_over_itself_and_gone_in_the_end(self) -> None:
        stream = io.StringIO()
        with ProgressLine(stream, 30) as line:
            line.show({"type": "progress"}, Progress("reading", "plate.exr"))
            line.show({"type": "progress"}, Progress("matting"))
            line.show({"type": "notice", "message": "Told."}, Progress("matting"))
            line.show({"type": "frame"}, Progress("x"))
            line.show({"type": "progress"}, Progress("s" * 40))
        assert shown(stream.getvalue()) == ["Told.", ""]
        assert f"\r{'s' * 26}...\r" in stream.getvalue().replace(" ", "")

    def test_only_a_terminal_gets_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for stream in (None, object(), io.StringIO()):
            monkeypatch.setattr(sys, "stderr", stream)
            assert ProgressLine.of_terminal() is None

    @pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
    def test_a_terminal_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        main, side = os.openpty()
        with open(side, "w") as stream:  # noqa: PTH123
            monkeypatch.setattr(sys, "stderr", stream)
            assert ProgressLine.of_terminal() is not None
        os.close(main)


def shown(written: str) -> list[str]:
    """What is left on a terminal's lines."""
    lines, column = [""], 0
    for sign in written:
        if sign == "\r":
            column = 0
        elif sign == "\n":
            lines.append("")
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + sign + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(os.name != "posix", reason="stand-ins are shell scripts")
class TestDoctor:
    """The engine's own part is tested with the engine; here it is a program that answers as one may."""

    def test_rows_of_both_sides(self, tmp_path: Path) -> None:
        told = [("semantic-matte", "ok", sm.__version__), ("torch", "error", "no")]
        rows = [dict(zip(("what", "status", "found"), row, strict=True)) for row in told]
        (tmp_path / "rows.json").write_text(json.dumps(rows))
        report = sm.doctor(script(tmp_path / "python", f"cat '{tmp_path / 'rows.json'}'; exit 1"))
        names = [finding.what for finding in report]
        assert names == ["host", "client", "engine's Python", "semantic-matte", "torch"]
        assert not report.ok
        assert str(tmp_path / "python") in repr(report)

    def test_another_version_is_warned_of(self, tmp_path: Path) -> None:
        (tmp_path / "rows.json").write_text('[{"what": "semantic-matte", "status": "ok", "found": "0.0.7"}]')
        report = sm.doctor(script(tmp_path / "python", f"cat '{tmp_path / 'rows.json'}'"))
        (row,) = [finding for finding in report if finding.what == "versions"]
        assert row.status == "warning"
        assert "0.0.7" in row.found

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("echo no json; echo it broke >&2; exit 3", "ended with code 3: it broke"),
            ("exit 0", "it said nothing"),
            ("exec sleep 60", "was not done within 0.3 seconds"),
        ],
    )
    def test_an_engine_that_fails_is_a_row_and_no_exception(
        self, tmp_path: Path, body: str, expected: str
    ) -> None:
        report = sm.doctor(script(tmp_path / "python", body), seconds=0.3)
        assert expected in report.findings[-1].found
        assert not report.ok

    def test_a_folder_that_is_not_ones_own_is_a_row(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "open").mkdir(mode=0o755)
        monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(tmp_path / "open"))
        row = sm.doctor(tmp_path / "nowhere").findings[2]
        assert (row.what, row.status) == ("runtime folder", "error")
        assert "chmod 700" in row.found

    def test_no_engine_is_a_row_too(self, tmp_path: Path) -> None:
        report = sm.doctor(tmp_path / "nowhere")
        assert report.findings[-1].status == "error"
        assert "is not there" in report.findings[-1].found
