"""The fair queue, the outbox and the loop: small parts of the worker, alone."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.worker import outbox as outbox_module
from semantic_matte.worker.fair_queue import FairQueue
from semantic_matte.worker.job_record import JobRecord, failed_message
from semantic_matte.worker.loop import Loop
from semantic_matte.worker.outbox import Outbox
from semantic_matte_client import protocol


def job(owner: int, number: int, size: int = 1) -> JobRecord:
    return JobRecord(f"{owner}-{number}", "matte", b"x" * size, None, 1, False, owner, "", None)


def names(queue: FairQueue) -> list[str]:
    return [one.identity for one in queue]


def test_owners_take_turns() -> None:
    queue = FairQueue()
    for owner, number in ((1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (2, 2)):
        queue.put(job(owner, number))
    expected = ["1-1", "2-1", "3-1", "1-2", "2-2", "1-3"]
    assert names(queue) == expected
    assert [taken.identity for taken in iter(queue.take, None)] == expected
    assert len(queue) == queue.bytes == 0
    assert queue.take() is None


def test_one_who_had_a_turn_waits_for_the_others() -> None:
    queue = FairQueue()
    for number in range(3):
        queue.put(job(1, number))
    assert queue.take() is not None
    queue.put(job(2, 0))
    assert names(queue) == ["1-1", "2-0", "1-2"]


@pytest.mark.parametrize("owner", [1, 2])
def test_what_does_not_wait_can_not_be_removed(owner: int) -> None:
    queue = FairQueue()
    queue.put(job(1, 1))
    with pytest.raises(ValueError, match=r"wait|not in"):
        queue.remove(job(owner, 1))
    assert len(queue) == 1


def expected_order(waiting: dict[int, list[str]], turns: list[int]) -> list[str]:
    """A plain second implementation: owners in the order of their turns, round and round."""
    rows = {owner: list(waiting[owner]) for owner in turns}
    order = []
    while any(rows.values()):
        order += [rows[owner].pop(0) for owner in turns if rows[owner]]
    return order


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "take", "remove"]), st.integers(0, 3)), max_size=60))
def test_it_is_what_a_plain_round_would_be(steps: list[tuple[str, int]]) -> None:
    queue = FairQueue()
    waiting: dict[int, list[str]] = {}
    turns: list[int] = []
    known: dict[str, JobRecord] = {}
    for count, (step, owner) in enumerate(steps):
        if step == "put":
            new = job(owner, count, size=count + 1)
            known[new.identity] = new
            queue.put(new)
            waiting.setdefault(owner, []).append(new.identity)
            if owner not in turns:
                turns.append(owner)
        elif step == "take":
            order = expected_order(waiting, turns)
            taken = queue.take()
            assert (taken.identity if taken else None) == (order[0] if order else None)
            if taken:
                waiting[taken.owner].remove(taken.identity)
                turns.remove(taken.owner)
                turns.append(taken.owner)
        elif waiting.get(owner):
            queue.remove(known[waiting[owner].pop(len(waiting[owner]) // 2)])
        turns = [one for one in turns if waiting.get(one)]
        order = expected_order(waiting, turns)
        assert names(queue) == order
        assert len(queue) == len(order)
        assert queue.bytes == sum(len(known[name].order) for name in order)


def test_only_the_newest_progress_of_a_job_waits_and_behind_what_came_since() -> None:
    box = Outbox()
    for content, replaces in (
        (b"p1", "a"),
        (b"f1", None),
        (b"q1", "b"),
        (b"p2", "a"),
        (b"f2", None),
        (b"p3", "a"),
    ):
        assert box.put(content, replaces)
    box.close()
    assert list(iter(box.take, None)) == [b"f1", b"q1", b"f2", b"p3"]


def test_too_much_is_refused_and_room_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_WAITING", 10)
    box = Outbox()
    assert box.put(b"x" * 5, "job")
    assert box.put(b"x" * 5)
    assert not box.put(b"x")
    assert box.take() == b"x" * 5
    # What is replaced makes room: it never grows by progress alone.
    for _ in range(20):
        assert box.put(b"y" * 4, "job")


def test_a_closed_outbox_gives_what_waits_or_drops_it() -> None:
    for drop, left in ((False, b"x"), (True, None)):
        box = Outbox()
        box.put(b"x")
        box.close(drop=drop)
        assert box.put(b"late")
        assert box.take() == left
        assert box.take() is None


def test_take_waits_for_what_comes() -> None:
    box = Outbox()
    taken: list[bytes | None] = []
    thread = threading.Thread(target=lambda: taken.extend(iter(box.take, None)))
    thread.start()
    for number in range(5):
        box.put(bytes([number]))
        time.sleep(0.01)
    box.close()
    thread.join(5)
    assert taken == [bytes([number]) for number in range(5)]


def test_the_loop_runs_calls_of_threads_in_order_and_timers_in_time() -> None:
    loop, seen = Loop(), []
    begun = time.monotonic()
    loop.after("late", 0.2, loop.end)
    loop.after("early", 0.1, lambda: seen.append("early"))
    loop.after("replaced", 0.01, lambda: seen.append("never"))
    loop.after("replaced", 0.15, lambda: seen.append("replaced"))
    loop.after("dropped", 0.01, lambda: seen.append("never"))
    loop.forget("dropped")
    loop.forget("unknown")

    def call() -> None:
        for number in range(1000):
            loop.call(seen.append, number)

    thread = threading.Thread(target=call)
    thread.start()
    loop.run()
    thread.join()
    loop.close()
    assert [one for one in seen if isinstance(one, int)] == list(range(1000))
    assert [one for one in seen if isinstance(one, str)] == ["early", "replaced"]
    assert 0.2 <= time.monotonic() - begun < 1
    # There is nobody to hear it any more, which is no error.
    loop.call(seen.append, 0)


def test_calls_that_keep_coming_do_not_hold_up_timers() -> None:
    loop = Loop()

    def again() -> None:
        loop.call(again)

    loop.call(again)
    loop.after("end", 0.05, loop.end)
    begun = time.monotonic()
    loop.run()
    loop.close()
    assert time.monotonic() - begun < 1


def test_a_timer_may_drop_or_set_another_that_is_due() -> None:
    loop, seen = Loop(), []

    def first() -> None:
        seen.append("first")
        loop.forget("second")
        loop.after("third", 0.02, lambda: (seen.append("third anew"), loop.end()))

    loop.after("first", 0.0, first)
    loop.after("second", 0.001, lambda: seen.append("never"))
    loop.after("third", 0.002, lambda: seen.append("never"))
    time.sleep(0.01)
    loop.run()
    loop.close()
    assert seen == ["first", "third anew"]


def test_a_signal_runs_its_action_and_old_ones_come_back() -> None:
    if not hasattr(signal, "SIGUSR1"):
        pytest.skip("no such signals here")
    before = signal.getsignal(signal.SIGUSR1)
    loop = Loop()
    loop.on_signal(signal.SIGUSR1, loop.end)
    loop.after("too late", 5, lambda: pytest.fail("it was not heard"))
    threading.Timer(0.05, lambda: signal.raise_signal(signal.SIGUSR1)).start()
    loop.run()
    loop.close()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("sentence", ["a\0b\nc\x1b[31m", "é" * 5000, "\ud800", ""])
def test_whatever_a_process_printed_fits_a_failure(sentence: str) -> None:
    message = failed_message("0" * 32, "crash", sentence)
    assert protocol.decode(protocol.encode(message, protocol.ANSWERS), protocol.ANSWERS) == message
