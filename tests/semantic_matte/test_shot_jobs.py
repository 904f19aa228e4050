"""Whole shots from files to files: slots in every frame, chunks, what is kept and what is made again, kills.

Objects are found by their colour, by a segmenter of the test's own; all else is real.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO
import pytest

import semantic_matte as sm
from semantic_matte import errors
from semantic_matte.jobs import MatteRequest, collect_files, matte_files, track_files
from semantic_matte.layer_files import read_layers
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.types import Hint, Instance, Matte, Plate

QUICK: dict[str, Any] = {"device": "cpu", "estimator": "closed_form", "passes": 1, "shortest_track": 2}
FIRST, COUNT = 1001, 10
FRAMES = range(FIRST, FIRST + COUNT)
# Frames that the blue ball is in.
BLUE = range(FIRST + 3, FIRST + 8)
HEIGHT, WIDTH = 64, 96


class ByColour(sm.Engine):
    """Finds what is clearly red or blue; counts what it is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(sm.Settings(**{**QUICK, **settings}))
        self.found: list[int] = []
        self.solved: list[int] = []

    def find(self, plate: Plate, _hints: Sequence[Hint], _progress: Progress) -> list[Instance]:
        self.found.append(plate.frame or 0)
        red, green, blue = np.moveaxis(plate.pixels, 2, 0)
        masks = {"ball": red > 2 * (green + blue), "bird": blue > 2 * (green + red)}
        return [Instance.from_mask(mask, label, 0.9) for label, mask in masks.items() if mask.sum() > 20]

    def selects(self) -> list[Any]:
        return []

    def solve(self, plate: Plate, instances: Sequence[Instance], progress: Progress) -> list[Matte]:
        self.solved.append(plate.frame or 0)
        return super().solve(plate, instances, progress)


class Told:
    """A progress that remembers, and ends the work where it is asked to."""

    def __init__(self, end_at: int = 10**9) -> None:
        self.notices: list[str] = []
        self.events: list[ProgressEvent] = []
        self._left = end_at

    def advance(self, event: ProgressEvent) -> None:
        self.events.append(event)
        self._left -= 1
        if self._left <= 0:
            raise errors.CancelledError("Enough.")

    def notice(self, message: str) -> None:
        self.notices.append(message)


def frame(number: int) -> np.ndarray:
    """BGR uint8: a red ball that moves, in some frames a blue one, over a texture."""
    place = number - FIRST
    picture = np.random.default_rng(3).integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.5)
    cv2.circle(picture, (20 + 5 * place, 34), 13, (10, 10, 230), -1, cv2.LINE_AA)
    if number in BLUE:
        cv2.circle(picture, (75, 14 + 2 * place), 9, (230, 10, 10), -1, cv2.LINE_AA)
    return picture


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    folder = tmp_path / "plates"
    folder.mkdir()
    for number in FRAMES:
        cv2.imwrite(str(folder / f"shot.{number}.png"), frame(number))
    return folder / "shot.####.png"


