"""Menus: what is there, what it does, and the entry of the network only where its file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_nuke import FakeNuke

NETWORK = "Nodes/Semantic Matte/Semantic Matte Network"


def press(host: FakeNuke, path: str) -> None:
    """Choose an entry as an artist does."""
    menu, _, rest = path.partition("/")
    host.nuke.menu(menu).findItem(rest).invoke()


def test_what_is_there(each_version: FakeNuke) -> None:
    assert each_version.menu_items() == [
        *(
            f"Nuke/Semantic Matte/{name}"
            for name in (
                *("Create", "Generate Frame", "Generate Range", "Farm Check", "Troubleshoot", "Copy Log"),
                "Documentation",
            )
        ),
        "Nodes/Semantic Matte/Semantic Matte",
    ]


def test_a_node_is_made_behind_the_selected_one(host: FakeNuke) -> None:
    read = host.nuke.nodes.Constant()
    read.setSelected(True)
    press(host, "Nodes/Semantic Matte/Semantic Matte")
    (node,) = (one for one in host.nuke.allNodes("Group") if one.knob("semantic_matte"))
    assert node.input(0).name() == read.name()


def test_generating_needs_a_selected_node(host: FakeNuke) -> None:
    press(host, "Nuke/Semantic Matte/Generate Frame")
    assert "No Semantic Matte node is selected" in host.messages[-1]


def test_generating_says_what_is_wrong(host: FakeNuke) -> None:
    press(host, "Nuke/Semantic Matte/Create")
    press(host, "Nuke/Semantic Matte/Generate Frame")
    assert "Nothing flows into the Source input" in host.messages[-1]


def test_farm_check_of_a_script_without_nodes(host: FakeNuke) -> None:
    press(host, "Nuke/Semantic Matte/Farm Check")
    assert host.messages[-1] == "The script has no Semantic Matte node."


def test_the_manual_opens(host: FakeNuke) -> None:
    press(host, "Nuke/Semantic Matte/Documentation")
    assert Path(host.opened[-1]).name == "README.md"
    assert Path(host.opened[-1]).is_file()


def test_the_network_is_there_where_its_file_is(
    make_host: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = tmp_path / "semantic_matte.cat"
    cat.write_bytes(b"cat")
    for named in (cat, tmp_path):
        monkeypatch.setenv("SEMANTIC_MATTE_CAT", str(named))
        assert NETWORK in make_host().menu_items()  # type: ignore[operator]
    cat.unlink()
    assert NETWORK not in make_host().menu_items()  # type: ignore[operator]
