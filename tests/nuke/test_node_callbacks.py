"""What Nuke calls: copies get an identity of their own, scripts open, labels are drawn; nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node_cases import inside, layers, node_with, ours, results, titles


@pytest.fixture(params=[(14, 0), (17, 1)], ids=["14.0", "17.1"])
def host(request: pytest.FixtureRequest, make_host: Callable[..., Any]) -> Any:
    """The oldest, whose knobChanged needs an open panel, and the newest, which reports every change."""
    return make_host(request.param, True)


@pytest.fixture
def nuke(host: Any) -> Any:
    """Nuke with the plugin's callbacks, as its init.py registers them."""
    ours("callbacks").register()
    return host.nuke


def identity(node: Any) -> str:
    return str(node["semantic_matte_identity"].value())


def test_a_pasted_copy_is_another_node_that_shows_the_same(host: Any, nuke: Any) -> None:
    plate = nuke.nodes.Constant()
    plate.setSelected(True)
    node = node_with("person_01", "dog_01")
    ours("instance_actions").rename(node, "dog_01", "Rex")
    text = host.copy([node])
    copy = next(one for one in host.paste(text) if ours("node_finding").is_ours(one))
    assert identity(copy) != identity(node)
    assert len(identity(copy)) == 32
    assert titles(copy) == ["person_01", "Rex"]
    assert inside(copy) == inside(node)
    ours("node_results").apply_results(copy, results("cat_01", folder="/other"), "Mattes")
    assert titles(node) == ["person_01", "Rex"]
    assert layers(node) == ["sm_person_01", "sm_rex"]
    # Nothing was asked of the graph while it was pasted.
    assert not host.dropped_inputs


def test_undo_of_a_deletion_brings_the_same_node_back(host: Any, nuke: Any) -> None:
    node = node_with("person_01")
    before = identity(node)
    nuke.delete(node)
    host.undo()
    assert [identity(one) for one in ours("node_finding").all_nodes()] == [before]


def test_a_script_is_opened_as_it_was_saved(host: Any, nuke: Any, tmp_path: Any) -> None:
    nodes = [node_with("person_01"), node_with("dog_01", "dog_02")]
    before = [(identity(node), titles(node), inside(node)) for node in nodes]
    host.save(tmp_path / "a.nk")
    text = host.script_text()
    host.open(tmp_path / "a.nk")
    opened = ours("node_finding").all_nodes()
    assert sorted((identity(node), titles(node), inside(node)) for node in opened) == sorted(before)
    assert host.script_text() == text
    assert not nuke.root().modified()


def test_opening_is_silent_about_nodes_of_this_version(host: Any, nuke: Any, tmp_path: Any) -> None:
    node_with("person_01")
    host.save(tmp_path / "a.nk")
    said = len(host.printed)
    host.open(tmp_path / "a.nk")
    assert host.printed[said:] == []
    assert host.messages == []


def test_the_label_says_what_is_shown_and_keeps_the_artists(host: Any, nuke: Any) -> None:
    node = node_with()
    assert host.autolabel(node) == "SemanticMatte1\nno mattes yet"
    ours("node_results").apply_results(node, results("person_01", "dog_01", "dog_02"), "Mattes")
    assert host.autolabel(node) == "SemanticMatte1\n3 mattes, 1001,1002"
    node["label"].setValue("hero <b>shot</b>")
    assert host.autolabel(node) == "SemanticMatte1\n3 mattes, 1001,1002\nhero <b>shot</b>"
    ours("node_results").apply_results(node, results("cat_01", frames=(7,), hold=True), "Mattes")
    assert host.autolabel(node).splitlines()[1] == "1 matte, held"
    node["semantic_matte_results"].setValue("{")
    assert "damaged" in host.autolabel(node)
    assert node["label"].value() == "hero <b>shot</b>"


def test_other_nodes_are_labelled_by_nuke(host: Any, nuke: Any) -> None:
    assert ours("node_callbacks").autolabel() is None
    group = nuke.nodes.Group()
    assert "mattes" not in (host.autolabel(group) or "")


def test_without_the_client_nuke_labels_the_node_itself(
    host: Any, nuke: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = node_with("person_01")
    monkeypatch.setitem(__import__("sys").modules, "semantic_matte_client.nodes.frame_spans", None)
    assert "matte" not in (host.autolabel(node) or "")
    assert capsys.readouterr().err == ""


def test_the_panel_says_what_is_stored_after_an_undo(host: Any, nuke: Any) -> None:
    node = node_with("person_01")
    ours("node_results").apply_results(node, results("person_01", "dog_01"), "Mattes")
    host.undo()
    node.hideControlPanel()
    steps = nuke.Undo().undoSize()
    node.showControlPanel()
    assert not [name for name in node.knobs() if name.endswith("_sm_dog_01")]
    assert node["instance"].values() == ["person_01"]
    assert nuke.Undo().undoSize() == steps


def test_damaged_values_are_told_and_what_is_inside_goes_on(host: Any, nuke: Any, tmp_path: Any) -> None:
    node = node_with("person_01", "dog_01")
    before = inside(node)
    node["semantic_matte_rows"].setValue("[{")
    host.save(tmp_path / "a.nk")
    host.open(tmp_path / "a.nk")
    node = ours("node_finding").all_nodes()[0]
    assert inside(node) == before
    assert "damaged" in node["status"].value()
    assert any("damaged" in line for line in host.printed)
    host.change(node, "output_alpha", "one")
    assert inside(node) == before
    # A new result mends it.
    ours("node_results").apply_results(node, results("cat_01"), "Mattes")
    assert titles(node) == ["cat_01"]


def test_faults_of_ours_are_printed_and_never_raised(
    host: Any, nuke: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_node: Any) -> None:
        raise KeyError("a slip")

    node = node_with("person_01")
    monkeypatch.setattr(ours("node_building"), "rebuild", broken)
    host.change(node, "output_alpha", "one")
    assert "a slip" in capsys.readouterr().err
    assert host.callback_errors == []


def test_looking_at_the_panel_changes_nothing_in_the_script(host: Any, nuke: Any) -> None:
    for node in (node_with(), node_with("person_01", "dog_01")):
        node.hideControlPanel()
        before = host.script_text()
        node.showControlPanel()
        assert host.script_text() == before
