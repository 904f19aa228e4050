"""What flows into a node, described: what changes the description, and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_nuke import FakeNuke

from .shown_mattes import FRAMES, write_result


class Graph:
    """A small graph over a real plate: Read, Grade, the node, and a Blur beside it and one below it."""

    def __init__(self, host: FakeNuke, pattern: str) -> None:
        import semantic_matte_nuke as sm

        nodes = host.nuke.nodes
        self.host = host
        self.read = nodes.Read(file=pattern, first=FRAMES[0], last=FRAMES[-1])
        self.grade = nodes.Grade(multiply=2)
        self.grade.setInput(0, self.read)
        self.node = sm.create(self.grade)
        self.beside = nodes.Blur()
        self.beside.setInput(0, self.read)
        self.below = nodes.Blur()
        self.below.setInput(0, self.node)

    def described(self, frames: tuple[int, ...] = FRAMES, **more: Any) -> dict[str, Any]:
        """What flows into the node."""
        from semantic_matte_nuke import upstream

        return upstream.describe(self.node, frames, ("main",), **more)


@pytest.fixture
def graph(host: FakeNuke, plate: Callable[..., str], tmp_path: Path) -> Graph:
    return Graph(host, plate(tmp_path / "plates", (8, 8), FRAMES))


def digest(description: dict[str, Any]) -> str:
    from semantic_matte_client.nodes import fingerprints

    return fingerprints.digest(json.loads(json.dumps(description)))


def changed(before: dict[str, Any], after: dict[str, Any]) -> str:
    from semantic_matte_nuke import source_record

    return source_record.difference(json.loads(json.dumps(before)), after)


def _keyed(graph: Graph) -> None:
    graph.grade["multiply"].setAnimated()
    graph.grade["multiply"].setValueAt(3, 1001)


def _rewritten(graph: Graph) -> None:
    path = Path(graph.read["file"].value() % 1002)
    path.write_bytes(path.read_bytes() + b"more")


def _inserted(graph: Graph) -> None:
    crop = graph.host.nuke.nodes.Crop()
    crop.setInput(0, graph.read)
    graph.grade.setInput(0, crop)


CHANGES: dict[str, tuple[Callable[[Graph], object], str]] = {
    "a value": (lambda graph: graph.grade["multiply"].setValue(3), "the node Grade changed"),
    "an animation": (_keyed, "the node Grade changed"),
    "an expression": (
        lambda graph: graph.grade["multiply"].setExpression("frame/1000"),
        "the node Grade changed",
    ),
    "a disabled node": (lambda graph: graph.grade["disable"].setValue(True), "the node Grade changed"),
    "another node": (_inserted, "other nodes lead to it now"),
    "a node less": (lambda graph: graph.node.setInput(0, graph.read), "other nodes lead to it now"),
    "a file on disk": (_rewritten, "plate.1002.exr changed on disk"),
    "a file that is gone": (
        lambda graph: Path(graph.read["file"].value() % 1002).unlink(),
        "plate.1002.exr is gone from disk",
    ),
    "the Read's colour": (lambda graph: graph.read["raw"].setValue(True), "the node Read changed"),
    "the project's colour": (
        lambda graph: graph.host.nuke.root()["workingSpaceLUT"].setValue("sRGB"),
        "the root changed",
    ),
    "a shift in time": (lambda graph: _shift(graph), "the reads changed"),
}


def _shift(graph: Graph) -> None:
    graph.read["frame_mode"].setValue("offset")
    graph.read["frame"].setValue("1")


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_it(graph: Graph, what: str) -> None:
    before = graph.described()
    change, words = CHANGES[what]
    change(graph)
    after = graph.described()
    assert digest(after) != digest(before)
    assert changed(before, after) == words


UNCHANGING: dict[str, Callable[[Graph], object]] = {
    "a place": lambda graph: graph.grade.setXYpos(300, 400),
    "a label": lambda graph: graph.grade["label"].setValue("brighter"),
    "a name": lambda graph: graph.grade.setName("Brighter"),
    "a tile's colour": lambda graph: graph.grade["tile_color"].setValue(0xFF0000FF),
    "a selection": lambda graph: graph.grade.setSelected(True),
    "a node beside": lambda graph: graph.beside["size"].setValue(20),
    "a node below": lambda graph: graph.below["size"].setValue(20),
    "the node's own controls": lambda graph: graph.node["confidence"].setValue(0.9),
    "the node's name": lambda graph: graph.node.setName("Matte"),
    "another frame": lambda graph: graph.host.nuke.frame(1003),
    "a longer plate": lambda graph: graph.read["last"].setValue(1050),
    "a touched file": lambda graph: Path(graph.read["file"].value() % 1002).touch(),
    "a Viewer": lambda graph: graph.host.nuke.nodes.Viewer().setInput(0, graph.grade),
}


@pytest.mark.parametrize("what", UNCHANGING)
def test_what_does_not_change_it(graph: Graph, what: str) -> None:
    before = graph.described()
    UNCHANGING[what](graph)
    assert digest(graph.described()) == digest(before)
    assert changed(before, graph.described()) == ""


def test_saved_and_opened_it_is_the_same(graph: Graph, tmp_path: Path) -> None:
    from semantic_matte_nuke import node_finding, upstream

    graph.grade["multiply"].setExpression("1.5 + frame/1000")
    before = graph.described()
    graph.host.save(tmp_path / "script.nk")
    graph.host.open(tmp_path / "script.nk")
    (node,) = node_finding.all_nodes()
    after = upstream.describe(node, FRAMES, ("main",))
    assert after == before


def test_plates_that_were_moved_as_they_were_are_the_same(graph: Graph, tmp_path: Path) -> None:
    before = graph.described()
    (tmp_path / "plates").rename(tmp_path / "elsewhere")
    graph.read["file"].setValue(f"{tmp_path.as_posix()}/elsewhere/plate.%04d.exr")
    assert digest(graph.described()) == digest(before)


def test_one_frame_is_compared_with_all(graph: Graph) -> None:
    before = graph.described()
    assert changed(before, graph.described((1001,), known=before)) == ""
    _rewritten(graph)
    assert changed(before, graph.described((1001,), known=before)) == ""
    assert changed(before, graph.described((1002,), known=before)) == "plate.1002.exr changed on disk"


def test_a_node_that_an_expression_names_counts_and_its_name_does_not(graph: Graph) -> None:
    control = graph.host.nuke.nodes.NoOp(name="Control")
    control.addKnob(graph.host.nuke.Double_Knob("gain"))
    control.addKnob(graph.host.nuke.Double_Knob("other"))
    control["gain"].setValue(2)
    graph.grade["multiply"].setExpression("Control.gain")
    before = graph.described()
    control["other"].setValue(5)
    control["label"].setValue("the gain")
    assert graph.described() == before
    control["gain"].setValue(3)
    assert changed(before, graph.described()) == "the named changed"


def test_a_group_is_looked_into(graph: Graph) -> None:
    nuke = graph.host.nuke
    group = nuke.nodes.Group()
    with group:
        inside = nuke.nodes.Input()
        blur = nuke.nodes.Blur(size=3)
        blur.setInput(0, inside)
        unused = nuke.nodes.Blur(size=4)
        unused.setInput(0, inside)
        nuke.nodes.Output().setInput(0, blur)
    group.setInput(0, graph.grade)
    graph.node.setInput(0, group)
    before = graph.described()
    assert [row["kind"] for row in before["nodes"]] == ["Group", "Output", "Blur", "Input", "Grade", "Read"]
    unused["size"].setValue(9)
    assert graph.described() == before
    blur["size"].setValue(9)
    assert changed(before, graph.described()) == "the node Blur changed"


def test_retimed_plates_are_those_that_are_shown(graph: Graph) -> None:
    nuke = graph.host.nuke
    offset = nuke.nodes.TimeOffset(time_offset=1)
    offset.setInput(0, graph.read)
    graph.grade.setInput(0, offset)
    assert graph.described((1003,))["reads"] == {"main": {"1003": ["plate.1002.exr"]}}
    held = nuke.nodes.FrameHold(first_frame=1001)
    held.setInput(0, graph.read)
    graph.grade.setInput(0, held)
    assert graph.described((1003,))["reads"] == {"main": {"1003": ["plate.1001.exr"]}}


def test_each_view_has_its_files(graph: Graph, plate: Callable[..., str], tmp_path: Path) -> None:
    from semantic_matte_nuke import upstream

    graph.host.nuke.root()["views"].setValue("left #ff0000\nright #00ff00")
    for view in ("left", "right"):
        plate(tmp_path / view, (8, 8), FRAMES)
    graph.read["file"].setValue(f"{tmp_path.as_posix()}/%V/plate.%04d.exr")
    described = upstream.describe(graph.node, (1001,), ("left", "right"))
    assert sorted(described["files"]) == ["plate.1001.exr (left)", "plate.1001.exr (right)"]
    assert all("digest" in row for row in described["files"].values())


def test_what_can_not_be_generated_from(graph: Graph) -> None:
    from semantic_matte_nuke import upstream

    nuke = graph.host.nuke
    assert upstream.refusal(graph.node, ("main",)) == ""
    assert "no view 'left'" in upstream.refusal(graph.node, ("left",))
    graph.node.setInput(0, nuke.nodes.Dot())
    assert "nothing is connected to it" in upstream.refusal(graph.node, ("main",))
    group = nuke.nodes.Group(name="Prep")
    with group:
        nuke.nodes.Output().setInput(0, nuke.nodes.Input(name="plate"))
    graph.node.setInput(0, group)
    assert "ends at 'Prep.plate', an input of a group" in upstream.refusal(graph.node, ("main",))
    graph.node.setInput(0, None)
    assert "Nothing flows into the Source input" in upstream.refusal(graph.node, ("main",))


def test_what_is_still(graph: Graph, tmp_path: Path) -> None:
    from semantic_matte_nuke import upstream

    assert not upstream.is_still(graph.node)
    graph.read["file"].setValue(f"{tmp_path.as_posix()}/plates/plate.1001.exr")
    assert upstream.is_still(graph.node)
    graph.grade["multiply"].setExpression("2 * 3")
    assert upstream.is_still(graph.node)
    graph.grade["multiply"].setExpression("frame")
    assert not upstream.is_still(graph.node)
    graph.grade["multiply"].clearAnimated()
    assert upstream.is_still(graph.node)
    roto = graph.host.nuke.nodes.Roto() if hasattr(graph.host.nuke.nodes, "Roto") else None
    if roto is not None:
        graph.node.setInput(0, roto)
        assert not upstream.is_still(graph.node)


def test_a_plain_read_is_found_through_what_changes_nothing(graph: Graph) -> None:
    from semantic_matte_nuke import upstream

    assert upstream.plain_read(graph.node) is None
    graph.grade["disable"].setValue(True)
    found = upstream.plain_read(graph.node)
    assert found is not None
    assert found.name() == graph.read.name()
    assert upstream.plate_pattern(found, 1001, "main") == graph.read["file"].value()
    _shift(graph)
    assert upstream.plain_read(graph.node) is None


def test_describing_changes_nothing_of_the_script(graph: Graph, tmp_path: Path) -> None:
    graph.host.save(tmp_path / "a.nk")
    graph.described()
    assert not graph.host.nuke.root().modified()
    graph.host.save(tmp_path / "b.nk")
    texts = [(tmp_path / name).read_text(encoding="utf-8").replace(name, "") for name in ("a.nk", "b.nk")]
    assert texts[0] == texts[1]


def test_a_node_of_ours_further_up_counts_by_its_files(graph: Graph, tmp_path: Path) -> None:
    """Whatever frame Nuke stands at: the range of its Reads is an expression of the frame."""
    import semantic_matte_nuke as sm
    from semantic_matte_nuke import cache_actions, upstream

    write_result(tmp_path / "made elsewhere")
    cache_actions.load_results(graph.node, tmp_path / "made elsewhere")
    second = sm.create(graph.node)
    described = upstream.describe(second, FRAMES, ("main",))
    assert "plate.mattes.1002.exr" in {name.partition(" (")[0] for name in described["files"]}
    assert not any("missing" in row for row in described["files"].values())
    graph.host.nuke.frame(1900)
    graph.node["status"].setValue("something else")
    graph.node["confidence"].setValue(0.9)
    assert upstream.describe(second, FRAMES, ("main",)) == described
    graph.node["show"].setValue("alpha")
    assert upstream.describe(second, FRAMES, ("main",)) != described
