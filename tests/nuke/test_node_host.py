"""The small things that every part asks of Nuke: undo, what is put back, sentences, progress, threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from node_cases import ours


def test_a_group_of_changes_is_one_step_with_a_name(host: Any) -> None:
    undo, helpers = host.nuke.Undo(), ours("host")
    grade, other = host.nuke.nodes.Grade(), host.nuke.nodes.Grade()
    steps = undo.undoSize()
    with helpers.undo_group("Two"), helpers.undo_group("inner"):
        grade["mix"].setValue(0.25)
        other["mix"].setValue(0.5)
    assert undo.undoSize() == steps + 1
    assert undo.undoDescribe(0) == "Two"
    host.undo()
    assert (grade["mix"].value(), other["mix"].value()) == (1.0, 1.0)


def test_what_fails_half_way_is_taken_back(host: Any) -> None:
    undo, helpers = host.nuke.Undo(), ours("host")
    grade = host.nuke.nodes.Grade()
    steps = undo.undoSize()

    def fails() -> None:
        with helpers.undo_group("Never"), helpers.undo_group("inner"):
            grade["mix"].setValue(0.25)
            raise KeyError("x")

    with pytest.raises(KeyError):
        fails()
    assert grade["mix"].value() == 1.0
    assert undo.undoSize() == steps
    with helpers.undo_group("Later"):
        grade["mix"].setValue(0.25)
    assert undo.undoDescribe(0) == "Later"


def test_changes_without_undo_make_no_step(host: Any) -> None:
    grade = host.nuke.nodes.Grade()
    steps = host.nuke.Undo().undoSize()
    with ours("host").without_undo():
        grade["mix"].setValue(0.25)
    assert host.nuke.Undo().undoSize() == steps
    grade["mix"].setValue(0.75)
    assert host.nuke.Undo().undoSize() == steps + 1


def test_the_artists_state_is_put_back(host: Any, tmp_path: Any) -> None:
    nuke = host.nuke
    one, two = nuke.nodes.Constant(), nuke.nodes.Constant()
    one.setSelected(True)
    nuke.frame(7)
    host.save(tmp_path / "a.nk")

    def changes() -> None:
        with ours("host").kept_state():
            two.setSelected(True)
            one.setSelected(False)
            nuke.frame(50)
            nuke.root()["proxy"].setValue(True)
            raise KeyError("x")

    steps = nuke.Undo().undoSize()
    with pytest.raises(KeyError):
        changes()
    assert [node.name() for node in nuke.selectedNodes()] == [one.name()]
    assert nuke.frame() == 7
    assert not nuke.root()["proxy"].value()
    assert not nuke.root().modified()
    assert nuke.Undo().undoSize() - steps <= 4


def test_sentences_go_where_somebody_looks(host: Any) -> None:
    helpers = ours("host")
    helpers.say("One.")
    helpers.tell("Two.")
    assert host.printed[-1].strip() == "Semantic Matte: One."
    assert host.messages == ["Two."]
    log = ours("session_log").text()
    assert "One." in log
    assert "Two." in log
    host.answers.append(False)
    assert helpers.ask("Really?") is False


def test_a_terminal_prints_and_asks_nobody(terminal: Any, capsys: pytest.CaptureFixture[str]) -> None:
    helpers = ours("host")
    assert not helpers.is_gui()
    helpers.tell("Two.")
    assert terminal.messages == []
    assert terminal.printed[-1].strip() == "Semantic Matte: Two."
    assert helpers.ask("Really?") is True
    bar = helpers.progress("Generate")
    bar.set(0.341, "frame 1001")
    bar.set(0.342, "frame 1001")
    bar.set(2.0, "done")
    bar.close()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("progress")]
    assert lines == ["progress 34% frame 1001", "progress 100% done"]
    assert bar.cancelled() is False


def test_a_progress_bar_in_every_version(each_version: Any) -> None:
    bar = ours("host").progress("Generate")
    (task,) = each_version.progress_tasks
    bar.set(0.5, "half")
    assert ours("host").version() in [(14, 0), (15, 0), (15, 1), (16, 0), (17, 1)]
    assert task is not None
    bar.close()
    bar.set(0.6, "closed ones stay silent")


def test_another_thread_hands_on_without_waiting(host: Any, capsys: pytest.CaptureFixture[str]) -> None:
    helpers, done = ours("host"), []

    def work() -> None:
        helpers.in_main_thread(lambda: done.append(threading.get_ident()))
        helpers.in_main_thread(lambda: done.append(1 // 0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == []
    host.pump(until=lambda: "fault of the plugin" in "".join(host.printed), seconds=20)
    assert done == [threading.get_ident()]
    assert "ZeroDivisionError" in capsys.readouterr().err
    helpers.in_main_thread(lambda: done.append(2))
    assert done[-1] == 2


def test_paths_and_frames_of_the_script(host: Any, tmp_path: Any) -> None:
    helpers = ours("host")
    assert helpers.script_path() == ""
    host.save(tmp_path / "a.nk")
    assert helpers.script_path() == str(tmp_path / "a.nk")
    assert helpers.forward("C:\\a\\b") == "C:/a/b"
    host.nuke.root()["first_frame"].setValue(1001)
    host.nuke.root()["last_frame"].setValue(1050)
    assert helpers.root_frames() == (1001, 1050)
    assert helpers.views() == ("main",)
