"""Reading ahead and writing behind: order, limits, errors, and nothing left running."""

from __future__ import annotations

import threading
import time

import pytest

from semantic_matte.overlapped import ReadAhead, WriteBehind


def threads_of(prefix: str) -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(prefix)]


def test_items_come_in_order_and_each_once() -> None:
    with ReadAhead(lambda key: key * key, range(50), ahead=3) as ahead:
        assert list(ahead) == [(key, key * key) for key in range(50)]
    assert threads_of("reading") == []


def test_no_more_than_asked_for_are_made_ahead() -> None:
    made: list[int] = []
    with ReadAhead(made.append, range(20), ahead=2) as ahead:
        taking = iter(ahead)
        for key in range(5):
            assert next(taking)[0] == key
            deadline = time.monotonic() + 5
            while len(made) < key + 3 and time.monotonic() < deadline:
                time.sleep(0.001)
            # This one and two ahead.
            assert len(made) == key + 3
    assert len(made) < 20


def test_an_error_is_raised_where_its_item_is_taken() -> None:
    def make(key: int) -> int:
        if key == 3:
            raise ValueError("third")
        return key

    taken: list[int] = []

    def take(ahead: ReadAhead[int, int]) -> None:
        taken.extend(key for key, _ in ahead)

    with ReadAhead(make, range(9)) as ahead, pytest.raises(ValueError, match="third"):
        take(ahead)
    assert taken == [0, 1, 2]


def test_work_is_done_in_order_and_results_are_passed_on_in_the_givers_thread() -> None:
    order: list[int] = []
    seen: list[tuple[int, str]] = []

    def work(number: int) -> int:
        order.append(number)
        return number

    with WriteBehind[int](lambda result: seen.append((result, threading.current_thread().name))) as behind:
        for number in range(20):
            behind.give(lambda number=number: work(number))
    assert order == list(range(20))
    assert seen == [(number, threading.main_thread().name) for number in range(20)]
    assert threads_of("writing") == []


def test_the_giver_waits_while_too_much_is_behind() -> None:
    gate = threading.Event()
    given: list[int] = []

    def give_all(behind: WriteBehind[bool]) -> None:
        for number in range(6):
            behind.give(lambda: gate.wait(5))
            given.append(number)

    with WriteBehind[bool](lambda _: None, behind=2) as behind:
        giver = threading.Thread(target=give_all, args=(behind,))
        giver.start()
        time.sleep(0.1)
        assert len(given) <= 3
        gate.set()
        giver.join(5)
        assert len(given) == 6
    assert behind.waited > 0.05


def test_an_error_behind_ends_the_work_and_drops_what_has_not_begun() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 1:
            raise OSError("full")
        done.append(number)

    def give_all() -> None:
        with WriteBehind[None](lambda _: None, behind=1) as behind:
            for number in range(100):
                behind.give(lambda number=number: work(number))

    with pytest.raises(OSError, match="full"):
        give_all()
    assert done[0] == 0
    assert len(done) < 10
    assert threads_of("writing") == []


def test_the_last_piece_s_error_is_not_lost() -> None:
    def work() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), WriteBehind[None](lambda _: None) as behind:
        behind.give(work)


def test_where_the_giver_fails_what_has_begun_is_waited_for() -> None:
    begun, ended = threading.Event(), []

    def work() -> None:
        begun.set()
        time.sleep(0.1)
        ended.append(True)

    def give_and_fail() -> None:
        with WriteBehind[None](lambda _: None) as behind:
            behind.give(work)
            begun.wait(5)
            raise KeyError

    with pytest.raises(KeyError):
        give_and_fail()
    assert ended == [True]
