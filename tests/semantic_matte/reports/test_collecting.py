"""The end of a shot: what its record says of the frames that lie there, and what its sheet shows."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semantic_matte.collecting import collect
from semantic_matte.errors import CancelledError, OutputError, PlateError, UsageError
from semantic_matte.outputs.sheet_pictures import object_colour
from semantic_matte.outputs.shot_record_model import ShotRecord
from semantic_matte.settings import Settings
from semantic_matte.shot_survey import survey_shot
from semantic_matte.types import Box, Plate

MakeShot = Callable[..., Any]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_whole_shot_is_told_in_its_record(shot) -> None:
    frames = range(1001, 1013)
    shot.write(
        frames,
        absent={"sm_ball_01": [1001, 1002, 1012]},
        carried={"sm_ball_01": [1006, 1007]},
        flicker=lambda slot, number: (
            {1001: None, 1005: 0.25}.get(number, 0.01) if slot == "sm_dog_01" else None
        ),
        spread=lambda slot, number: 0.5 if (slot, number) == ("sm_ball_01", 1008) else 0.125,
        notices={1003: ["a note"], 1004: ["a note"]},
    )
    done = shot.collect(frames, cuts=[1009, 4000], notices=["of the shot", "of the shot"])
    record = shot.record()
    assert done.failures == ()
    assert done.failure == ""
    assert done.record == ShotRecord.model_validate_json(json.dumps(record))
    assert [path.name for path in done.files] == ["shot.contact.png", "shot.matte.json"]
    assert (record["frames"], record["whole"], record["problems"]) == ("1001-1012", "1001-1012", [])
    assert (record["size"], record["cuts"], record["seed"]) == ([64, 36], [1009], 0)
    dog, ball = record["slots"]
    assert (dog["found"], dog["carried"], dog["absent"]) == ("1001-1012", "", "")
    assert (ball["found"], ball["carried"]) == ("1003-1005,1008-1011", "1006,1007")
    assert ball["absent"] == "1001,1002,1012"
    assert dog["flicker"] == {"mean": round((0.25 + 10 * 0.01) / 11, 6), "worst": 0.25, "worst_frame": 1005}
    assert ball["flicker"] is None
    assert ball["spread"] == {"mean": round((0.5 + 8 * 0.125) / 9, 6), "worst": 0.5, "worst_frame": 1008}
    assert dog["score"] == ball["score"] == 0.75
    assert dog["area"] == pytest.approx(np.pi * 64, rel=0.02)
    patterns = {row["kind"]: row["pattern"] for row in record["files"]}
    assert patterns == {
        "layers": "shot.mattes.####.exr",
        "cryptomatte": "shot.cryptomatte.####.exr",
        "sidecar": "shot.matte.####.json",
    }
    assert record["cryptomatte"] == {"name": "SemanticMatte"}
    assert record["notices"] == [
        {"frames": "", "text": "of the shot"},
        {"frames": "1003,1004", "text": "a note"},
    ]
    assert [model["name"] for model in record["models"]] == ["starter"]
    assert record["settings"]["passes"] == 2


def test_pngs_are_told_by_slot_and_numbers_keep_their_zeros(make_shot: MakeShot) -> None:
    shot = make_shot(settings=Settings(png=True, cryptomatte=False), digits=5)
    shot.write([7, 8])
    shot.collect([7, 8])
    rows = [(row["kind"], row["slot"], row["pattern"]) for row in shot.record()["files"]]
    assert rows == [
        ("layers", None, "shot.mattes.#####.exr"),
        ("png", "sm_dog_01", "shot.sm_dog_01.#####.png"),
        ("png", "sm_ball_01", "shot.sm_ball_01.#####.png"),
        ("sidecar", None, "shot.matte.#####.json"),
    ]
    assert shot.record()["cryptomatte"] is None


def test_the_same_results_give_the_same_bytes_wherever_they_lie(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot()
    shot.write(range(1, 6))
    shutil.copytree(shot.folder, tmp_path / "elsewhere")
    shot.collect(range(1, 6))
    other = make_shot(folder=tmp_path / "elsewhere")
    # In another order, and over an earlier record.
    other.collect([1, 2])
    other.collect([5, 3, 1, 2, 4, 4])
    assert contents(other.folder) == contents(shot.folder)


DAMAGES: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "no sidecar": (lambda shot: shot.path("matte", 3, "json").unlink(), "missing", "no result"),
    "no layers": (
        lambda shot: shot.path("mattes", 3, "exr").unlink(),
        "failed",
        "'shot.mattes.0003.exr' is missing",
    ),
    "half a sidecar": (
        lambda shot: shot.path("matte", 3, "json").write_bytes(
            shot.path("matte", 3, "json").read_bytes()[:200]
        ),
        "failed",
        "damaged, or of another version",
    ),
    "a bit flipped": (
        lambda shot: flip(shot.path("mattes", 3, "exr")),
        "failed",
        "was changed since it was written",
    ),
    "cut short": (
        lambda shot: shot.path("cryptomatte", 3, "exr").write_bytes(b"x"),
        "failed",
        "has another size",
    ),
    "a link": (lambda shot: to_link(shot.path("mattes", 3, "exr")), "failed", "can't be read"),
    "another frame's sidecar": (
        lambda shot: shutil.copy(shot.path("matte", 2, "json"), shot.path("matte", 3, "json")),
        "failed",
        "is the record of frame 2",
    ),
    "another frame's files": (
        lambda shot: replace_text(shot.path("matte", 3, "json"), "mattes.0003", "mattes.0002"),
        "failed",
        "'shot.mattes.0002.exr', which is no file of this frame",
    ),
    "an impossible area": (
        lambda shot: replace_text(shot.path("matte", 3, "json"), '"alpha_area": ', '"alpha_area": 9999'),
        "failed",
        "larger than its plate",
    ),
    "twice": (
        lambda shot: shutil.copy(shot.path("matte", 3, "json"), shot.folder / "shot.matte.3.json"),
        "failed",
        "are both this frame",
    ),
}


def flip(path: Path) -> None:
    stored = bytearray(path.read_bytes())
    stored[-1] ^= 1
    path.write_bytes(stored)


def to_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def replace_text(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_frame_is_named_with_the_reason_and_ends_nothing(shot, damage: str) -> None:
    shot.write(range(1, 6))
    change, state, said = DAMAGES[damage]
    change(shot)
    done = shot.collect(range(1, 6))
    record = shot.record()
    assert record["whole"] == "1,2,4,5"
    (problem,) = record["problems"]
    assert (problem["frames"], problem["state"]) == ("3", state)
    assert said in problem["reason"]
    assert [one.frame for one in done.failures] == [3]
    assert "1 frame has no result" in done.failure
    assert problem["reason"] in done.failure
    assert all("3" not in slot["found"].split(",") for slot in record["slots"])


def test_frames_that_were_skipped_are_no_failures_and_known_reasons_are_told(shot) -> None:
    shot.write([1, 2, 5])
    done = shot.collect(
        range(1, 6), skipped={3: "Its plate is missing."}, reasons={4: "Its plate is damaged.", 5: "It failed."}
    )
    rows = [(row["frames"], row["state"], row["reason"]) for row in shot.record()["problems"]]
    assert rows == [
        ("3", "skipped", "Its plate is missing."),
        ("4", "failed", "Its plate is damaged."),
        ("5", "failed", "It failed."),
    ]
    assert [one.frame for one in done.failures] == [4, 5]
    assert "plate is missing" not in done.failure


def test_frames_of_another_run_are_stale(make_shot: MakeShot) -> None:
    shot = make_shot()
    shot.write(range(1, 8))
    make_shot(settings=Settings(passes=3, find=["dog"])).write([2])
    make_shot(slots=(("sm_dog_01", "dog"), ("sm_cat_01", "cat"))).write([4])
    make_shot(slots=(("sm_dog_01", "hound"), ("sm_ball_01", "ball"))).write([5])
    make_shot(slots=(("sm_ball_01", "ball"), ("sm_dog_01", "dog"))).write([6])
    done = shot.collect(range(1, 8))
    said = {row["frames"]: (row["state"], row["reason"]) for row in shot.record()["problems"]}
    assert {state for state, _ in said.values()} == {"stale"}
    assert "find dog in place of none, passes 3 in place of 2" in said["2"][1]
    assert "lacks sm_ball_01 and has sm_cat_01 besides" in said["4"][1]
    assert "other labels" in said["5"][1]
    assert "another order" in said["6"][1]
    assert shot.record()["whole"] == "1,3,7"
    assert len(done.failures) == 4


def test_the_slots_that_are_asked_for_decide_what_is_stale(make_shot: MakeShot) -> None:
    shot = make_shot()
    shot.write([1, 2, 3])
    renamed = make_shot(slots=(("sm_dog_01", "dog"), ("sm_cat_01", "cat")))
    renamed.write([4])
    done = renamed.collect(range(1, 5), slots=["sm_dog_01", "sm_cat_01"])
    assert done.survey.whole == (4,)
    assert [one.state for one in done.failures] == ["stale"] * 3
    done = renamed.collect(range(1, 5), slots=["sm_bird_01"])
    assert done.survey.whole == ()
    assert "lacks sm_bird_01" in done.failures[0].reason


def test_of_two_halves_the_earlier_is_the_measure(make_shot: MakeShot) -> None:
    make_shot().write([1, 2])
    make_shot(settings=Settings(passes=5)).write([3, 4])
    assert make_shot().collect(range(1, 5)).survey.whole == (1, 2)


def test_a_shot_without_any_result_has_a_record_and_no_sheet(shot) -> None:
    done = shot.collect([5, 6, 7])
    record = shot.record()
    assert [path.name for path in done.files] == ["shot.matte.json"]
    assert (record["whole"], record["slots"], record["size"], record["settings_hash"]) == ("", [], None, None)
    assert record["problems"] == [{"frames": "5-7", "reason": "There is no result of it.", "state": "missing"}]


def test_without_objects_there_is_a_sheet_too(make_shot: MakeShot) -> None:
    shot = make_shot(slots=())
    shot.write([1, 2])
    assert shot.collect([1, 2]).failures == ()
    with Image.open(shot.folder / "shot.contact.png") as sheet:
        assert sheet.width == 1280


def test_no_sheet_is_written_where_none_is_asked_for(make_shot: MakeShot) -> None:
    shot = make_shot(settings=Settings(contact_sheet=False))
    shot.write([1])
    shot.collect([1])
    assert shot.record()["contact"] is None
    assert not (shot.folder / "shot.contact.png").exists()


def test_a_name_that_looks_like_an_expression_is_only_a_name(make_shot: MakeShot) -> None:
    shot = make_shot(name="a+(b).[c]")
    shot.write([1, 2])
    other = make_shot(name="aab.c")
    other.write([3])
    assert shot.collect([1, 2, 3]).survey.whole == (1, 2)
    assert shot.record()["files"][0]["pattern"] == "a+(b).[c].mattes.####.exr"


def test_negative_numbers(shot) -> None:
    shot.write([-3, -2, -1, 0])
    assert shot.collect([-3, -2, -1, 0]).failures == ()
    assert shot.record()["frames"] == "-3-0"


def test_the_sheet_does_without_a_plate_that_cannot_be_read(shot) -> None:
    shot.write([1, 2])

    def read(number: int) -> Plate:
        if number == 2:
            raise PlateError("The plate is gone.")
        return shot.plate(number)

    collect(shot.folder, "shot", [1, 2], read, shot.settings)
    assert [row["text"] for row in shot.record()["notices"]] == [
        "The contact sheet shows frame 2 without its plate: The plate is gone."
    ]
    collect(shot.folder, "shot", [1, 2], None, shot.settings)
    assert shot.record()["notices"] == []


@pytest.mark.parametrize("origin", [(0, 0), (-7, 5)])
def test_mattes_stand_where_they_are_in_the_plate(make_shot: MakeShot, origin: tuple[int, int]) -> None:
    shot = make_shot(data_window=Box(origin[0], origin[1], origin[0] + 64, origin[1] + 36))
    shot.write([1])
    shot.collect([1])
    with Image.open(shot.folder / "shot.contact.png") as sheet:
        pixels = np.asarray(sheet)
    # A plate of 64 x 36 is enlarged twice: its mattes are the second of three pictures of 128 x 72.
    left = (1280 - 128) // 2
    mattes = pixels[92 + 34 + 72 + 4 :][:72, left : left + 128].astype(int)
    for index, x in enumerate((16, 44)):
        colour = np.array(object_colour(index))
        assert np.abs(mattes[36, 2 * x] - np.rint(colour * 255 / colour.max())).max() <= 1
    assert mattes[36, 60].max() <= 40
    assert mattes[2].max() == 0


def test_an_end_asked_for_leaves_the_old_record(shot) -> None:
    shot.write([1, 2])
    shot.collect([1])
    before = contents(shot.folder)

    class Ending:
        def advance(self, event: object) -> None:
            raise CancelledError("Ended.")

        def notice(self, message: str) -> None:
            """Nothing to show."""

    with pytest.raises(CancelledError):
        shot.collect([1, 2], progress=Ending())
    assert contents(shot.folder) == before


def test_a_shot_of_no_frames_is_none(shot) -> None:
    with pytest.raises(UsageError, match="has no frames"):
        shot.collect([])


def test_a_folder_that_is_none(shot, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="expected the folder of the results"):
        survey_shot(tmp_path / "nowhere", "shot", [1])


def test_memory_does_not_grow_with_the_frames(shot) -> None:
    """Some numbers of each frame are kept, not its record: thousands of bytes each. The sheet has its own
    bound."""
    shot.write(range(1, 3))
    source = {kind: shot.path(*kind).read_bytes() for kind in (("mattes", 1, "exr"), ("cryptomatte", 1, "exr"))}
    sidecar = shot.path("matte", 1, "json").read_text(encoding="utf-8")
    for number in range(3, 201):
        for (what, _, ending), content in source.items():
            shot.path(what, number, ending).write_bytes(content)
        text = sidecar.replace(".0001.", f".{number:04d}.").replace('"frame": 1,', f'"frame": {number},')
        shot.path("matte", number, "json").write_text(text, encoding="utf-8")

    def peak(frames: range) -> int:
        tracemalloc.start()
        survey = survey_shot(shot.folder, "shot", frames)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert survey.whole == tuple(frames)
        return most

    peak(range(1, 21))
    few, many = peak(range(1, 21)), peak(range(1, 201))
    assert (many - few) / 180 < 1500
