"""The course in the window: capture, the real worker, one step of undo; and each way it may end early."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_cases import Shot, captures_below, files_below, ours, shot, state_of
from fake_nuke import FakeNuke

Plate = Callable[..., str]
LONG = 240.0


@pytest.fixture
def work(warm_place: Any) -> Path:
    """A folder beside a worker that stays warm over this file's tests."""
    found: Path = warm_place.work
    return found


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    for thread in threading.enumerate():
        if thread.name == "semantic_matte_job":
            thread.join(30)
    assert threading.active_count() <= before


def ended(host: FakeNuke, computation: Any) -> Any:
    assert host.pump(until=lambda: computation.ended, seconds=LONG), computation
    return computation


def generated(host: FakeNuke, found: Shot, frames: Any = None, **named: Any) -> Any:
    computation = ended(host, ours("computation").start(found.node, frames, **named))
    assert computation.state == "done", computation
    return computation


def is_nothing_left(host: FakeNuke, found: Shot) -> None:
    assert ours("running").all_running() == []
    assert captures_below(found.folder) == []
    assert [node.name() for node in found.node.nodes() if node.name().startswith("SM_Capture")] == []
    assert host.thread_errors == []


def test_the_window_goes_on_while_the_worker_works_and_then_shows_what_came(
    host: FakeNuke, work: Path, plate: Plate
) -> None:
    found = shot(host, work, plate, (1001, 1002))
    before = state_of(host)
    computation = ours("computation").start(found.node, "1001-1002")
    # The plates are there on return; the script is untouched until the result is.
    assert computation.state == "computing"
    assert ours("running").current(computation.identity) is computation
    assert state_of(host) == before
    assert "Generating 1001,1002" in found.node["status"].value()
    assert not host.nuke.root().modified()
    told: list[float] = []
    assert host.pump(until=lambda: told.append(computation.fraction) or computation.ended, seconds=LONG)
    assert computation.state == "done", computation
    assert told == sorted(told)
    shown = ours("node_results").shown_results(found.node)
    assert shown == computation.results
    assert (shown.frames, shown.views, shown.stem) == ((1001, 1002), ("main",), "plate")
    assert [one.label for one in shown.slots] == ["person"]
    assert Path(shown.folder) == computation.plan.folder
    assert shown.words in found.node["status"].value()
    # One step, which undo takes back and redo brings again.
    assert [step.name for step in host.changes.done][len(before["undo"]) :] == [
        "Semantic Matte: mattes of 1001,1002"
    ]
    assert host.nuke.root().modified()
    host.undo()
    assert ours("node_results").shown_results(found.node) is None
    host.redo()
    assert ours("node_results").shown_results(found.node) == shown
    is_nothing_left(host, found)


