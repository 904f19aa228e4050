"""Every script that anything of ours writes: a real Tcl reads it and finds the live graph in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node_cases import node_with, ours
from nuke_tcl import ScriptNode, emit, load

AWKWARD = 'Anna\'s "left" [exec ls] {1} $5 \\ 50% # ; Jürgen 花'


def live(nodes: list[Any]) -> dict[str, tuple[str, tuple[str, ...], Any]]:
    """Class, inputs by name, and what is inside, of nodes by name."""
    found = {}
    for node in nodes:
        inputs = [node.input(index) for index in range(node.inputs())]
        inside = live(node.nodes()) if node.Class() == "Group" else {}
        names = [one.name() if one is not None else "" for one in inputs]
        while names and not names[-1]:
            names.pop()
        found[node.name()] = (node.Class(), tuple(names), inside)
    return found


def read(nodes: list[ScriptNode]) -> dict[str, tuple[str, tuple[str, ...], Any]]:
    """The same of what Tcl read."""
    found = {}
    for node in nodes:
        names = [one.knobs["name"] if one is not None else "" for one in node.inputs]
        while names and not names[-1]:
            names.pop()
        found[node.knobs["name"]] = (node.class_name, tuple(names), read(node.children))
    return found


def nothing(host: Any) -> None:
    """An empty script."""


def bare_node(host: Any) -> None:
    import semantic_matte_nuke as sm

    sm.create(host.nuke.nodes.Constant())


def with_results(host: Any) -> None:
    node_with("person_01", "dog_01", "cup_01")


def crowd(host: Any) -> None:
    node_with(*[f"person_{number:02d}" for number in range(1, 65)])


def edited(host: Any) -> None:
    """Renamed, merged, soloed, off; a label of the artist's; values of every kind."""
    node = node_with("person_01", "dog_01", "cup_01")
    actions = ours("instance_actions")
    actions.rename(node, "person_01", AWKWARD)
    actions.merge(node, "cup_01", "dog_01")
    actions.enable(node, "dog_01", False)
    node["label"].setValue(AWKWARD)
    node["find"].setValue(AWKWARD)
    node["output_alpha"].setValue("one")
    node["show"].setValue("overlay")


def two_in_a_group(host: Any) -> None:
    node_with("person_01")
    text = host.script_text()
    group = host.nuke.nodes.Group()
    with group:
        host.nuke.scriptReadText(text)


def baked(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    node.setInput(0, host.nuke.nodes.Constant())
    host.nuke.nodes.Dot().setInput(0, node)
    ours("baking").bake(node)


def copied(host: Any) -> None:
    node = node_with("person_01")
    host.paste(host.copy([node]))


def with_network(host: Any) -> None:
    """The group around the Inference node. Any file stands for the network's: only its name is written."""
    from semantic_matte_nuke import inference_group

    host.nuke.nodes.Constant().setSelected(True)
    inference_group.create(__file__)


CASES: dict[str, Callable[[Any], None]] = {
    one.__name__: one
    for one in (nothing, bare_node, with_results, crowd, edited, two_in_a_group, baked, copied, with_network)
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", [(14, 0), (15, 1), (17, 1)], ids=str)
def test_tcl_reads_what_is_written(
    make_host: Callable[..., Any], case: str, version: tuple[int, int], tmp_path: Path
) -> None:
    host = make_host(version, True)
    CASES[case](host)
    path = tmp_path / "shot.nk"
    host.save(path)
    text = path.read_text(encoding="utf-8")
    script = load(text)
    assert script.errors == []
    # The live graph is in it.
    assert read(script.nodes) == live(host.nuke.allNodes())
    # Written a second way, by other code, it is the same, byte by byte.
    assert emit(script) == text
    # And what is opened is saved the same.
    host.open(path)
    assert host.load_errors == []
    assert host.script_text() == text


def test_the_copy_of_a_node_is_a_script(host: Any) -> None:
    """What Ctrl-C puts on the clipboard."""
    script = load(host.copy([node_with("person_01")]))
    assert script.errors == []
    (node,) = script.nodes
    assert node.class_name == "Group"


def test_the_script_of_the_engines_export(tmp_path: Path) -> None:
    """What `semantic-matte export-cat` writes for CatFileCreator."""
    from semantic_matte.outputs.nuke_cat import write_cat

    text = next(path for path in write_cat(tmp_path, b"", "1.0") if path.suffix == ".nk").read_text("ascii")
    script = load(text)
    assert script.errors == []
    (node,) = script.nodes
    assert node.knobs["torchScriptFile"] == "[file dirname [value root.name]]/semantic_matte.pt"
    again = load(emit(script))
    assert again.errors == []
    assert again.nodes == script.nodes


@pytest.mark.parametrize("text", ["Read {", "Group {\n name a\n}\nend_group\nend_group\n", "push $nobody\n"])
def test_a_broken_script_is_told(text: str) -> None:
    assert load(text).errors != []
