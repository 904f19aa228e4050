"""Titles, labels and paths with any signs go through a saved script, which a real Tcl reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_nuke import FakeNuke
from node_cases import layers, node_with, ours, results, titles

PLUGIN = Path(__file__).parent.parent.parent / "nuke_plugin"
# No script holds a lone surrogate, and of control characters only those that are named below.
signs = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
nasty = st.sampled_from(
    ['"', "\\", "{", "}", "[exec ls]", "$x", ";", "#", "\n", "\t", "'", "end_group", "%s", "ä安"]
)
texts = st.lists(st.one_of(signs, nasty), max_size=4).map("".join)
folders = texts.map(lambda text: "/shots/" + "".join(sign for sign in text if sign not in "#%[\n\t\\"))


@pytest.fixture(scope="module")
def nuke_host() -> Any:
    with FakeNuke() as host:
        host.start(PLUGIN)
        yield host


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=texts, label=texts, find=texts, folder=folders)
def test_any_text_outlives_saving(nuke_host: Any, title: str, label: str, find: str, folder: str) -> None:
    from nuke_tcl import emit, load

    nuke_host.clear()
    node = node_with("person_01", "dog_01", folder=folder)
    ours("instance_actions").rename(node, "dog_01", title)
    node["label"].setValue(label)
    node["find"].setValue(find)
    before = (titles(node), layers(node), ours("node_results").shown_results(node))
    text = nuke_host.script_text()
    script = load(text)
    assert script.errors == []
    assert load(emit(script)) == script
    nuke_host.clear()
    nuke_host.nuke.scriptReadText(text)
    assert nuke_host.load_errors == []
    (opened,) = ours("node_finding").all_nodes()
    assert (titles(opened), layers(opened), ours("node_results").shown_results(opened)) == before
    assert opened["label"].value() == label
    assert opened["find"].value() == find
    assert opened["title_sm_dog_01"].value() == before[0][1]
    assert opened.node("SM_Result")["file"].value() == f"{folder}/%V/plate.mattes.%04d.exr"


def test_what_is_saved_is_what_is_saved_again(host: Any, tmp_path: Path) -> None:
    node_with("person_01", "dog_01")
    text = host.script_text()
    host.clear()
    host.nuke.scriptReadText(text)
    assert host.script_text() == text


def test_two_nodes_with_the_same_deeds_are_the_same_but_for_identity(host: Any) -> None:
    def made() -> str:
        host.clear()
        node = node_with("person_01", "dog_01", "cup_01")
        ours("node_knobs").set_identity(node, "0" * 32)
        ours("instance_actions").merge(node, "cup_01", "dog_01")
        ours("node_results").apply_results(node, results("dog_01", "cup_01"), "Mattes")
        return str(host.script_text())

    assert made() == made()
