"""What an artist does to instances, in console and panel: one step of undo, layers and Copies together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node_cases import layers, node_with, ours, titles


@pytest.fixture(params=[(14, 0), (17, 1)], ids=["14.0", "17.1"])
def host(request: pytest.FixtureRequest, make_host: Callable[..., Any]) -> Any:
    """The oldest, whose knobChanged needs an open panel, and the newest, which reports every change."""
    return make_host(request.param, True)


def alpha(node: Any) -> str:
    return str(node.node("SM_Alpha")["expr3"].value())


def step(host: Any) -> str:
    return str(host.nuke.Undo().undoDescribe(0))


def test_a_new_title_renames_layer_copy_and_pulldowns_together(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    steps = host.nuke.Undo().undoSize()
    ours("instance_actions").rename(node, "dog_01", "Rex, der Große")
    assert titles(node) == ["person_01", "Rex, der Große"]
    assert layers(node) == ["sm_person_01", "sm_rex_der_groe"]
    assert layers(node)[1] in host.nuke.layers()
    assert node["instance"].values() == ["person_01", "Rex, der Große"]
    assert node["title_sm_dog_01"].value() == "Rex, der Große"
    assert host.nuke.Undo().undoSize() == steps + 1
    assert step(host) == "Rename dog_01"
    host.undo()
    assert titles(node) == ["person_01", "dog_01"]
    assert layers(node) == ["sm_person_01", "sm_dog_01"]


def test_a_title_that_is_taken_gets_a_number(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    ours("instance_actions").rename(node, "dog_01", "person_01")
    assert titles(node) == ["person_01", "person_01.001"]
    assert len(set(layers(node))) == 2


def test_an_instance_is_meant_by_key_title_layer_or_slot(host: Any) -> None:
    node, actions = node_with("person_01", "dog_01"), ours("instance_actions")
    actions.rename(node, "dog_01", "Rex")
    rows = ours("node_results").rows(node)
    for name in ("sm_dog_01", "Rex", "sm_rex"):
        assert actions.find_row(rows, name).key == "sm_dog_01"
    with pytest.raises(actions.InstanceError, match="no instance 'cat': it has 'person_01', 'Rex'"):
        actions.find_row(rows, "cat")
    with pytest.raises(actions.InstanceError, match="none, generate first"):
        actions.find_row((), "cat")


def test_what_is_off_gives_no_layer_and_no_alpha(host: Any) -> None:
    node, actions = node_with("person_01", "dog_01"), ours("instance_actions")
    actions.enable(node, "person_01", False)
    assert (layers(node), alpha(node)) == (["sm_dog_01"], "clamp(sm_dog_01.alpha)")
    actions.enable(node, "dog_01", False)
    assert (layers(node), alpha(node)) == ([], "0")
    actions.enable(node, "person_01")
    assert layers(node) == ["sm_person_01"]
    assert not node["on_sm_dog_01"].value()


def test_solo_acts_on_alpha_and_overlay_and_not_on_layers(host: Any) -> None:
    node, actions = node_with("person_01", "dog_01"), ours("instance_actions")
    actions.solo(node, "dog_01")
    assert layers(node) == ["sm_person_01", "sm_dog_01"]
    assert alpha(node) == "clamp(sm_dog_01.alpha)"
    assert node.node("SM_Overlay")["temp_expr0"].value() == "clamp(sm_dog_01.alpha)"
    actions.solo(node, "dog_01", False)
    assert alpha(node) == "clamp(sm_person_01.alpha+sm_dog_01.alpha)"


def test_merging_sums_with_clamp_and_separating_gives_both_back(host: Any) -> None:
    node, actions = node_with("person_01", "bag_01", "dog_01"), ours("instance_actions")
    before = layers(node)
    actions.merge(node, "bag_01", "person_01")
    merge = node.node("SM_Merge_1")
    assert merge["channel0"].value() == "sm_person_01.alpha"
    assert merge["expr0"].value() == "clamp(sm_person_01.alpha+sm_bag_01.alpha)"
    assert layers(node) == ["sm_person_01", "sm_dog_01"]
    with pytest.raises(actions.InstanceError, match="is merged into 'person_01' already"):
        actions.merge(node, "person_01", "bag_01")
    with pytest.raises(actions.InstanceError, match="into itself"):
        actions.merge(node, "dog_01", "dog_01")
    actions.separate(node, "bag_01")
    assert layers(node) == before
    assert node.node("SM_Merge_1") is None
    with pytest.raises(actions.InstanceError, match="not merged"):
        actions.separate(node, "bag_01")


def test_reset_puts_all_back(host: Any) -> None:
    node, actions = node_with("person_01", "bag_01", "dog_01"), ours("instance_actions")
    before = (titles(node), layers(node), alpha(node))
    actions.rename(node, "person_01", "Anna")
    actions.merge(node, "bag_01", "Anna")
    actions.solo(node, "dog_01")
    actions.enable(node, "dog_01", False)
    actions.reset(node)
    assert (titles(node), layers(node), alpha(node)) == before
    assert step(host) == "Reset Instances"


def test_what_changes_nothing_makes_no_step(host: Any) -> None:
    node = node_with("person_01")
    steps = host.nuke.Undo().undoSize()
    ours("instance_actions").enable(node, "person_01", True)
    assert host.nuke.Undo().undoSize() == steps


def test_the_panel_does_what_the_console_does(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    host.change(node, "title_sm_dog_01", "Rex")
    host.change(node, "on_sm_person_01", False)
    assert titles(node) == ["person_01", "Rex"]
    assert layers(node) == ["sm_rex"]
    host.change(node, "on_sm_person_01", True)
    host.change(node, "solo_sm_person_01", True)
    assert alpha(node) == "clamp(sm_person_01.alpha)"


def test_a_title_that_is_refused_is_put_right_in_the_panel(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    host.change(node, "title_sm_dog_01", "person_01")
    assert node["title_sm_dog_01"].value() == "person_01.001"
    host.change(node, "title_sm_dog_01", "  ")
    assert node["title_sm_dog_01"].value() == "dog_01"


def test_merge_buttons_take_what_the_pulldowns_say(host: Any) -> None:
    node = node_with("person_01", "bag_01", "dog_01")
    host.change(node, "merge_from", "bag_01")
    host.change(node, "merge_into", "person_01")
    host.click(node, "merge_instances")
    assert layers(node) == ["sm_person_01", "sm_dog_01"]
    host.click(node, "separate_instances")
    assert layers(node) == ["sm_person_01", "sm_bag_01", "sm_dog_01"]
    host.change(node, "merge_into", "bag_01")
    host.click(node, "merge_instances")
    assert "into itself" in host.messages[-1]
    host.click(node, "reset_instances")
    assert titles(node) == ["person_01", "bag_01", "dog_01"]


def test_one_instance_can_be_the_alpha(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    assert not node["instance"].enabled()
    host.change(node, "output_alpha", "one")
    assert alpha(node) == "clamp(sm_person_01.alpha)"
    assert node["instance"].enabled()
    host.change(node, "instance", "dog_01")
    assert alpha(node) == "clamp(sm_dog_01.alpha)"
    # A merged one shows the sum that it is a part of.
    ours("instance_actions").merge(node, "dog_01", "person_01")
    assert alpha(node) == "clamp(sm_person_01.alpha)"
    host.change(node, "output_alpha", "all")
    assert alpha(node) == "clamp(sm_person_01.alpha)"


def test_quality_and_its_controls_follow_each_other(host: Any) -> None:
    node = node_with()
    host.change(node, "quality", "fine hair")
    assert [node[name].value() for name in ("passes", "samples", "dilation_outer")] == [6, 9, 0.12]
    host.change(node, "passes", 7)
    assert node["quality"].value() == "custom"
    host.change(node, "passes", 6)
    assert node["quality"].value() == "fine hair"


def test_nothing_is_chosen_where_nothing_was_found(host: Any) -> None:
    node = node_with()
    host.change(node, "output_alpha", "one")
    host.click(node, "merge_instances")
    assert "none, generate first" in host.messages[-1]
