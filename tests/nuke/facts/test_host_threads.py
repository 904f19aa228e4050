"""Which thread may call what, and what the main thread's queue does with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from fake_nuke import ThreadError


@pytest.fixture
def host(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None)


def elsewhere(call: Callable[[], Any]) -> Any:
    """Run it in another thread; what it raises is raised here."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append((True, call()))
        except BaseException as error:
            result.append((False, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    good, value = result[0]
    if not good:
        raise value
    return value


@pytest.mark.parametrize(
    "call",
    [
        lambda nuke, node: nuke.allNodes(),
        lambda nuke, node: nuke.root(),
        lambda nuke, node: nuke.message("x"),
        lambda nuke, node: nuke.frame(),
        lambda nuke, node: nuke.nodes.Dot(),
        lambda nuke, node: node.name(),
        lambda nuke, node: node["label"],
        lambda nuke, node: nuke.Undo.begin(),
        lambda nuke, node: nuke.Int_Knob("x"),
        lambda nuke, node: nuke.Layer("x", ["x.a"]),
        lambda nuke, node: nuke.addOnCreate(print),
        lambda nuke, node: nuke.menu("Nodes"),
    ],
)
def test_a_forbidden_call_off_the_main_thread_fails(host: Any, call: Any) -> None:
    node = host.nuke.nodes.NoOp()
    with pytest.raises(ThreadError, match="off the main thread"):
        elsewhere(lambda: call(host.nuke, node))
    assert len(host.thread_errors) == 1
    host.thread_errors.clear()


def test_knobs_are_guarded_too(host: Any) -> None:
    knob = host.nuke.nodes.NoOp()["label"]
    with pytest.raises(ThreadError):
        elsewhere(knob.value)
    host.thread_errors.clear()


def test_what_is_allowed_elsewhere(host: Any) -> None:
    def call() -> None:
        task = host.nuke.ProgressTask("working")
        task.setMessage("half")
        task.setProgress(50)
        assert not task.isCancelled()
        host.nuke.tprint("from there")

    elsewhere(call)
    assert host.printed == ["from there"]
    assert [task._progress for task in host.progress_tasks] == [50]


def test_queued_calls_run_when_the_main_thread_gets_to_it(host: Any) -> None:
    made: list[Any] = []
    elsewhere(
        lambda: host.nuke.executeInMainThread(lambda name: made.append(host.nuke.nodes.Dot(name=name)), "A")
    )
    assert made == []
    assert host.pump(lambda: made, 10)
    assert made[0].name() == "A"


def test_with_result_waits_and_gives_none_where_it_raised(host: Any) -> None:
    results: list[Any] = []

    def ask() -> None:
        results.append(host.nuke.executeInMainThreadWithResult(lambda: host.nuke.nodes.Dot().name()))
        results.append(host.nuke.executeInMainThreadWithResult(lambda: 1 / 0))

    thread = threading.Thread(target=ask)
    thread.start()
    assert host.pump(lambda: len(results) == 2, 10)
    thread.join()
    assert results == ["Dot1", None]
    assert "ZeroDivisionError" in host.callback_errors[0]
    host.callback_errors.clear()


def test_both_would_hang_on_the_main_thread(host: Any) -> None:
    with pytest.raises(ThreadError, match="would hang"):
        host.nuke.executeInMainThreadWithResult(lambda: 1)
    with pytest.raises(ThreadError, match="would hang"):
        host.nuke.executeInMainThread(lambda: 1)


def test_there_is_no_loop_in_a_terminal(make_host: Any) -> None:
    host = make_host((15, 1), False, plugin=None)
    with pytest.raises(ThreadError, match="no loop"):
        elsewhere(lambda: host.nuke.executeInMainThread(lambda: 1))


def test_cancel_is_not_polled_in_a_loop_of_the_main_thread(host: Any) -> None:
    task = host.nuke.ProgressTask("working")

    def loop() -> None:
        for _ in range(100):
            task.isCancelled()

    with pytest.raises(ThreadError, match="polled in a loop"):
        loop()
    elsewhere(lambda: [host.progress_tasks[0].isCancelled() for _ in range(100)])


def test_the_newest_progress_task_takes_its_title_alone(make_host: Any) -> None:
    with pytest.raises(TypeError):
        make_host((17, 1), True, plugin=None).nuke.ProgressTask("title", "more")
    make_host((16, 0), True, plugin=None).nuke.ProgressTask("title", "more")


def test_wrong_types_are_refused(host: Any) -> None:
    task = host.nuke.ProgressTask("x")
    for call in (lambda: task.setMessage(1), lambda: task.setProgress(0.5), lambda: host.nuke.ProgressTask()):
        with pytest.raises(TypeError):
            call()
