"""Cache: where results go, what is cleared, results of elsewhere, the contact sheet, the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_nuke import FakeNuke

from .shown_mattes import FRAMES, SLOT, ShownMattes, write_result


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def comp(host: FakeNuke, plate: Callable[..., str], tmp_path: Path, home: Path) -> ShownMattes:
    return ShownMattes(host, plate(tmp_path / "plates", (8, 8), FRAMES), tmp_path)


def test_results_lie_beside_the_script(comp: ShownMattes) -> None:
    from semantic_matte_nuke import cache_place

    assert cache_place.cache_folder(comp.node) == (comp.root / "shot" / "comp.semantic_matte", "")


def test_an_unsaved_script_has_the_users_folder(host: FakeNuke, home: Path) -> None:
    import semantic_matte_nuke as sm
    from semantic_matte_nuke import cache_place

    folder, notice = cache_place.cache_folder(sm.create())
    assert folder == home / ".nuke" / "semantic_matte_results"
    assert folder.is_dir()
    assert "never saved" in notice
    assert cache_place.is_users_own(folder / "x")
    assert not cache_place.is_users_own(home / ".nuke")


def test_a_named_folder(comp: ShownMattes) -> None:
    from semantic_matte_nuke import cache_place

    knob = comp.node["cache_folder"]
    knob.setValue(f"{comp.root.as_posix()}/named")
    assert cache_place.cache_folder(comp.node) == (comp.root / "named", "")
    knob.setValue("mattes")
    assert cache_place.cache_folder(comp.node) == (comp.root / "shot" / "mattes", "")


def test_a_folder_that_can_not_be_written(comp: ShownMattes) -> None:
    from semantic_matte_client.nodes.result_folders import ResultFolderError
    from semantic_matte_nuke import cache_place

    blocker = comp.root / "file"
    blocker.touch()
    comp.node["cache_folder"].setValue(f"{blocker.as_posix()}/mattes")
    with pytest.raises(ResultFolderError, match="Tools tab"):
        cache_place.cache_folder(comp.node)


def test_clearing_keeps_what_the_script_uses(comp: ShownMattes) -> None:
    from semantic_matte_nuke import cache_actions

    baked, gone = comp.job.with_name("1" * 16), comp.job.with_name("2" * 16)
    for folder in (baked, gone):
        write_result(folder / "main")
    comp.host.nuke.nodes.Read(file=f"{baked.as_posix()}/%V/plate.mattes.%04d.exr")
    comp.host.answers.append(False)
    cache_actions.clear_cache(comp.node)
    assert gone.is_dir()
    comp.host.answers.append(True)
    cache_actions.clear_cache(comp.node)
    assert not gone.exists()
    assert comp.job.is_dir()
    assert baked.is_dir()
    assert "were removed" in comp.host.messages[-1]
    cache_actions.clear_cache(comp.node)
    assert "Nothing to clear" in comp.host.messages[-1]


def test_the_folder_and_the_sheet_open(comp: ShownMattes) -> None:
    from semantic_matte_nuke import cache_actions

    cache_actions.open_cache(comp.node)
    assert Path(comp.host.opened[-1]) == comp.job
    cache_actions.contact_sheet(comp.node)
    assert Path(comp.host.opened[-1]) == comp.job / "main" / "plate.contact.png"
    (comp.job / "main" / "plate.contact.png").unlink()
    with pytest.raises(cache_actions.CacheActionError, match="no contact sheet"):
        cache_actions.contact_sheet(comp.node)


def loaded(comp: ShownMattes, place: Path) -> dict[str, object]:
    """What a new node shows after loading."""
    import semantic_matte_nuke as sm
    from semantic_matte_nuke import cache_actions

    node = sm.create(comp.grade)
    shown = cache_actions.load_results(node, place)
    stored = json.loads(node["semantic_matte_results"].value())
    assert stored == json.loads(shown.as_json())
    for view in shown.views:
        assert all(Path(shown.of_view(view).mattes_file(frame)).is_file() for frame in shown.frames)
    return stored


@pytest.mark.parametrize("what", ["folder", "record", "record of a frame"])
def test_a_shot_of_the_command_line(comp: ShownMattes, what: str) -> None:
    out = comp.root / "mattes of a shell"
    write_result(out, "shot.v2")
    names = {"folder": "", "record": "shot.v2.matte.json", "record of a frame": "shot.v2.matte.1002.json"}
    stored = loaded(comp, out / names[what])
    assert stored["frames"] == "1001-1003"
    assert stored["stem"] == "shot.v2"
    assert [row["slot"] for row in stored["slots"]] == [SLOT]  # type: ignore[attr-defined, index]


def test_a_single_picture_is_held(comp: ShownMattes) -> None:
    write_result(comp.root / "out of a shell", "photo", (None,))
    comp.host.nuke.frame(1002)
    stored = loaded(comp, comp.root / "out of a shell")
    assert (stored["frames"], stored["hold"]) == ("1002", True)


def test_one_frame_of_a_shot_is_held(comp: ShownMattes) -> None:
    write_result(comp.root / "one frame", "shot", (1002,))
    stored = loaded(comp, comp.root / "one frame")
    assert (stored["frames"], stored["hold"]) == ("1002", True)


def test_a_farms_folder_with_views_is_read_where_it_lies(comp: ShownMattes) -> None:
    comp.host.nuke.root()["views"].setValue("left #ff0000\nright #00ff00")
    out = comp.root / "farm"
    for view in ("left", "right"):
        write_result(out / view, "shot")
    for place in (out, out / "left" / "shot.matte.json", out / "right"):
        stored = loaded(comp, place)
        assert stored["folder"] == out.as_posix()
        assert stored["views"] == ["left", "right"]


def test_what_another_node_made(comp: ShownMattes) -> None:
    moved = comp.root / "moved"
    comp.job.rename(moved)
    stored = loaded(comp, moved)
    assert stored["folder"] == moved.as_posix()
    assert stored["frames"] == "1001-1003"


@pytest.mark.parametrize("what", ["nothing", "empty", "two", "another file"])
def test_what_is_no_result(comp: ShownMattes, what: str) -> None:
    import semantic_matte_nuke as sm
    from semantic_matte_client.nodes.result_records import ResultsError
    from semantic_matte_nuke import cache_actions

    place = comp.root / "other"
    if what != "nothing":
        place.mkdir()
    if what == "two":
        write_result(place, "a")
        write_result(place, "b")
    if what == "another file":
        place = place / "notes.json"
        place.write_text("{}", encoding="utf-8")
    node = sm.create()
    with pytest.raises(ResultsError, match="choose"):
        cache_actions.load_results(node, place)
    assert node["semantic_matte_results"].value() == ""


def test_a_record_is_whole_or_none(comp: ShownMattes) -> None:
    from semantic_matte_nuke import source_record

    record = source_record.read(comp.job)
    assert record is not None
    assert record.frames == FRAMES
    assert sorted(path.name for path in comp.job.iterdir()) == ["main", "source.json"]
    (comp.job / "source.json").write_text("{", encoding="utf-8")
    assert source_record.read(comp.job) is None
    assert source_record.read(comp.root / "nowhere") is None
    with pytest.raises(source_record.SourceRecordError, match="can't be written"):
        source_record.write(comp.root / "nowhere", {}, FRAMES, {})