def run(plates: Path, out: Path, engine: ByColour | None = None, **request: Any) -> tuple[ByColour, Told]:
    engine, told = engine or ByColour(), Told()
    matte_files(engine, MatteRequest((plates,), out, **request), told)
    return engine, told


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Told]:
    """The plates, the whole shot's results made in one go, and what was told."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "plates").mkdir()
    for number in FRAMES:
        cv2.imwrite(str(folder / "plates" / f"shot.{number}.png"), frame(number))
    _, told = run(folder / "plates" / "shot.####.png", folder / "out")
    return folder / "plates" / "shot.####.png", folder / "out", told


def test_every_slot_is_in_every_frame(made: tuple[Path, Path, Told]) -> None:
    _, out, _ = made
    for number in FRAMES:
        layers = read_layers(out / f"shot.mattes.{number}.exr")
        assert sorted(layers.slots) == ["sm_ball_01", "sm_bird_01"]
        assert layers.alpha("sm_ball_01").max() == 1
        assert (layers.alpha("sm_bird_01").max() > 0.9) == (number in BLUE)
        sidecar = json.loads((out / f"shot.matte.{number}.json").read_text())
        by_slot = {slot["slot"]: slot for slot in sidecar["slots"]}
        bird = by_slot["sm_bird_01"]
        assert bird["source"] == ("found" if number in BLUE else "absent")
        assert (bird["box"] is None) == (number not in BLUE)
        assert (by_slot["sm_ball_01"]["flicker"] is None) == (number == FIRST)


def test_a_shot_has_one_record_and_one_contact_sheet(made: tuple[Path, Path, Told]) -> None:
    _, out, _ = made
    names = {path.name for path in out.iterdir()}
    assert {"shot.tracks.json", "shot.masks.json", "shot.matte.json", "shot.contact.png"} <= names
    assert len(names) == 4 + 3 * COUNT
    record = json.loads((out / "shot.matte.json").read_text())
    assert record["whole"] == record["frames"] == f"{FRAMES[0]}-{FRAMES[-1]}"
    assert record["problems"] == []


def test_every_cryptomatte_has_the_same_layers_and_manifest(made: tuple[Path, Path, Told]) -> None:
    _, out, _ = made
    heads = set()
    for number in FRAMES:
        spec = OpenImageIO.ImageBuf(str(out / f"shot.cryptomatte.{number}.exr")).spec()
        manifest = next(one.value for one in spec.extra_attribs if one.name.endswith("/manifest"))
        heads.add((spec.channelnames, manifest))
    assert len(heads) == 1
    assert "sm_bird_01" in heads.pop()[1]


def test_progress_counts_the_whole_shot(made: tuple[Path, Path, Told]) -> None:
    events = made[2].events
    finding = [event for event in events if event.stage == "finding"]
    assert {event.total for event in finding} == {COUNT}
    assert [event.done for event in finding] == sorted(event.done for event in finding)
    frames = [event for event in events if event.stage == "frames"]
    assert [event.done for event in frames] == list(range(1, COUNT + 1))
    assert all(event.total == COUNT and event.rate > 0 for event in frames)


@pytest.mark.parametrize("size", [1, 4])
def test_chunks_in_any_order_and_by_many_processes_give_the_same_bytes(
    made: tuple[Path, Path, Told], tmp_path: Path, size: int
) -> None:
    plates, whole, _ = made
    track_files(ByColour(), MatteRequest((plates,), tmp_path), Told())
    starts = list(FRAMES)[::size]
    random.Random(size).shuffle(starts)
    for start in starts:
        last = min(start + size - 1, FRAMES[-1])
        # A new engine each time, as on another machine.
        engine, _ = run(plates, tmp_path, chunk=f"{start}-{last}")
        assert engine.found == []
    collect_files(sm.Settings(**QUICK), MatteRequest((plates,), tmp_path), Told())
    assert digests(tmp_path) == digests(whole)


def test_a_second_run_does_nothing(made: tuple[Path, Path, Told]) -> None:
    plates, out, _ = made
    before = digests(out)
    engine, told = run(plates, out)
    assert (engine.found, engine.solved) == ([], [])
    assert digests(out) == before
    assert sum(event.stage == "frames" for event in told.events) == COUNT


def test_only_frames_near_a_changed_plate_are_made_again(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(plates, out)
    kept = {number: (out / f"shot.matte.{number}.json").stat().st_mtime_ns for number in FRAMES}
    changed = frame(FRAMES[-1])
    changed[:4] = 200
    cv2.imwrite(str(plates.with_name(f"shot.{FRAMES[-1]}.png")), changed)
    run(plates, out)
    again = [
        number for number in FRAMES if (out / f"shot.matte.{number}.json").stat().st_mtime_ns != kept[number]
    ]
    assert FRAMES[-1] in again
    assert FIRST not in again
    assert again == list(range(again[0], FRAMES[-1] + 1))


def test_a_chunk_without_tracks_or_with_others_is_refused(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(errors.TracksError, match="track"):
        run(plates, out, chunk="1001-1002")
    track_files(ByColour(), MatteRequest((plates,), out), Told())
    with pytest.raises(errors.TracksError, match="track"):
        run(plates, out, ByColour(confidence=0.6), chunk="1001-1002")
    with pytest.raises(errors.UsageError, match="2001"):
        run(plates, out, chunk="2001-2002")


def test_a_plate_that_changed_since_is_refused(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    track_files(ByColour(), MatteRequest((plates,), out), Told())
    cv2.imwrite(str(plates.with_name("shot.1003.png")), frame(1004))
    with pytest.raises(errors.PlateError, match=r"Frame 1003 .*another picture"):
        run(plates, out, chunk="1001-1002")
    assert not list(out.glob("shot.mattes.*"))


def test_missing_frames_are_refused_or_left_out_and_named(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plates.with_name("shot.1004.png").unlink()
    plates.with_name("shot.1006.png").write_bytes(b"no picture")
    with pytest.raises(errors.PlateError, match="1004"):
        run(plates, out)
    with pytest.raises(errors.PlateError, match=r"1004"):
        run(plates, out, frames="1001-1005")
    assert not out.exists() or not list(out.iterdir())
    _, told = run(plates, out, ByColour(missing_frames="skip"))
    assert any("1004" in sentence for sentence in told.notices)
    assert any("1006" in sentence and "can't be read" in sentence for sentence in told.notices)
    record = json.loads((out / "shot.matte.json").read_text())
    assert {row["frames"]: row["state"] for row in record["problems"]} == {"1004": "skipped", "1006": "skipped"}
    assert len(list(out.glob("shot.mattes.*.exr"))) == COUNT - 2


def test_an_unreadable_plate_is_refused_with_its_name(plates: Path, tmp_path: Path) -> None:
    plates.with_name("shot.1006.png").write_bytes(b"no picture")
    with pytest.raises(errors.PlateError, match=r"Frame 1006.*--missing-frames skip"):
        run(plates, tmp_path / "out")


def test_a_range_with_a_step(plates: Path, tmp_path: Path) -> None:
    run(plates, tmp_path / "out", frames="1001-1010x3")
    assert sorted(path.name for path in (tmp_path / "out").glob("shot.mattes.*")) == [
        f"shot.mattes.{number}.exr" for number in (1001, 1004, 1007, 1010)
    ]


def test_a_run_that_is_ended_goes_on_where_it_was(made: tuple[Path, Path, Told], tmp_path: Path) -> None:
    plates, whole, told = made
    for share in (0.3, 0.6, 0.9):
        out = tmp_path / str(share)
        ending = Told(end_at=int(share * len(told.events)))
        with pytest.raises(errors.CancelledError):
            matte_files(ByColour(), MatteRequest((plates,), out), ending)
        for path in out.iterdir():
            assert not path.name.startswith("."), "a temporary was left"
        done = {path: path.stat().st_mtime_ns for path in out.glob("shot.matte.*.json")}
        run(plates, out)
        assert all(path.stat().st_mtime_ns == when for path, when in done.items())
        assert digests(out) == digests(whole)


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_it_is_as_if_nothing_happened(plates: Path, tmp_path: Path) -> None:
    """The shell's own command and SIGKILL; `tests/benchmarks/shots.py kills` does so 20 times on 40 frames."""
    hint = tmp_path / "hint.yaml"
    hint.write_text("instances:\n  - {label: ball, box: [6, 20, 34, 48]}\n")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "semantic_matte", "matte", str(plates), "--hint", str(hint)]
    words += ["--estimator", "closed_form", "--passes", "1", "--device", "cpu", "--resume", "-o"]
    began = time.monotonic()
    subprocess.run([*words, str(tmp_path / "peace")], check=True, capture_output=True)
    whole = time.monotonic() - began
    process = subprocess.Popen([*words, str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.8 * whole)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    subprocess.run([*words, str(out)], check=True, capture_output=True)
    assert digests(out) == digests(tmp_path / "peace")
