"""Temporaries of killed processes are found and removed; nothing else ever is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.outputs import leftovers
from semantic_matte.outputs.atomic import ensure_folder, replacing
from semantic_matte.outputs.leftovers import ABANDONED_SECONDS, remove_abandoned, temporary_beside

needs_processes = pytest.mark.skipif(sys.platform != "linux", reason="processes are asked through /proc")


def put(folder: Path, machine: str, process: int, started: int, age: float = 0.0) -> Path:
    """A leftover that tells of this process and was last written to so many seconds ago."""
    place = folder / f".shot.1001.semantic_matte-{machine}-{process}-{started}-0123abcd.exr"
    place.write_text("half")
    os.utime(place, (time.time() - age,) * 2)
    return place


def removed(place: Path) -> bool:
    remove_abandoned(place.parent, time.time())
    return not place.exists()


def number_of_a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def here() -> tuple[str, int, int]:
    return leftovers._machine(), os.getpid(), leftovers._started(os.getpid()) or 0


@needs_processes
def test_a_process_that_lives_keeps_its_files(tmp_path: Path) -> None:
    assert not removed(put(tmp_path, *here()))
    # Where it isn't known when it was started, its number says that it lives.
    assert not removed(put(tmp_path, *here()[:2], 0))


@needs_processes
def test_a_process_that_is_gone_loses_them(tmp_path: Path) -> None:
    assert removed(put(tmp_path, here()[0], number_of_a_dead_process(), 7))
    # Its number was given to another one since.
    assert removed(put(tmp_path, *here()[:2], here()[2] + 1))


@pytest.mark.parametrize("machine", ["0123abcd", leftovers._UNKNOWN])
def test_of_other_machines_only_age_tells(tmp_path: Path, machine: str) -> None:
    process = number_of_a_dead_process()
    assert not removed(put(tmp_path, machine, process, 7))
    assert not removed(put(tmp_path, machine, process, 7, age=ABANDONED_SECONDS - 60))
    assert removed(put(tmp_path, machine, process, 7, age=ABANDONED_SECONDS + 60))


def test_age_is_told_by_the_clock_of_the_folder(tmp_path: Path) -> None:
    place = put(tmp_path, "0123abcd", 1, 7, age=ABANDONED_SECONDS + 60)
    remove_abandoned(tmp_path, time.time() - 3600)
    assert place.exists()


@needs_processes
def test_without_a_mark_of_the_machine_nothing_is_said_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_machine", lambda: leftovers._UNKNOWN)
    assert not removed(put(tmp_path, leftovers._UNKNOWN, number_of_a_dead_process(), 7))


def test_on_windows_no_process_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """os.kill would end it."""

    def refuse(*_: int) -> None:
        raise AssertionError("asked")

    place = put(tmp_path, leftovers._machine(), number_of_a_dead_process(), 7)
    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(leftovers, "_machine", lambda: place.name.split("-")[1])
    assert not removed(place)


@pytest.mark.parametrize(
    "name",
    [
        "shot.mattes.1001.exr",
        ".shot.1a2b3c4d.exr",
        "shot.semantic_matte-0123abcd-1-7-0123abcd.exr",
        ".shot.semantic_matte-0123abcd-1-7-0123abcd.exr.bak",
        ".shot.semantic_matte-0123abcd-one-7-0123abcd.exr",
        ".shot.semantic_matte-0123abcd-1-7-0123abcd\n.exr",
    ],
)
def test_names_of_others_are_left_alone_however_old(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.write_text("theirs")
    os.utime(place, (0, 0))
    assert not removed(place)


def test_what_cannot_be_removed_is_left_and_the_rest_is_not(tmp_path: Path) -> None:
    folder = tmp_path / ".a.semantic_matte-0123abcd-1-7-0123abcd"
    folder.mkdir()
    os.utime(folder, (0, 0))
    assert removed(put(tmp_path, "0123abcd", 2, 7, age=ABANDONED_SECONDS + 60))
    assert folder.exists()
    remove_abandoned(tmp_path / "nowhere", time.time())


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path: Path) -> None:
    target = tmp_path / "precious.exr"
    target.write_text("whole")
    link = tmp_path / ".a.semantic_matte-0123abcd-1-7-0123abcd.exr"
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    remove_abandoned(tmp_path, time.time())
    assert [path.name for path in tmp_path.iterdir()] == ["precious.exr"]


def test_a_run_cleans_its_folder_when_it_begins(tmp_path: Path) -> None:
    put(tmp_path, "0123abcd", 1, 7, age=ABANDONED_SECONDS + 60)
    assert list(ensure_folder(tmp_path).iterdir()) == []


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=()), min_size=1, max_size=255))
def test_any_name_gives_one_that_is_found_again_and_short_enough(name: str) -> None:
    place = Path("folder") / f"x{name}"
    temporary = temporary_beside(place)
    assert temporary.parent == place.parent
    assert temporary.name.endswith(place.suffix)
    assert temporary != temporary_beside(place)
    found = leftovers._OURS.fullmatch(temporary.name)
    assert found
    assert (found[1], int(found[2]), int(found[3])) == here()
    stem = temporary.name.removesuffix(place.suffix)
    assert len(stem.encode()) < 180


@pytest.mark.parametrize("name", ["日" * 83 + ".exr", "a" * 251 + ".exr", "b" * 255])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]
