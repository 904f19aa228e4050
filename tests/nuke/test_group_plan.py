"""The plan of a node's inside, worked out by a small evaluator of its own and compared with what rows mean."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte_client.nodes.instance_table import Row, overlay_colour
from semantic_matte_nuke import group_plan
from semantic_matte_nuke.group_plan import GroupPlan, GroupPlanError, planned
from semantic_matte_nuke.stored_values import ShownResults

SHOWN = ShownResults("/cache/job", ("main",), "plate", (1001, 1003), 0, False, (64, 48), "", ())


def rows_of(*names: str) -> list[Row]:
    return [Row(f"sm_{name}", f"sm_{name}", title=name, socket=f"sm_{name}") for name in names]


def value(text: str, stream: dict[str, float]) -> float:
    """An expression of Nuke's with one pixel's channels as its variables."""
    names = {name: stream.get(name, 0.0) for name in re.findall(r"[a-z_][a-z0-9_]*\.[A-Za-z]\w*", text)}
    short = {"r": "rgba.red", "g": "rgba.green", "b": "rgba.blue", "a": "rgba.alpha"}
    for number, name in enumerate(sorted(names, key=len, reverse=True)):
        text = text.replace(name, f"v{number}_")
        names[f"v{number}_"] = names.pop(name)
    known = {sign: stream.get(name, 0.0) for sign, name in short.items()}
    known["covered"] = stream.get("covered", 0.0)
    return float(eval(text, {"clamp": lambda one: min(max(one, 0.0), 1.0)}, {**known, **names}))


def evaluate(
    plan: GroupPlan, plate: dict[str, float], files: dict[str, float], output: str
) -> dict[str, float]:
    """One pixel of a planned node, by Nuke's meaning of each class."""
    of_name = {node.name: node for node in plan.nodes}
    default = {f"expr{i}": f"rgba.{c}" for i, c in enumerate(("red", "green", "blue", "alpha"))}

    def stream(name: str) -> dict[str, float]:
        if name == group_plan.SOURCE:
            return dict(plate)
        node = of_name[name]
        if node.class_name == "Read":
            return dict(files)
        first = stream(node.inputs[0])
        if node.class_name == "Copy":
            second = stream(node.inputs[1])
            for index in range(4):
                taken, to = node.values[f"from{index}"], node.values[f"to{index}"]
                if to != "none":
                    first[to] = second.get(taken, 0.0)
            return first
        assert node.class_name == "Expression"
        before = dict(first)
        if node.values["temp_name0"]:
            before[node.values["temp_name0"]] = value(node.values["temp_expr0"], before)
        for knob, channel in {**default, "expr0": node.values["channel0"]}.items():
            if node.values[knob]:
                first[channel] = value(node.values[knob], before)
        return first

    return stream(output)


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    count = draw(st.integers(0, 11))
    rows = rows_of(*(f"p_{number:02d}" for number in range(count)))
    for index, row in enumerate(rows):
        into = draw(st.sampled_from(["", *[other.key for other in rows[:index]]]))
        rows[index] = replace(
            row,
            into=into if draw(st.booleans()) else "",
            enabled=draw(st.booleans()),
            solo=draw(st.integers(0, 3)) == 0,
            present=draw(st.integers(0, 4)) > 0,
            socket=draw(st.sampled_from([row.slot, f"sm_title_{index}"])),
        )
    return rows


def target(rows: dict[str, Row], row: Row) -> Row:
    """Where merging leads, followed by hand."""
    while row.into:
        row = rows[row.into]
    return row


@settings(max_examples=400, deadline=None)
@given(tables(), st.data())
def test_the_plan_gives_what_the_rows_mean(rows: list[Row], data: st.DataObject) -> None:
    of_key = {row.key: row for row in rows}
    alphas = {row.slot: data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])) for row in rows}
    files = {f"{row.slot}.alpha": alphas[row.slot] for row in rows if row.present}
    plate = {"rgba.red": 0.25, "rgba.green": -0.5, "rgba.blue": 1000.0, "rgba.alpha": 0.125, "depth.Z": 7.0}
    one = data.draw(st.sampled_from(["", *of_key]))
    plan = planned(rows, SHOWN, one, {})

    layers: dict[str, float] = {}
    for row in rows:
        end = target(of_key, row)
        if row.present and row.enabled and end.enabled:
            layers[end.key] = layers.get(end.key, 0.0) + alphas[row.slot]
    layers = {key: min(amount, 1.0) for key, amount in layers.items()}
    soloed = {target(of_key, row).key for row in rows if row.solo}
    shown = {key: amount for key, amount in layers.items() if key in soloed or not soloed}
    alpha = layers.get(target(of_key, of_key[one]).key, 0.0) if one else min(sum(shown.values()), 1.0)

    wanted = {**plate, **{f"{of_key[key].socket}.alpha": amount for key, amount in layers.items()}}
    switch = next(node for node in plan.nodes if node.name == group_plan.SHOW)
    outputs = dict(zip(group_plan.SHOWS, switch.inputs, strict=True))
    assert evaluate(plan, plate, files, outputs["result"]) == pytest.approx({**wanted, "rgba.alpha": alpha})
    assert evaluate(plan, plate, files, outputs["source"]) == plate
    grey = evaluate(plan, plate, files, outputs["alpha"])
    assert [grey[f"rgba.{c}"] for c in ("red", "green", "blue")] == pytest.approx([alpha] * 3)
    overlay = evaluate(plan, plate, files, outputs["overlay"])
    covered = min(sum(shown.values()), 1.0)
    place = {row.key: index for index, row in enumerate(rows)}
    for index, c in enumerate(("red", "green", "blue")):
        tint = sum(overlay_colour(place[key])[index] * amount for key, amount in shown.items())
        expected = plate[f"rgba.{c}"] * (1 - 0.5 * covered) + 0.5 * tint
        assert overlay[f"rgba.{c}"] == pytest.approx(expected, rel=1e-3, abs=1e-3)


