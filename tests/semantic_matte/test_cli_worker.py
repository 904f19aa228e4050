"""`--worker` gives what the shell gives without it; `worker start | stop | status | logs` tell the truth.

Real commands, a real worker, in a runtime folder of the tests' own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

CORE = Path(__file__).parent.parent.parent / "core"
CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the runtime folder of these tests is POSIX")


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    """A runtime folder of our own; at the end its worker is ended and leaves nothing but its lock and log."""
    # Short: a socket's path is limited.
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    folder.chmod(0o700)
    before = os.environ.get("SEMANTIC_MATTE_RUNTIME")
    os.environ["SEMANTIC_MATTE_RUNTIME"] = str(folder)
    try:
        yield folder
        subprocess.run([sys.executable, "-m", "semantic_matte", "worker", "stop"], check=True, timeout=60)
        left = {path.name for path in folder.iterdir()}
        assert left <= {"gpu.lock", "logs"}, left
    finally:
        os.environ.pop("SEMANTIC_MATTE_RUNTIME")
        if before is not None:
            os.environ["SEMANTIC_MATTE_RUNTIME"] = before
        shutil.rmtree(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


OPTIONS = ("--passes", "2", "--samples", "2", "--png", "--spread", "--foreground", "--find", "person,cup,cat")


def test_the_worker_writes_the_same_bytes_as_the_shell_itself(
    runtime: Path, command_line: CommandLine, small_photos: Path, tmp_path: Path
) -> None:
    plates = [small_photos / name for name in ("astronaut.png", "chelsea.png", "coffee.png")]
    alone = command_line("matte", *plates, "-o", tmp_path / "alone", *OPTIONS)
    served = command_line("matte", *plates, "-o", tmp_path / "served", *OPTIONS, "--worker")
    assert alone.returncode == served.returncode == 0, alone.stderr + served.stderr
    assert contents(tmp_path / "alone") == contents(tmp_path / "served")
    assert len(contents(tmp_path / "served")) >= 15
    assert served.stdout.replace("/served/", "/alone/") == alone.stdout
    assert served.stderr == alone.stderr


def test_refine_and_segment_too(
    runtime: Path, command_line: CommandLine, small_photos: Path, tmp_path: Path
) -> None:
    levels = np.full((200, 200), 128, np.uint8)
    levels[:60], levels[120:, 60:140] = 0, 255
    cv2.imwrite(str(tmp_path / "trimap.png"), levels)
    plate = small_photos / "astronaut.png"
    for where, more in (("alone", ()), ("served", ("--worker",))):
        out, found = tmp_path / f"{where}.exr", tmp_path / f"{where}.json"
        refined = command_line("refine", plate, tmp_path / "trimap.png", "-o", out, *more)
        segmented = command_line("segment", plate, "--coco", found, *more)
        assert refined.returncode == segmented.returncode == 0, refined.stderr + segmented.stderr
        assert segmented.stdout == command_line("segment", plate).stdout
    assert (tmp_path / "alone.exr").read_bytes() == (tmp_path / "served.exr").read_bytes()
    assert (tmp_path / "alone.json").read_bytes() == (tmp_path / "served.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("matte", "missing.png", "-o", "out"), 1, "does not exist"),
        (("matte", "PLATE", "-o", "out", "--find", "cpu"), 2, "Unknown object name 'cpu'"),
        (("matte", "PLATE", "-o", "out", "--passes", "99"), 2, "passes"),
        (("matte", "PLATE", "-o", "out", "--hint", "PLATE", "--trimap", "PLATE"), 2, "not both"),
        (("segment", "PLATE", "--segmenter", "nothing"), 2, "Unknown segmenter 'nothing'"),
        (("matte", "PLATE", "-o", "out", "--device", "cuda"), 1, "no CUDA"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_goes_wrong_is_said_the_same_way(
    runtime: Path,
    command_line: CommandLine,
    small_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(small_photos / "astronaut.png", "PLATE.png")
    given = [argument.replace("PLATE", "PLATE.png") for argument in arguments]
    alone, served = command_line(*given), command_line(*given, "--worker")
    assert said in served.stderr
    assert "Traceback" not in served.stderr
    assert (alone.returncode, served.returncode) == (code, code)
    # The worker knows whole paths only.
    whole = {f"'{name}'": f"'{tmp_path / name}'" for name in ("missing.png", "PLATE.png", "out")}
    expected = alone.stderr
    for short, long in whole.items():
        expected = expected.replace(short, long)
    assert served.stderr in (expected, alone.stderr)


def test_json_lines_come_from_the_worker_too(
    runtime: Path, command_line: CommandLine, small_photos: Path, tmp_path: Path
) -> None:
    done = command_line("matte", small_photos / "coffee.png", "-o", tmp_path, "--worker", "--json")
    assert done.returncode == 0, done.stderr
    rows = lines(done)
    assert [row["event"] for row in rows].count("result") == 1
    moved = [row["done"] for row in rows if row["event"] == "progress"]
    assert moved == sorted(moved)
    assert {row["total"] for row in rows if row["event"] == "progress"} == {1000}
    result = rows[-1]
    assert result["event"] == "result"
    assert (tmp_path / "coffee.matte.json") in map(Path, result["files"])  # type: ignore[call-overload]


def test_the_commands_tell_how_it_is(runtime: Path, command_line: CommandLine) -> None:
    assert command_line("worker", "stop").returncode == 0
    absent = command_line("worker", "status", "--json")
    assert (absent.returncode, lines(absent)) == (1, [{"event": "worker", "running": False}])
    assert command_line("worker", "status").stdout == "No worker is running.\n"
    assert command_line("worker", "stop").stdout == "No worker is running.\n"
    (started,) = lines(command_line("worker", "start", "--json"))
    assert started["started"] is True
    assert started["engine"] == "none"
    (again,) = lines(command_line("worker", "start", "--json"))
    assert again["started"] is False
    assert again["pid"] == started["pid"]
    (present,) = lines(command_line("worker", "status", "--json"))
    assert present["pid"] == started["pid"]
    assert present["slot"] == "gpu"
    told = command_line("worker", "status")
    assert told.returncode == 0
    assert f"Worker {present['pid']} of Semantic Matte" in told.stdout
    logged = command_line("worker", "logs", "--lines", "3").stdout.splitlines()
    assert len(logged) == 4
    assert logged[-1] == present["log"]
    assert command_line("worker", "stop", "--when-idle").stdout == "The worker is ended.\n"
    assert command_line("worker", "status").returncode == 1


@pytest.mark.parametrize("command", ["start", "stop", "status", "logs"])
def test_a_worker_that_can_not_be_met_is_a_sentence(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(tmp_path))
    done = command_line("worker", command)
    assert done.returncode == 1
    assert "is open to others (mode 755)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_ctrl_c_cancels_the_job(runtime: Path, small_photos: Path, tmp_path: Path) -> None:
    """The shell ends within a second, and nothing of its job goes on in the worker."""
    plate = tmp_path / "large.png"
    picture = cv2.imread(str(small_photos / "astronaut.png"))
    cv2.imwrite(str(plate), cv2.resize(picture, (2400, 2400), interpolation=cv2.INTER_CUBIC))
    command = [
        sys.executable,
        "-m",
        "semantic_matte",
        "matte",
        plate,
        "-o",
        tmp_path / "out",
        "--worker",
        "--json",
    ]
    with subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CORE)},
        # Whoever runs the tests in the background of a shell has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as shell:
        assert shell.stdout is not None
        for line in shell.stdout:
            if json.loads(line).get("stage") == "matting":
                break
        shell.send_signal(signal.SIGINT)
        assert shell.wait(2) == 130
    status = subprocess.run(
        [sys.executable, "-m", "semantic_matte", "worker", "status", "--json"],
        env={**os.environ, "PYTHONPATH": str(CORE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(status.stdout)["jobs"] == []
    assert not (tmp_path / "out").exists() or contents(tmp_path / "out") == {}
