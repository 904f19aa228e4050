"""Every button has its deed; what goes wrong is a sentence, a fault of ours has its traceback too."""

from __future__ import annotations

from typing import Any

import pytest

from node_cases import node_with, ours


def test_every_button_of_the_panel_has_its_deed(host: Any) -> None:
    node = node_with()
    buttons = {name for name, knob in node.knobs().items() if knob.Class() == "PyScript_Knob"}
    assert buttons == set(ours("buttons")._BUTTONS)


def test_an_error_of_ours_is_one_dialog(host: Any) -> None:
    node = node_with("person_01")
    host.click(node, "separate_instances")
    assert host.messages == ["'person_01' is not merged into another instance."]


def test_a_fault_is_told_with_its_traceback(
    host: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_node: Any) -> None:
        raise KeyError("a slip")

    monkeypatch.setattr(ours("instance_actions"), "reset", broken)
    host.click(node_with(), "reset_instances")
    assert "fault of the plugin (KeyError: 'a slip')" in host.messages[-1]
    assert "in broken" in capsys.readouterr().err


def test_a_part_that_is_missing_says_to_install_again(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_with()
    monkeypatch.setitem(__import__("sys").modules, "semantic_matte_nuke.instance_actions", None)
    monkeypatch.delattr(__import__("semantic_matte_nuke"), "instance_actions", raising=False)
    host.click(node, "reset_instances")
    assert "install nuke" in host.messages[-1]


def test_without_the_plugin_the_button_says_what_to_do(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_with()
    monkeypatch.setitem(__import__("sys").modules, "semantic_matte_nuke.buttons", None)
    host.click(node, "generate_frame")
    assert host.messages == [
        "The Semantic Matte plugin is not installed here: run 'semantic-matte install nuke' in a shell and "
        "restart Nuke. The comp renders without it."
    ]


def test_cancel_says_where_nothing_runs(host: Any) -> None:
    node = node_with()
    host.click(node, "cancel")
    assert host.messages == ["Nothing is being generated for 'SemanticMatte1'."]


def test_in_a_terminal_nobody_is_shown_a_dialog(terminal: Any) -> None:
    node = node_with("person_01")
    terminal.click(node, "separate_instances")
    assert terminal.messages == []
    assert any("not merged" in line for line in terminal.printed)