@settings(max_examples=200, deadline=None)
@given(tables())
def test_inputs_come_before_and_names_once(rows: list[Row]) -> None:
    plan = planned(rows, SHOWN, "", {})
    there = {group_plan.SOURCE}
    for node in plan.nodes:
        assert set(node.inputs) <= there
        assert node.name not in there
        there.add(node.name)
    assert plan == planned(rows, SHOWN, "", {})
    assert len(set(plan.layers)) == len(plan.layers)


def test_nothing_generated_passes_the_plate() -> None:
    plan = planned([], None, "", {})
    switch = plan.nodes[-1]
    assert switch.inputs == ("SM_Source", "SM_Source", "SM_AlphaView", "SM_Source", "SM_Source")
    assert not [node for node in plan.nodes if node.class_name == "Read"]


def test_reads_are_raw_local_to_nobody_and_wider_than_the_result() -> None:
    layers, cryptomatte = group_plan.reads(SHOWN)
    assert layers.values["file"] == "/cache/job/%V/plate.mattes.%04d.exr"
    assert cryptomatte.values["file"] == "/cache/job/%V/plate.cryptomatte.%04d.exr"
    assert layers.values["raw"] is True
    assert layers.values["localizationPolicy"] == "off"
    assert layers.expressions["first"] == "min(1001,root.first_frame,frame)"
    assert layers.expressions["last"] == "max(1003,root.last_frame,frame)"
    assert group_plan.wide_range(SHOWN, (990, 1002)) == {"first": 990, "last": 1003}


def test_a_held_still_is_one_file() -> None:
    layers, _ = group_plan.reads(replace(SHOWN, frames=(7,), hold=True))
    assert layers.values["file"] == "/cache/job/%V/plate.mattes.0007.exr"
    assert (layers.values["first"], layers.values["last"]) == (7, 7)
    assert "first" not in layers.expressions


def test_negative_frames_read_files_of_other_numbers() -> None:
    layers, _ = group_plan.reads(replace(SHOWN, frames=(-5, 5), offset=1000))
    assert layers.values["frame"] == "frame+1000"
    assert layers.expressions["first"] == "min(995,root.first_frame+1000,frame+1000)"
    shown = replace(SHOWN, frames=(-5, 5), offset=1000)
    assert group_plan.wide_range(shown, (-10, 3)) == {"first": 990, "last": 1005}


@pytest.mark.parametrize("folder", ["/a#1/b", "/a/%V/b", "/a/[x]/b"])
def test_a_folder_that_no_read_can_name_is_refused(folder: str) -> None:
    with pytest.raises(GroupPlanError, match="choose a cache folder"):
        planned([], replace(SHOWN, folder=folder), "", {})


def test_copies_take_four_layers_each() -> None:
    rows = rows_of(*(f"p{number:02d}" for number in range(64)))
    plan = planned(rows, SHOWN, "", {})
    copies = [node for node in plan.nodes if node.name.startswith("SM_Copy_")]
    assert len(copies) == 16
    assert all(node.values["to3"] != "none" for node in copies)
    rest = planned(rows[:5], SHOWN, "", {})
    last = [node for node in rest.nodes if node.name.startswith("SM_Copy_")][-1]
    assert [last.values[f"to{index}"] for index in range(4)] == ["sm_p04.alpha", "none", "none", "none"]


def test_what_the_file_calls_its_channel_is_used() -> None:
    plan = planned(rows_of("a"), SHOWN, "", {"sm_a": "sm_a.A"})
    copy = next(node for node in plan.nodes if node.name == "SM_Copy_1")
    assert (copy.values["from0"], copy.values["to0"]) == ("sm_a.A", "sm_a.alpha")


def test_only_what_is_needed_is_kept() -> None:
    plan = planned(rows_of("a", "b"), SHOWN, "", {})
    names = [node.name for node in group_plan.needed_for(plan, "SM_OutAlpha")]
    assert names == ["SM_Result", "SM_Alpha", "SM_Copy_1", "SM_OutAlpha"]
    assert [node.name for node in group_plan.needed_for(plan, "SM_Cryptomatte")] == ["SM_Cryptomatte"]
    assert group_plan.needed_for(plan, group_plan.SOURCE) == ()
