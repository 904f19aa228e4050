"""What the Script Editor types: each documented line is run, and the names are there at no cost."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_cases import QUICK, shot
from fake_nuke import FakeNuke

Plate = Callable[..., str]
ROOT = Path(__file__).parent.parent.parent
LONG = 240.0


@pytest.fixture
def work(warm_place: Any) -> Path:
    """A folder beside a worker that stays warm over this file's tests."""
    found: Path = warm_place.work
    return found


def manual() -> Any:
    import semantic_matte_nuke

    return semantic_matte_nuke


def example_lines(text: str) -> list[str]:
    """The indented lines of a docstring that are code: those that name `sm`, and what belongs to them."""
    found, kept = [], False
    for line in textwrap.dedent(text.partition("\n")[2]).splitlines():
        code = line.startswith("    ")
        kept = code and (kept or "sm" in line)
        if kept:
            found.append(line[4:])
    return found


def test_the_manual_names_everything_that_there_is() -> None:
    sm = manual()
    text = inspect.getdoc(sm) or ""
    for name in sm.__all__:
        thing = getattr(sm, name)
        assert thing.__doc__
        if name != "Instance":
            assert f"sm.{name}(" in text
            assert f"sm.{name}(" in thing.__doc__
            # Every argument but the node is explained, or is plain from its name in the example.
            parameters = [one for one in inspect.signature(thing).parameters if one != "node"]
            assert all(one in thing.__doc__ for one in parameters), name
    own = [thing for thing in vars(sm).values() if getattr(thing, "__module__", "") == sm.__name__]
    public = {thing.__name__ for thing in own if not thing.__name__.startswith("_")}
    assert public == set(sm.__all__)


@pytest.mark.parametrize("gui", [True, False])
def test_the_manuals_lines_run_as_they_stand(
    make_host: Callable[..., FakeNuke], work: Path, plate: Plate, gui: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host((15, 1), gui)
    found = shot(host, work, plate, (1001, 1002), find="person")
    host.nuke.delete(found.node)
    found.read["raw"].setValue(True)
    sm = manual()
    code = "\n".join(example_lines(sm.__doc__ or ""))
    made: list[Any] = []
    before, after = code.split("for one in")
    # A shot of two frames, and instances as this photo has them.
    before = before.replace("1001-1050", "1001-1002").replace('"person, car"', '"person"')
    after = "for one in" + after.replace("1001-1050", "1001-1002").replace("person 1", "person_01")
    names: dict[str, Any] = {"nuke": host.nuke}
    lines = before.splitlines()
    create = next(number for number, line in enumerate(lines) if "sm.create" in line)
    exec("\n".join(lines[: create + 1]), names)
    for name, value in QUICK.items():
        names["node"][name].setValue(value)
    exec("\n".join(lines[create + 1 :]), names)
    if gui:
        # It was cancelled by the next line; now it may end.
        assert host.pump(until=lambda: not running(), seconds=LONG)
        made.append(sm.generate(names["node"], "1001-1002"))
        assert host.pump(until=lambda: made[0].ended, seconds=LONG)
    statements = ast.parse(after)
    for statement in statements.body:
        line = ast.unparse(statement)
        if any(name in line for name in ("person 2", "car 1")):
            # There is one person in the photo: the sentence says who there is.
            with pytest.raises(Exception, match=r"person_01|hero"):
                exec(line, names)
        elif "/results/" in line:
            shown = shown_by(names["node"])
            exec(line.replace("/results/plate.matte.json", f"{shown.folder}/main/plate.matte.json"), names)
            assert shown_by(names["node"]).slots == shown.slots
        elif "doctor" not in line:
            exec(line, names)
    printed = capsys.readouterr().out
    assert "person_01 sm_person_01 person" in printed
    assert "semantic-matte matte" in printed
    assert [node for node in host.nuke.allNodes() if node.knob("semantic_matte") is not None] == []
    assert host.nuke.allNodes("Copy")


def running() -> list[Any]:
    from semantic_matte_nuke import running as course

    return course.all_running()


def shown_by(node: Any) -> Any:
    from semantic_matte_nuke import node_results

    return node_results.shown_results(node)


def test_instances_say_what_the_list_in_the_panel_says(
    make_host: Callable[..., FakeNuke], work: Path, plate: Plate
) -> None:
    host = make_host((15, 1), False)
    found = shot(host, work, plate, (1001, 1002))
    sm = manual()
    computation = sm.generate(found.node.name(), "1001-1002")
    (one,) = sm.instances(found.node.name())
    (slot,) = computation.results.slots
    host.nuke.frame(1001)
    assert (one.key, one.label, one.score, one.frames) == (slot.slot, slot.label, slot.score, slot.frames)
    assert one.layer in {name.partition(".")[0] for name in found.node.channels()}
    sm.rename(found.node, one.title, "Hëro")
    sm.enable(found.node, one.key, False)
    sm.solo(found.node, "Hëro")
    (changed,) = sm.instances(found.node)
    assert (changed.title, changed.enabled, changed.solo) == ("Hëro", False, True)
    sm.reset(found.node)
    assert sm.instances(found.node) == [one]


def test_waiting_in_the_window_is_done_in_turn(host: FakeNuke, work: Path, plate: Plate) -> None:
    found = shot(host, work, plate)
    computation = manual().generate(found.node, 1001, wait=True)
    assert computation.state == "done"
    assert computation.wait() == computation.results


def test_a_terminal_waits_and_raises(make_host: Callable[..., FakeNuke], work: Path, plate: Plate) -> None:
    host = make_host((15, 1), False)
    found = shot(host, work, plate)
    (found.folder / "plates" / "plate.1001.exr").unlink()
    from semantic_matte_nuke import computation as course

    with pytest.raises(course.ComputationError, match="frame 1001"):
        manual().generate(found.node, 1001)


@pytest.mark.parametrize("wrong", ["Nobody", None, 3])
def test_what_is_no_node_is_a_sentence(host: FakeNuke, work: Path, plate: Plate, wrong: Any) -> None:
    from semantic_matte_nuke.node_finding import NodeError

    shot(host, work, plate)
    for name in ("generate", "cancel", "instances", "check", "bake", "reset", "farm_command"):
        with pytest.raises(NodeError, match="The script has SemanticMatte1"):
            getattr(manual(), name)(wrong)


def test_check_tells_of_frames_that_are_not_there(
    make_host: Callable[..., FakeNuke], work: Path, plate: Plate
) -> None:
    host = make_host((15, 1), False)
    found = shot(host, work, plate, (1001, 1002))
    sm = manual()
    sm.generate(found.node, 1001)
    assert "1002" in sm.check(found.node, "1001-1002")
    assert "frame 1001" not in sm.check(found.node, 1001)


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    loaded = "[name for name in sys.modules if 'semantic' in name or name == 'nuke']"
    code = f"import sys, semantic_matte_nuke as sm; print({loaded})"
    environment = {"PYTHONPATH": f"{ROOT / 'nuke_plugin'}:{ROOT / 'core'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['semantic_matte_nuke']"


def test_no_part_of_the_package_hides_a_name_of_the_manual() -> None:
    parts = {path.stem for path in (ROOT / "nuke_plugin" / "semantic_matte_nuke").glob("*.py")}
    assert not parts & set(manual().__all__)
