"""Scripts with the plugin's own node: two writers agree on every byte, and Tcl reads each line."""

from __future__ import annotations

from typing import Any

import pytest

from fake_nuke.emission import whole_script
from node_cases import node_with
from nuke_tcl import emit, load
from nuke_tcl.emission import user_knob_line
from nuke_tcl.user_knobs import read_user_knob


@pytest.mark.parametrize("count", [0, 1, 5, 64])
def test_two_writers_agree_on_every_byte(host: Any, count: int) -> None:
    node_with(*(f"person_{number:02d}" for number in range(1, count + 1)))
    text = whole_script(host)
    script = load(text)
    assert script.errors == []
    assert emit(script) == text
    group = next(node for node in script.nodes if node.is_group)
    lines = [entry.text for entry in group.entries if entry.name == "addUserKnob"]
    assert [user_knob_line(read_user_knob(line)) for line in lines] == lines
    for name, _ in script.layers:
        assert f"{name}.alpha" in text
    assert len([name for name, _ in script.layers if name.startswith("sm_")]) == count


def test_two_nodes_of_which_one_feeds_the_other_agree(host: Any) -> None:
    first, second = node_with("person_01", "dog_01"), node_with("cat_01")
    second.setInput(0, first)
    second.setInput(1, first)
    text = whole_script(host)
    script = load(text)
    assert script.errors == []
    assert emit(script) == text
    later = next(node for node in script.nodes if node.name == second.name())
    assert [source.name if source else None for source in later.inputs] == [first.name(), first.name()]


def test_every_node_inside_hangs_as_in_the_host(host: Any) -> None:
    node = node_with("person_01", "person_02", "dog_01")
    group = next(one for one in load(whole_script(host)).nodes if one.name == node.name())
    assert {child.name for child in group.children} == {inner.name() for inner in node.nodes()}
    for child in group.children:
        live = node.node(child.name)
        found = [live.input(place) for place in range(live.inputs())]
        names = [source.name if source else None for source in child.inputs]
        assert names[: len(found)] == [source.name() if source else None for source in found]
        assert not any(names[len(found) :])