def test_the_record_says_what_the_mattes_were_made_of(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    computation = generated(host, found, 1001)
    record = ours("source_record").read(computation.plan.folder)
    assert record.description == computation.plan.description
    assert record.frames == (1001,)
    assert record.shown["folder"] == computation.results.folder


def test_the_same_again_is_shown_at_once_and_another_setting_is_computed(
    host: FakeNuke, work: Path, plate: Plate
) -> None:
    found = shot(host, work, plate)
    first = generated(host, found, 1001)
    # The node's own control says it.
    assert not any("as asked" in notice for notice in first.notices)
    host.undo()
    assert ours("node_results").shown_results(found.node) is None
    again = ours("computation").start(found.node, 1001)
    assert again.state == "done"
    assert again.results == first.results
    assert any("computed before" in notice for notice in again.notices)
    # Once more has the plates compared: nothing was changed, so no file is.
    files = {path: path.stat().st_mtime_ns for path in first.plan.folder.glob("main/*.exr")}
    assert files
    checked = generated(host, found, 1001)
    assert not any("computed before" in notice for notice in checked.notices)
    assert {path: path.stat().st_mtime_ns for path in files} == files
    found.node["dilation_outer"].setValue(0.08)
    other = ours("computation").start(found.node, 1001)
    assert other.plan.folder != first.plan.folder
    ended(host, other)
    # The earlier one is there still: undo shows it again.
    assert files_below(first.plan.folder)


def test_the_key_hangs_on_what_makes_the_pixels_alone(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate, (1001, 1002))
    made = ours("compute_plan").made_plan

    def key(frames: Any = "1001-1002") -> str:
        return str(made(found.node, frames).key)

    first = key()
    found.node["device"].setValue("auto")
    found.node["batch"].setValue(2)
    found.node.setXYpos(500, 500)
    found.node.setName("Hero")
    found.read.setName("Plate")
    host.nuke.frame(1002)
    assert key() == first
    changed = [key(1001)]
    for name, value in (
        ("confidence", 0.5),
        ("capture_depth", "float"),
        ("input_space", "acescg"),
        ("find", "dog"),
    ):
        found.node[name].setValue(value)
        changed.append(key())
    host.nuke.nodes.Grade()
    assert key() == changed[-1]
    pixels = found.folder / "plates" / "plate.1002.exr"
    pixels.write_bytes((found.folder / "plates" / "plate.1001.exr").read_bytes())
    changed.append(key())
    assert len({first, *changed}) == len(changed) + 1


def test_the_knobs_are_what_the_worker_is_asked(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate, (1001, 1002), find="person, dog", confidence=0.4, passes=2, seed=7)
    host.set_colour("OCIO", "aces_1.2", "ACES - ACEScg")
    plan = ours("compute_plan").made_plan(found.node, "1001-1002")
    captured = ours("capture").Captured(plates={"main": [found.folder / "plates" / "plate.1001.exr"] * 2})
    job = ours("view_jobs").jobs_of(plan, captured)[0].start()
    try:
        asked = job._course.request
    finally:
        job.cancel()
    assert asked["task"] == "matte"
    assert asked["plates"] == [str(found.folder / "plates" / "plate.####.exr")]
    assert asked["out"] == str(plan.folder / "main")
    assert (asked["frames"], asked["colour_space"], asked["ocio"]) == ("1001,1002", "ACES - ACEScg", None)
    wanted = {
        **{"find": ["person", "dog"], "confidence": 0.4, "passes": 2, "seed": 7, "device": "cpu"},
        **{"data_window": "tight", "cryptomatte": True, "png": False, "missing_frames": "refuse"},
    }
    assert {name: asked["settings"][name] for name in wanted} == wanted
    assert set(asked["roots"]) >= {str(found.folder / "plates"), str(plan.folder / "main")}


@pytest.mark.parametrize("at", ["queued", "later"])
def test_cancel_keeps_what_the_node_shows(host: FakeNuke, work: Path, plate: Plate, at: str) -> None:
    found = shot(host, work, plate)
    first = generated(host, found, 1001)
    found.node["confidence"].setValue(0.3)
    host.show_panel(found.node._core)
    before = state_of(host)
    computation = ours("computation").start(found.node, 1001)
    if at == "later":
        host.pump(until=lambda: "matting" in computation.sentence or computation.ended, seconds=LONG)
    host.click(found.node, "cancel")
    ended(host, computation)
    assert computation.state == "cancelled"
    assert "goes on from there" in computation.sentence
    assert found.node["status"].value() == computation.sentence
    assert state_of(host) == before
    assert ours("node_results").shown_results(found.node) == first.results
    is_nothing_left(host, found)


def test_the_bars_own_cancel_is_heard(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    computation = ours("computation").start(found.node, 1001)
    host.progress_tasks[-1]._cancelled = True
    assert ended(host, computation).state == "cancelled"
    is_nothing_left(host, found)


def test_cancel_while_plates_are_captured(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate, (1001, 1002))
    before = state_of(host)
    host.cancel_render(after=1)
    computation = ours("computation").start(found.node, "1001-1002")
    assert computation.state == "cancelled"
    assert state_of(host) == before
    is_nothing_left(host, found)


def test_frames_that_were_done_are_not_done_again(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate, (1001, 1002, 1003))
    computation = ours("computation").start(found.node, "1001-1003")
    mattes = computation.plan.folder / "main"
    assert host.pump(until=lambda: list(mattes.glob("plate.mattes.*.exr")) or computation.ended, seconds=LONG)
    computation.cancel()
    ended(host, computation)
    kept = {path: path.stat().st_mtime_ns for path in mattes.glob("plate.mattes.*.exr")}
    assert kept
    again = generated(host, found, "1001-1003")
    assert again.plan.folder == computation.plan.folder
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_renamed_node_gets_its_mattes(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    computation = ours("computation").start(found.node, 1001)
    found.node.setName("Hero")
    assert ended(host, computation).state == "done"
    assert ours("node_results").shown_results(host.nuke.toNode("Hero")) == computation.results


def test_a_deleted_nodes_job_is_ended_and_said(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    computation = ours("computation").start(found.node, 1001)
    host.nuke.delete(found.node)
    assert computation.state == "cancelled"
    assert "The node was deleted" in computation.sentence
    assert any("The node was deleted" in line for line in host.printed)
    assert host.pump(until=lambda: captures_below(found.folder) == [], seconds=LONG)
    assert ours("running").all_running() == []


@pytest.mark.parametrize("what", ["clear", "open", "again"])
def test_nothing_is_applied_to_another_script(host: FakeNuke, work: Path, plate: Plate, what: str) -> None:
    found = shot(host, work, plate)
    other = found.folder / "other.nk"
    script = (found.folder / "shot.nk").read_text(encoding="utf-8")
    # The other one has a node of the same identity: it was saved from this one.
    other.write_text(script, encoding="utf-8")
    computation = ours("computation").start(found.node, 1001)
    if what == "clear":
        host.clear()
    else:
        host.open(other if what == "open" else found.folder / "shot.nk")
    before = state_of(host)
    ended(host, computation)
    assert host.pump(until=lambda: captures_below(found.folder) == [], seconds=LONG)
    assert computation.state == "cancelled"
    assert state_of(host) == before
    assert all(ours("node_results").shown_results(node) is None for node in ours("node_finding").all_nodes())


def test_two_nodes_at_once_each_get_theirs(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    second = ours("node_making").create(found.read)
    for name, value in {"device": "cpu", "passes": 1, "samples": 1, "find": "dog"}.items():
        second[name].setValue(value)
    both = [ours("computation").start(found.node, 1001), ours("computation").start(second, 1001)]
    assert ours("running").all_running() == both
    with pytest.raises(ours("computation").ComputationError, match="being computed already"):
        ours("computation").start(found.node, 1001)
    for computation in both:
        assert ended(host, computation).state == "done"
    labels = [
        [one.label for one in ours("node_results").shown_results(node).slots] for node in (found.node, second)
    ]
    assert labels == [["person"], []]


def test_each_view_has_its_own_job_and_folder(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    host.set_views(["left", "right"])
    computation = generated(host, found, 1001)
    shown = computation.results
    assert shown.views == ("left", "right")
    for view in shown.views:
        assert f"{view}/plate.mattes.1001.exr" in files_below(computation.plan.folder)
    found.node["views"].setValue("right")
    assert generated(host, found, 1001).results.views == ("right",)


def test_views_that_show_different_things_are_told_of(host: FakeNuke, work: Path, plate: Plate) -> None:
    import numpy

    from course_cases import write_channels

    found = shot(host, work, plate)
    host.set_views(["left", "right"])
    left = found.folder / "plates" / "left.1001.exr"
    left.write_bytes((found.folder / "plates" / "plate.1001.exr").read_bytes())
    write_channels(
        found.folder / "plates" / "right.1001.exr",
        dict.fromkeys("RGB", numpy.full((96, 96), 0.2, numpy.float32)),
    )
    found.read["file"].setValue((found.folder / "plates" / "%V.%04d.exr").as_posix())
    computation = generated(host, found, 1001)
    assert [notice for notice in computation.notices if "was not found in right" in notice]
    assert [one.slot for one in computation.results.slots] == ["sm_person_01"]


def test_frames_that_are_not_tied_are_shown_together(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate, (1001, 1002), track=False)
    shown = generated(host, found, "1001-1002").results
    assert not (Path(shown.folder) / "main" / "plate.matte.json").exists()
    assert [(one.slot, one.frames) for one in shown.slots] == [("sm_person_01", "1001,1002")]
    assert shown.words.startswith("2 frames, by")
    host.undo()
    assert any("computed before" in one for one in generated(host, found, "1001-1002").notices)


def test_a_still_is_computed_once_and_held(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate, hold="on")
    host.nuke.root()["last_frame"].setValue(1100)
    computation = generated(host, found)
    assert (computation.results.frames, computation.results.hold) == ((1001,), True)


@pytest.mark.parametrize(
    ("frames", "views", "sentence"),
    [
        ("", None, "frame range is empty"),
        ("1001-", None, "no frame and no range"),
        ("1-20000", None, "more than one shot takes"),
        ([], None, "no frames"),
        (["a"], None, "Expected frames"),
        (1001, "middle", "no view 'middle'"),
    ],
)
def test_a_wrong_call_is_a_sentence(
    host: FakeNuke, work: Path, plate: Plate, frames: Any, views: Any, sentence: str
) -> None:
    found = shot(host, work, plate)
    before = state_of(host)
    with pytest.raises(ours("computation").ComputationError, match=sentence) as reason:
        ours("computation").start(found.node, frames, views)
    assert reason.value.exit_code == 2
    assert sentence in found.node["status"].value()
    assert state_of(host) == before
    assert files_below(found.cache) == [] if found.cache.exists() else True


@pytest.mark.parametrize("sign", ["#", "%", "["])
def test_a_folder_that_nuke_reads_otherwise_is_refused(
    host: FakeNuke, work: Path, plate: Plate, sign: str
) -> None:
    found = shot(host, work, plate)
    found.node["cache_folder"].setValue(str(work / f"a{sign}b").replace("[", "\\["))
    with pytest.raises(ours("computation").ComputationError, match="cache folder"):
        ours("computation").start(found.node, 1001)


@pytest.mark.parametrize("by_click", [True, False])
def test_what_fails_later_is_one_dialog_for_a_click_and_a_line_else(
    host: FakeNuke, work: Path, plate: Plate, monkeypatch: pytest.MonkeyPatch, by_click: bool
) -> None:
    found = shot(host, work, plate)
    monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", "/not/there/python")
    monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(short_runtime(work)))
    if by_click:
        host.nuke.frame(1001)
        host.click(found.node, "generate_frame")
        (computation,) = ours("running").all_running()
    else:
        computation = ours("computation").start(found.node, 1001)
    ended(host, computation)
    assert computation.state == "failed"
    assert "/not/there/python" in computation.error
    assert found.node["status"].value() == computation.error
    assert host.messages == ([computation.error] if by_click else [])
    assert any(computation.error in line for line in host.printed) != by_click
    is_nothing_left(host, found)


def short_runtime(work: Path) -> Path:
    """A runtime folder where no worker runs, beside the warm one's and as short."""
    folder = work.parent / "none"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def test_waiting_in_the_window_is_refused(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    computation = ours("computation").start(found.node, 1001)
    with pytest.raises(ours("computation").ComputationError, match="stop Nuke's window"):
        computation.wait()
    ended(host, computation)
    assert computation.wait() == computation.results


def test_a_plate_that_is_not_finite_is_told_of(host: FakeNuke, work: Path, plate: Plate) -> None:
    import numpy

    from course_cases import channels_of, write_channels

    found = shot(host, work, plate)
    path = found.folder / "plates" / "plate.1001.exr"
    channels = channels_of(path)
    channels["R"] = numpy.array(channels["R"])
    channels["R"][:2, :2] = [[numpy.nan, numpy.inf], [-numpy.inf, numpy.nan]]
    write_channels(path, channels)
    computation = generated(host, found, 1001)
    told = [notice for notice in computation.notices if "NaN" in notice or "nfinite" in notice]
    assert told
    assert all(notice in found.node["status"].value() for notice in told)


def test_a_hint_is_asked_for_what_it_masks(host: FakeNuke, work: Path, plate: Plate) -> None:
    import numpy

    from course_cases import write_channels

    found = shot(host, work, plate)
    mask = numpy.zeros((96, 96), numpy.float32)
    mask[20:60, 30:70] = 1.0
    write_channels(found.folder / "mask.exr", {**dict.fromkeys("RGB", mask), "A": mask})
    found.node.setInput(1, host.nuke.nodes.Read(file=(found.folder / "mask.exr").as_posix()))
    computation = generated(host, found, 1001)
    assert [one.label for one in computation.results.slots] == ["object"]
    found.node["use_hint"].setValue(False)
    assert [one.label for one in generated(host, found, 1001).results.slots] == ["person"]


def test_an_empty_hint_is_told_in_the_artists_words(host: FakeNuke, work: Path, plate: Plate) -> None:
    import numpy

    from course_cases import write_channels

    found = shot(host, work, plate)
    write_channels(found.folder / "mask.exr", dict.fromkeys("RGBA", numpy.zeros((96, 96), numpy.float32)))
    found.node.setInput(1, host.nuke.nodes.Read(file=(found.folder / "mask.exr").as_posix()))
    computation = ended(host, ours("computation").start(found.node, 1001))
    assert computation.state == "failed"
    assert "hint" in computation.error.lower()
    assert "capture_" not in computation.error
    is_nothing_left(host, found)
