"""Before a render and on the way to a farm: missing and outdated mattes are told with their frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_nuke import FakeNuke

from .shown_mattes import FRAMES, ShownMattes


@pytest.fixture
def make_comp(plate: Callable[..., str], tmp_path: Path) -> Callable[[FakeNuke], ShownMattes]:
    """A comp in a host."""

    def make(host: FakeNuke) -> ShownMattes:
        return ShownMattes(host, plate(tmp_path / "plates", (8, 8), FRAMES), tmp_path)

    return make


@pytest.fixture
def comp(host: FakeNuke, make_comp: Callable[[FakeNuke], ShownMattes]) -> ShownMattes:
    return make_comp(host)


def problems(comp: ShownMattes, frames: tuple[int, ...] = FRAMES, views: tuple[str, ...] = ("main",)) -> Any:
    from semantic_matte_nuke import render_check

    return render_check.problems(comp.node, frames, views)


def _rewrite_plate(comp: ShownMattes) -> None:
    path = Path(comp.read["file"].value() % 1002)
    path.write_bytes(path.read_bytes() + b"more")


STALE: dict[str, tuple[Callable[[ShownMattes], object], str, int | None]] = {
    "a value upstream": (lambda comp: comp.grade["multiply"].setValue(3), "the node Grade1 changed", 1001),
    "a setting": (
        lambda comp: comp.node["confidence"].setValue(0.9),
        "the settings changed (confidence)",
        1001,
    ),
    "a plate": (_rewrite_plate, "plate.1002.exr changed on disk", 1002),
    "nothing connected": (lambda comp: comp.node.setInput(0, None), "no longer flows into it", None),
}


def test_all_is_well(comp: ShownMattes) -> None:
    assert problems(comp) == []
    comp.render()
    assert sorted(path.name for path in (comp.root / "out").iterdir()) == [
        f"out.{frame}.exr" for frame in FRAMES
    ]


@pytest.mark.parametrize("what", STALE)
def test_what_is_out_of_date(comp: ShownMattes, what: str) -> None:
    change, words, frame = STALE[what]
    change(comp)
    (found,) = problems(comp)
    assert words in found.sentence
    assert found.sentence.startswith("'SemanticMatte1' shows mattes")
    assert found.frame == frame
    with pytest.raises(RuntimeError, match="SemanticMatte1"):
        comp.render()


@pytest.mark.parametrize("change", ["label", "name", "place", "device"])
def test_what_is_no_change(comp: ShownMattes, change: str) -> None:
    if change == "label":
        comp.grade["label"].setValue("new")
    elif change == "name":
        comp.grade.setName("Other")
    elif change == "place":
        comp.grade.setXYpos(1, 2)
    else:
        comp.node["device"].setValue("cpu")
    assert problems(comp) == []


def test_a_lost_frame_ends_the_render_there(comp: ShownMattes) -> None:
    comp.matte(1002).unlink()
    (found,) = problems(comp)
    assert (found.frame, found.view) == (1002, "main")
    assert comp.matte(1002).as_posix() in found.sentence
    with pytest.raises(RuntimeError, match="at frame 1002: 'SemanticMatte1' has lost the mattes of frame 1002"):
        comp.render()
    assert [path.name for path in (comp.root / "out").iterdir()] == ["out.1001.exr"]


def test_a_frame_that_was_never_generated(comp: ShownMattes) -> None:
    (found,) = problems(comp, (1003, 1004))
    assert found.frame == 1004
    assert "it was generated for 1001-1003" in found.sentence
    assert "Missing Frames" in found.sentence


def test_missing_frames_may_go_on(comp: ShownMattes) -> None:
    comp.node["missing_frames"].setValue("black")
    comp.matte(1002).unlink()
    comp.render()
    assert any("has lost the mattes of frame 1002" in line for line in comp.host.printed)
    assert len(list((comp.root / "out").iterdir())) == 3


def test_only_what_the_write_shows_counts(comp: ShownMattes) -> None:
    comp.matte(1002).unlink()
    comp.write.setInput(0, comp.grade)
    comp.render()
    comp.write.setInput(0, comp.node)
    comp.node["disable"].setValue(True)
    comp.render()


def test_a_node_without_results_ends_nothing(comp: ShownMattes) -> None:
    import semantic_matte_nuke as sm

    comp.write.setInput(0, sm.create(comp.grade))
    comp.render()


def test_a_node_in_a_group_is_found(comp: ShownMattes) -> None:
    nuke = comp.host.nuke
    comp.matte(1002).unlink()
    group = nuke.nodes.Group()
    with group:
        inside = nuke.nodes.Input()
        write = nuke.nodes.Write(file=f"{comp.root.as_posix()}/out/in.%04d.exr", file_type="exr")
        write.setInput(0, inside)
        nuke.nodes.Output().setInput(0, write)
    group.setInput(0, comp.node)
    (comp.root / "out").mkdir(exist_ok=True)
    with pytest.raises(RuntimeError, match="frame 1002"):
        comp.host.render(write, 1001, 1003)


def test_a_retimed_node_is_asked_for_its_own_frame(comp: ShownMattes) -> None:
    offset = comp.host.nuke.nodes.TimeOffset(time_offset=1)
    offset.setInput(0, comp.node)
    comp.write.setInput(0, offset)
    comp.matte(1003).unlink()
    comp.render(1002, 1003)
    with pytest.raises(RuntimeError, match=r"at frame 1004.*mattes of frame 1003"):
        comp.render(1004, 1004)


def test_a_terminal_checks_too(terminal: FakeNuke, make_comp: Callable[[FakeNuke], ShownMattes]) -> None:
    comp = make_comp(terminal)
    comp.matte(1003).unlink()
    with pytest.raises(RuntimeError, match="frame 1003"):
        comp.render()


def test_a_fault_of_the_check_ends_no_render(
    comp: ShownMattes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from semantic_matte_nuke import render_check

    def fails() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(render_check, "before_frame_render", fails)
    comp.render()
    assert "a bug" in capsys.readouterr().err


def test_farm_check_names_what_is_missing(comp: ShownMattes, monkeypatch: pytest.MonkeyPatch) -> None:
    from semantic_matte_nuke import farm_check

    # The test's own folders are temporary ones, which a farm check tells of.
    monkeypatch.setattr(farm_check, "is_local", lambda path: False)
    comp.host.save(comp.root / "shot" / "comp.nk")
    assert farm_check.report(comp.node) == (
        "'SemanticMatte1' is ready for the farm. Renders need neither the plugin nor the engine."
    )
    comp.grade["label"].setValue("new")
    assert "not saved" in farm_check.report(comp.node)
    for frame in (1002, 1003):
        comp.matte(frame).unlink()
    Path(comp.read["file"].value() % 1001).unlink()
    said = farm_check.report_of_all()
    assert said.startswith("The script is not ready for the farm:")
    assert "no mattes of frames 1002,1003" in said
    assert "plate.1001.exr', which is not there" in said


def test_farm_check_knows_local_folders(comp: ShownMattes) -> None:
    from semantic_matte_nuke import farm_check

    said = farm_check.report(comp.node)
    assert "on this machine alone" in said
    assert not farm_check.is_local("/mnt/show/shot/comp.nk")
