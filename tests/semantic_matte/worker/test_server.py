"""The real worker: who is let in, how jobs take turns, what it says of itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semantic_matte_client import protocol, wire
from semantic_matte_client.version import VERSION

Eventually = Callable[..., Any]


def test_a_job_is_accepted_runs_and_is_done(place: Any) -> None:
    place.start()
    talker = place.talker()
    job = talker.submit()
    kinds = [talker.hear() for _ in range(4)]
    assert [message["type"] for message in kinds] == ["accepted", "progress", "progress", "done"]
    assert [message["job"] for message in kinds] == [job] * 4
    assert kinds[0]["position"] == 0
    assert [message["stage"] for message in kinds[1:3]] == ["starting", "matting"]


def test_status_tells_what_there_is(place: Any) -> None:
    worker = place.start()
    talker = place.talker("nuke 15.1")
    before = talker.status()
    assert (before["engine"], before["engine_pid"], before["jobs"], before["finished"]) == ("none", 0, [], 0)
    assert (before["pid"], before["slot"], before["version"]) == (worker.pid, "gpu", VERSION)
    assert before["log"] == str(place.folder / "logs" / "worker-gpu.log")
    first, second = talker.running("hold"), talker.submit()
    during = talker.status()
    assert during["engine"] == "busy"
    assert during["engine_pid"] in place.processes_left()
    rows = [(row["job"], row["state"], row["fraction"], row["client"]) for row in during["jobs"]]
    assert rows == [(first, "running", 0.25, "nuke 15.1"), (second, "waiting", 0.0, "nuke 15.1")]
    talker.say("cancel", job=first)
    assert talker.end_of(first)["type"] == "cancelled"
    assert talker.end_of(second)["type"] == "done"
    after = talker.status()
    assert (after["engine"], after["jobs"], after["finished"]) == ("idle", [], 2)


def test_clients_take_turns_and_each_keeps_its_order(place: Any) -> None:
    place.start()
    one, two = place.talker("one", pid=11), place.talker("two", pid=12)
    holding = one.running("hold")
    of_one = [one.submit() for _ in range(4)]
    one.until("accepted", of_one[-1])
    of_two = [two.submit() for _ in range(2)]
    # As many jobs run or wait before it when it comes: the other's last two come after both of these.
    positions = [two.until("accepted", job)["position"] for job in of_two]
    assert positions == [2, 4]
    # A second connection of the same process is the same client.
    again = place.talker("two again", pid=12)
    of_two.append(again.submit())
    assert again.until("accepted")["position"] == 6
    waiting = [row["job"] for row in one.status()["jobs"][1:]]
    assert waiting == [of_one[0], of_two[0], of_one[1], of_two[1], of_one[2], of_two[2], of_one[3]]
    one.say("cancel", job=holding)
    one.ends(5)
    two.ends(2)
    again.ends(1)
    done = [line.split()[4].rstrip(":") for line in place.log.splitlines() if ": done after" in line]
    assert done == waiting


def test_a_waiting_job_hears_when_its_turn_comes_nearer(place: Any) -> None:
    place.start()
    one, two = place.talker(pid=1), place.talker(pid=2)
    holding, next_one = one.running("hold"), one.submit("hold")
    one.until("accepted", next_one)
    waiting = two.submit()
    third = two.submit()
    assert two.until("accepted", waiting)["position"] == 2
    assert two.until("accepted", third)["position"] == 3
    one.say("cancel", job=holding)
    told = {two.until("progress")["job"]: None for _ in range(2)}
    assert list(told) == [waiting, third]
    one.say("cancel", job=next_one)
    assert {end["type"] for end in two.ends(2)} == {"done"}


def test_two_hundred_quick_jobs(place: Any) -> None:
    place.start()
    talker = place.talker()
    jobs = [talker.submit() for _ in range(200)]
    ends = talker.ends(200)
    assert [end["job"] for end in ends] == jobs
    assert {end["type"] for end in ends} == {"done"}
    assert talker.status()["finished"] == 200


def test_the_first_event_comes_at_once(place: Any) -> None:
    place.start()
    talker = place.talker()
    talker.end_of(talker.submit())
    seconds = []
    for _ in range(50):
        begun = time.perf_counter()
        job = talker.submit()
        assert talker.hear()["type"] == "accepted"
        seconds.append(time.perf_counter() - begun)
        talker.end_of(job)
    assert statistics.median(seconds) < 0.05


def test_the_engine_stays_warm_between_jobs(place: Any) -> None:
    place.start()
    talker = place.talker()
    talker.end_of(talker.submit())
    warm = talker.status()["engine_pid"]
    talker.end_of(talker.submit("bug"))
    talker.end_of(talker.submit())
    assert talker.status()["engine_pid"] == warm


def test_a_failure_is_answered_and_the_next_job_runs(place: Any) -> None:
    place.start()
    talker = place.talker()
    failed = talker.end_of(talker.submit("bug"))
    assert (failed["type"], failed["kind"], failed["message"]) == ("failed", "crash", "This is a bug.")
    assert talker.end_of(talker.submit())["type"] == "done"


def test_another_protocol_is_refused_with_both_versions(place: Any) -> None:
    place.start()
    connection = place.connect()
    hello = {"type": "hello", "protocol": 99, "version": "9.9.9", "client": "old", "pid": 1}
    wire.send(connection, hello, protocol.REQUESTS)
    answer = wire.receive(connection, protocol.ANSWERS)
    assert (answer["type"], answer["protocol"], answer["version"]) == ("refused", protocol.PROTOCOL, VERSION)
    assert all(text in answer["message"] for text in ("99", "9.9.9", VERSION, "install the same version"))
    with pytest.raises(EOFError):
        wire.receive(connection, protocol.ANSWERS)
    connection.close()


@pytest.mark.parametrize("first", ["submit", "status", "cancel", "stop", "garbage"])
def test_whoever_does_not_say_hello_first_is_told_so(place: Any, first: str) -> None:
    place.start()
    talker = type(place.talker())(place.connect())
    if first == "garbage":
        talker.connection.send_bytes(b"\x00\xff")
    else:
        fields = {"cancel": {"job": "0" * 32}, "stop": {"when": "now"}}.get(first, {})
        talker.submit() if first == "submit" else talker.say(first, **fields)
    assert talker.hear()["type"] == "error"
    assert talker.is_closed()
    talker.close()
    assert place.talker().status()["finished"] == 0


def test_a_second_hello_ends_the_connection_and_its_jobs(place: Any, eventually: Eventually) -> None:
    place.start()
    talker, other = place.talker(), place.talker("other")
    talker.running("hold")
    talker.say("hello", protocol=protocol.PROTOCOL, version=VERSION, client="again", pid=1)
    assert "hello" in talker.until("error")["message"]
    assert talker.is_closed()
    eventually(lambda: other.status()["finished"] == 1, "its job is cancelled")
    assert other.end_of(other.submit())["type"] == "done"


def test_a_number_that_is_known_is_refused(place: Any) -> None:
    place.start()
    talker = place.talker()
    job = talker.running("hold")
    talker.submit(job=job)
    assert job in talker.until("error")["message"]
    assert talker.is_closed()


def test_a_cancel_of_nothing_is_nothing(place: Any) -> None:
    place.start()
    talker = place.talker()
    talker.say("cancel", job="0" * 32)
    job = talker.submit()
    talker.end_of(job)
    talker.say("cancel", job=job)
    assert talker.status()["finished"] == 1


def test_there_is_room_for_64_clients_and_one_more_is_told(place: Any, eventually: Eventually) -> None:
    place.start()
    talkers = [place.talker(str(number)) for number in range(64)]
    connection = place.connect()
    hello = {"type": "hello", "protocol": protocol.PROTOCOL, "version": VERSION, "client": "65", "pid": 1}
    wire.send(connection, hello, protocol.REQUESTS)
    answer = wire.receive(connection, protocol.ANSWERS)
    assert answer["type"] == "refused"
    assert "64 clients" in answer["message"]
    connection.close()
    assert talkers[0].status()["clients"] == 64
    talkers[1].close()
    eventually(lambda: talkers[0].status()["clients"] == 63, "its place is free")
    place.talker("another")


def test_nothing_is_left_of_connections_that_came_and_went(place: Any, eventually: Eventually) -> None:
    worker = place.start()
    watcher = place.talker()
    watcher.end_of(watcher.submit())

    def held() -> tuple[int, int]:
        process = Path(f"/proc/{worker.pid}")
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    before = held()
    for number in range(200):
        talker = place.talker(str(number))
        if number % 3 == 0:
            talker.submit()
        if number % 3 == 1:
            talker.connection.send_bytes(b"nonsense")
        talker.close()
    eventually(lambda: held() == before, f"descriptors and threads are {before} again")
    assert watcher.status()["clients"] == 1


def test_a_client_that_never_reads_delays_nobody(place: Any) -> None:
    worker = place.start()
    deaf, other = place.talker(pid=1), place.talker(pid=2)
    deaf.submit("many", count=20_000)
    deaf.submit("notices", count=300, length=4000)
    assert other.end_of(other.submit())["type"] == "done"
    assert other.end_of(other.submit())["type"] == "done"
    status = Path(f"/proc/{worker.pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    assert resident < 60
    # And what it gets when it reads at last is the newest progress, and all else.
    messages = []
    while not messages or messages[-1]["type"] != "done":
        messages.append(deaf.hear())
    assert len([one for one in messages if one["type"] == "progress"]) < 5000
    deaf.end_of(deaf.submit())


def test_a_client_that_reads_nothing_for_ever_is_let_go(place: Any, eventually: Eventually) -> None:
    place.start()
    deaf, other = place.talker("deaf", pid=1), place.talker(pid=2)
    deaf.submit("notices", count=20_000, length=4000)
    eventually(lambda: other.status()["clients"] == 1, "it is closed", 60)
    assert "client deaf: does not read, closed" in place.log
    assert other.end_of(other.submit())["type"] == "done"
