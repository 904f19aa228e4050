"""The inside after results: linked as planned, the same when rebuilt, one step of undo, no lost titles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node_cases import inside, layers, node_with, ours, results, titles


@pytest.fixture(params=[(14, 0), (17, 1)], ids=["14.0", "17.1"])
def host(request: pytest.FixtureRequest, make_host: Callable[..., Any]) -> Any:
    """The oldest, whose knobChanged needs an open panel, and the newest, which reports every change."""
    return make_host(request.param, True)


def test_every_inner_node_is_linked_as_planned(each_version: Any) -> None:
    node = node_with("person_01", "person_02", "dog_01", "cup_01", "cup_02")
    ours("instance_actions").merge(node, "person_02", "person_01")
    rows, shown = ours("node_results").rows(node), ours("node_results").shown_results(node)
    plan = ours("group_plan").planned(rows, shown, "", {})
    there = inside(node)
    for planned in plan.nodes:
        assert there.pop(planned.name) == (planned.class_name, list(planned.inputs))
        inner = node.node(planned.name)
        for name, value in planned.values.items():
            assert inner[name].value() == value, f"{planned.name}.{name}"
        for name, text in planned.expressions.items():
            assert text in inner[name].toScript(False, None)
    assert there == {
        "Source": ("Input", []),
        "Hint": ("Input", []),
        "SM_Source": ("Dot", ["Source"]),
        "Output": ("Output", ["SM_Show"]),
    }


def test_rebuilding_again_changes_nothing(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    before, steps = host.script_text(), host.nuke.Undo().undoSize()
    ours("node_building").rebuild(node)
    assert host.script_text() == before
    assert host.nuke.Undo().undoSize() == steps


def test_a_damaged_inside_is_mended(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    before = inside(node)
    for name in ("SM_Copy_1", "SM_Source", "Output", "SM_Show"):
        host.nuke.delete(node.node(name))
    ours("node_building").rebuild(node)
    assert inside(node) == before


def test_what_an_artist_put_inside_stays(host: Any) -> None:
    node = node_with("person_01")
    with node:
        note = host.nuke.nodes.StickyNote()
        note.setName("mine")
    ours("node_results").apply_results(node, results("dog_01"), "Mattes")
    assert node.node("mine") is not None


def test_a_result_is_one_named_step_that_undo_takes_back(host: Any) -> None:
    node = node_with("person_01")
    before, steps = host.script_text(), host.nuke.Undo().undoSize()
    shown = results("person_01", "person_02", "dog_01", folder="/other")
    ours("node_results").apply_results(node, shown, "Semantic Matte: mattes of 1001-1002")
    assert host.nuke.Undo().undoSize() == steps + 1
    assert host.nuke.Undo().undoDescribe(0) == "Semantic Matte: mattes of 1001-1002"
    assert ours("node_results").shown_results(node) == shown
    assert layers(node) == ["sm_person_01", "sm_person_02", "sm_dog_01"]
    host.undo()
    assert layers(node) == ["sm_person_01"]
    assert titles(node) == ["person_01"]
    ours("node_results").refresh_panel(node)
    # Layers stay known to Nuke once they were made.
    assert _without_layers(host.script_text()) == _without_layers(before)


def _without_layers(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("add_layer")]


def test_titles_switches_and_merges_outlive_a_new_result(host: Any) -> None:
    node, actions = node_with("person_01", "person_02", "dog_01", "cup_01"), ours("instance_actions")
    actions.rename(node, "person_01", "Anna")
    actions.enable(node, "dog_01", False)
    actions.merge(node, "cup_01", "person_02")
    ours("node_results").apply_results(node, results("dog_01", "person_01", "car_01"), "Mattes")
    rows = {row.title: row for row in ours("node_results").rows(node)}
    assert list(rows) == ["Anna", "person_02", "dog_01", "cup_01", "car_01"]
    assert not rows["dog_01"].enabled
    # Absent ones stay because they were merged or merged into, and give no layer.
    assert [rows[name].present for name in ("person_02", "cup_01")] == [False, False]
    assert layers(node) == ["sm_anna", "sm_car_01"]


def test_an_absent_instance_that_nobody_touched_goes(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    ours("node_results").apply_results(node, results("dog_01"), "Mattes")
    assert titles(node) == ["dog_01"]
    assert not [name for name in node.knobs() if name.endswith("_sm_person_01")]


def test_the_chosen_instance_stays_chosen(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    host.change(node, "output_alpha", "one")
    host.change(node, "instance", "dog_01")
    assert node.node("SM_Alpha")["expr3"].value() == "clamp(sm_dog_01.alpha)"
    ours("node_results").apply_results(node, results("cat_01", "person_01", "dog_01"), "Mattes")
    assert node["instance"].value() == "dog_01"
    ours("node_results").apply_results(node, results("cat_01"), "Mattes")
    assert node["instance"].value() == "dog_01"
    assert node.node("SM_Alpha")["expr3"].value() == "0"


def test_a_layer_of_the_plate_is_never_written_over(host: Any) -> None:
    nuke = host.nuke
    first = node_with("person_01")
    # What flows in has the layer: asked of the plate itself, whoever made it.
    nuke.Layer("sm_dog_01", ["sm_dog_01.alpha"])
    plate = nuke.nodes.Constant()
    for one in nuke.allNodes():
        one.setSelected(False)
    second = ours("node_making").create(nuke.nodes.Copy(inputs=[plate, plate], to0="sm_dog_01.alpha"))
    ours("node_results").apply_results(second, results("person_01", "dog_01"), "Mattes")
    assert layers(first) == ["sm_person_01"]
    assert layers(second) == ["sm_person_01", "sm_dog_01_2"]


def test_a_layer_that_lacks_the_channel_gets_it(host: Any) -> None:
    host.nuke.Layer("sm_person_01", ["sm_person_01.red"])
    node = node_with("person_01")
    assert layers(node) == ["sm_person_01"]
    assert "sm_person_01.alpha" in host.nuke.channels()


def test_a_folder_that_no_read_can_name_changes_nothing(host: Any) -> None:
    node = node_with("person_01")
    before = host.script_text()
    with pytest.raises(ours("group_plan").GroupPlanError):
        ours("node_results").apply_results(node, results("dog_01", folder="/a#b"), "Mattes")
    assert host.script_text() == before


def test_building_64_instances_asks_nuke_in_proportion(host: Any) -> None:
    """Twice the instances, about twice the nodes and knobs that are touched: nothing grows by its square."""
    counts = []
    for number in (32, 64):
        made = _calls(host, [f"person_{index:02d}" for index in range(number)])
        counts.append(made)
    assert counts[1] < 2.6 * counts[0]


def _calls(host: Any, names: list[str]) -> int:
    """How often the plugin calls a method of a node or knob while it shows a result."""
    import sys

    node = node_with()
    plugin, count = ours("host").__file__.rpartition("/")[0], 0

    def traced(frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        caller = frame.f_back
        if (
            event == "call"
            and caller is not None
            and caller.f_code.co_filename.startswith(plugin)
            and "fake_nuke" in frame.f_code.co_filename
        ):
            count += 1

    sys.setprofile(traced)
    try:
        ours("node_results").apply_results(node, results(*names), "Mattes")
    finally:
        sys.setprofile(None)
    assert len(layers(node)) == len(names)
    return count
