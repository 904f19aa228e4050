"""Failure matrix, while the engine works: it is missing, dies, refuses, is cancelled, runs out of things."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from matrix_scene import Row, Scene, write_plates

CORE = Path(__file__).parent.parent.parent.parent / "core"


def large(scene: Scene) -> None:
    """A plate that takes some seconds, so that something can happen meanwhile."""
    write_plates(scene.folder / "large", 512)
    scene.read["file"].setValue((scene.folder / "large" / "plate.%04d.exr").as_posix())
    scene.set(passes=4, samples=5, find="")
    scene.nuke.root().setModified(False)


def changed_plates(scene: Scene, change: Any) -> None:
    write_plates(scene.folder / "changed", change=change)
    scene.read["file"].setValue((scene.folder / "changed" / "plate.%04d.exr").as_posix())
    scene.nuke.root().setModified(False)


def kept(scene: Scene, work: Any) -> str:
    """Do it after something was arranged: the script is as it was just before."""
    before = scene.state()
    said = str(work())
    scene.nothing_is_left()
    scene.is_as(before)
    return said


def processes(scene: Scene, what: str) -> list[int]:
    return [number for number, line in scene.place.processes().items() if what in line]


def killed(what: str) -> Any:
    """The worker, or its engine process, is killed in the middle of a frame."""

    def provoke(scene: Scene) -> str:
        large(scene)

        def work() -> str:
            computation = scene.click()
            scene.until_matting(computation)
            for number in processes(scene, what):
                os.kill(number, signal.SIGKILL)
            return scene.until_ended(computation)

        said = kept(scene, work)
        assert scene.node["status"].value() == said
        assert scene.host.messages[-1] == said
        return said

    return provoke


def works_afterwards(scene: Scene) -> str:
    """The next run starts another worker."""
    killed("semantic_matte.worker")(scene)
    scene.set(passes=1, samples=1, find="person:largest")
    scene.read["file"].setValue((scene.folder / "plates" / "plate.%04d.exr").as_posix())
    return scene.generate()


def out_of_memory(scene: Scene) -> str:
    """The engine's process may have no more memory than it has now."""
    large(scene)
    computation = scene.click()
    scene.until_matting(computation)
    (engine,) = processes(scene, "engine_process")
    used = int(Path(f"/proc/{engine}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(engine, resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
    try:
        return scene.until_ended(computation)
    finally:
        scene.place.stop_worker()


def cancelled_while_matting(scene: Scene) -> str:
    large(scene)

    def work() -> str:
        computation = scene.click()
        scene.until_matting(computation)
        scene.click("cancel")
        return scene.until_ended(computation)

    return kept(scene, work)


def cancelled_in_the_bar(scene: Scene) -> str:
    large(scene)

    def work() -> str:
        computation = scene.click()
        scene.until_matting(computation)
        scene.host.progress_tasks[-1]._cancelled = True
        return scene.until_ended(computation)

    return kept(scene, work)


def cancelled_in_the_queue(scene: Scene) -> str:
    """Another host's job is before it."""
    large(scene)
    with scene.client() as client:
        plates = sorted((scene.folder / "large").glob("*.exr"))
        slow = {"passes": 8, "samples": 9, "track": False}
        other = client.submit("matte", plates, out=scene.folder / "other", settings=slow)
        while other.state != "running":
            other.poll()

        def work() -> str:
            computation = scene.click()
            scene.until(computation, lambda: len(scene.jobs()) == 2)
            scene.click("cancel")
            said = scene.until_ended(computation)
            other.cancel()
            while not other.poll():
                pass
            return said

        return kept(scene, work)


def cancelled_before_it_is_applied(scene: Scene) -> str:
    """The job is done, and the main thread has not come to it yet."""
    scene.set(confidence=0.31)
    scene.nuke.root().setModified(False)

    def work() -> str:
        computation = scene.click()
        thread = computation._thread
        while not thread.join(0.05):
            pass
        computation.cancel()
        return scene.until_ended(computation)

    return kept(scene, work)


def goes_on_where_it_was(scene: Scene) -> str:
    """Frames that were finished before a cancel are not computed again."""
    large(scene)
    scene.set(passes=1, samples=1, find="person:largest", track=False)
    computation = scene.click("generate_range")
    plan = computation.plan
    scene.until(computation, lambda: list((plan.folder / "main").glob("*.mattes.1002.exr")))
    (first,) = (plan.folder / "main").glob("*.mattes.1001.exr")
    written = first.stat().st_mtime_ns
    scene.click("cancel")
    said = scene.until_ended(computation)
    assert "Cancelled" in said
    again = scene.generate("generate_range")
    assert first.stat().st_mtime_ns == written
    return again


def unknown_label(scene: Scene) -> str:
    scene.set(find="unicorn")
    scene.nuke.root().setModified(False)
    return kept(scene, scene.generate)


def nothing_found(scene: Scene) -> str:
    """A grey picture."""
    changed_plates(scene, lambda pixels: numpy.full_like(pixels, 0.18))
    return scene.generate()


def not_a_number(scene: Scene) -> str:
    def change(pixels: Any) -> Any:
        pixels[10, 10] = numpy.nan
        return pixels

    changed_plates(scene, change)
    return scene.generate()


def infinite(scene: Scene) -> str:
    def change(pixels: Any) -> Any:
        pixels[10, 10] = numpy.inf
        return pixels

    changed_plates(scene, change)
    return scene.generate()


def black_hint(scene: Scene) -> str:
    """A mask in which nothing is bright."""
    nuke = scene.nuke
    constant = nuke.nodes.Expression()
    constant.setInput(0, scene.read)
    for index in range(4):
        constant[f"expr{index}"].setValue("0")
    scene.node.setInput(1, constant)
    nuke.root().setModified(False)
    return kept(scene, scene.generate)


ROWS = [
    Row(
        "the worker is killed",
        killed("semantic_matte.worker"),
        "worker.*(ended|lost|gone|run it again)",
        "else",
    ),
    Row("after a kill the next run works", works_afterwards, "^done", "else"),
    Row("the engine process is killed", killed("engine_process"), "engine|crash|ended", "else"),
    Row("out of memory", out_of_memory, "memory", "else"),
    Row("cancel while matting", cancelled_while_matting, "Cancelled: the node shows what it showed", "else"),
    Row("cancel in the bar", cancelled_in_the_bar, "Cancelled", "else"),
    Row("cancel in the queue", cancelled_in_the_queue, "Cancelled", "else"),
    Row("cancel before it is applied", cancelled_before_it_is_applied, "Cancelled", "else"),
    Row("a run goes on where it was cancelled", goes_on_where_it_was, "^done", "else"),
    Row("an unknown label", unknown_label, "unicorn", "else"),
    Row("nothing found", nothing_found, "[Nn]othing|no (person|object|instance)", "else"),
    Row("a pixel that is not a number", not_a_number, "[Nn]a[Nn]|not (a number|finite)|finite", "else"),
    Row("a pixel that is infinite", infinite, "[Ii]nf|finite", "else"),
    Row("a hint without a mask", black_hint, "Hint is empty: paint", "else"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "_"))
def test_row(scene: Scene, row: Row) -> None:
    scene.check(row)


def other_python(scene: Scene, files: dict[str, str] | None = None, *paths: Path) -> Path:
    """An environment without the engine, or with one of these files."""
    folder = scene.folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name, text in (files or {}).items():
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if paths:
        (packages / "all.pth").write_text("\n".join(map(str, paths)), encoding="utf-8")
    return folder / "bin" / "python"


def newer_client(folder: Path) -> Path:
    """The client package as a later version has it, with another protocol."""
    copy = folder / "newer"
    shutil.copytree(CORE / "semantic_matte_client", copy / "semantic_matte_client")
    path = copy / "semantic_matte_client" / "protocol.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("\nPROTOCOL = 2\n") == 1
    path.write_text(text.replace("\nPROTOCOL = 2\n", "\nPROTOCOL = 3\n"), encoding="utf-8")
    return copy


# Worker missing, or of another version: how its Python is, and what of the sentence says so.
ENGINES = {
    "is not there": "is not there",
    "lacks the engine": "without the engine",
    "is newer": "protocol 2.*protocol 3|protocol 3.*protocol 2",
    "fails to start": "no libcudart",
}
BROKEN = {
    "semantic_matte/__init__.py": "",
    "semantic_matte/worker/__init__.py": "raise OSError('no libcudart')",
}


@pytest.mark.parametrize("kind", ENGINES)
def test_an_engine_that(scene: Scene, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told which Python was meant, and what to do; the script is as it was."""
    scene.place.stop_worker()
    python = scene.folder / "no" / "python"
    if kind == "is newer":
        python = other_python(scene, None, newer_client(scene.folder), CORE, *map(Path, sys.path[1:]))
    elif kind != "is not there":
        python = other_python(scene, BROKEN if kind == "fails to start" else None)
    monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", str(python))
    monkeypatch.delenv("PYTHONPATH")
    scene.set(confidence=0.32)
    scene.nuke.root().setModified(False)
    before = scene.state()
    said = scene.generate()
    assert re.search(ENGINES[kind], said, re.DOTALL), said
    assert scene.host.messages[-1] in said
    monkeypatch.undo()
    scene.place.stop_worker()
    scene.is_as(before)


def test_a_disk_that_fills_while_it_writes(scene: Scene, small_disk: Any) -> None:
    """There is room for the capture, and none for the mattes."""
    folder = scene.folder / "small"

    def provoke(scene: Scene) -> str:
        scene.set(cache_folder=folder.as_posix(), find="", confidence=0.05)
        scene.nuke.root().setModified(False)
        before = scene.state()
        computation = scene.click("generate_range")
        if computation is None:
            return str(scene.told[-1])
        (folder / "ballast").write_bytes(bytes(max(0, shutil.disk_usage(folder).free - 8192)))
        said = scene.until_ended(computation)
        scene.is_as(before)
        return said

    with small_disk(folder, "size=6m"):
        scene.check(Row("a disk that fills", provoke, "space|full", "else"))
