"""The plan of the node's knobs: every control of the engine, names of its own, scripts that compile."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte_client.nodes.control_rows import control_rows
from semantic_matte_client.nodes.instance_table import Row
from semantic_matte_nuke import instance_knobs, knob_plan

# Knobs that every Group has of its own.
OF_A_GROUP = frozenset(
    [
        "name",
        "label",
        "help",
        "note_font",
        "note_font_size",
        "note_font_color",
        "tile_color",
        "gl_color",
        "icon",
        "hide_input",
        "cached",
        "disable",
        "dope_sheet",
        "bookmark",
        "postage_stamp",
        "postage_stamp_frame",
        "selected",
        "xpos",
        "ypos",
        "indicators",
        "knobChanged",
        "onCreate",
        "onDestroy",
        "updateUI",
        "autolabel",
        "panel",
        "lifetimeStart",
        "lifetimeEnd",
        "useLifetime",
        "lock_connections",
        "rootNodeUpdated",
    ]
)
PLAN = knob_plan.knob_plan(1, "0.1.0")


def test_names_are_used_once_and_are_nobody_elses() -> None:
    names = [plan.name for plan in PLAN]
    assert len(set(names)) == len(names)
    assert not set(names) & OF_A_GROUP
    assert not [name for name in names if instance_knobs.ROW_KNOB.fullmatch(name)]


def test_every_control_has_its_knob_or_its_reason() -> None:
    plans = {plan.name: plan for plan in PLAN}
    for row in control_rows():
        if row.name in knob_plan.HIDDEN:
            # The name may be that of something else of the node's own: a Read's knob, a button.
            assert row.name in ("missing_frames", "contact_sheet") or row.name not in plans
            continue
        plan = plans[row.name]
        assert plan.kind == {"names": "string"}.get(row.kind, row.kind)
        assert plan.default == row.field_default
        assert plan.choices == row.choices
        assert plan.tooltip.startswith(row.tooltip)


def test_groups_are_closed_again() -> None:
    depth = 0
    for plan in PLAN:
        depth += {"group": 1, "closed_group": 1, "end": -1}.get(plan.kind, 0)
        assert depth in (0, 1)
        assert plan.kind != "tab" or depth == 0
    assert depth == 0


def test_a_tab_comes_first_and_what_is_kept_next() -> None:
    """Without a tab Nuke makes one called User; what a script keeps is there before other knobs are set."""
    assert PLAN[0].kind == "tab"
    hidden = [plan.hidden for plan in PLAN[1:]]
    assert hidden == sorted(hidden, reverse=True)
    assert sum(hidden) == 5


def test_the_last_tab_is_the_list() -> None:
    tabs = [plan.label for plan in PLAN if plan.kind == "tab"]
    assert tabs == ["Semantic Matte", "Controls", "Tools", "Instances"]


@pytest.mark.parametrize("plan", [plan for plan in PLAN if plan.kind == "button"], ids=lambda plan: plan.name)
def test_scripts_of_buttons_compile_and_name_themselves(plan: knob_plan.KnobPlan) -> None:
    compile(plan.script, plan.name, "exec")
    assert f'press("{plan.name}")' in plan.script
    assert plan.tooltip


def test_what_is_stored_on_the_node_is_silent_without_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "semantic_matte_nuke.node_callbacks", None)
    exec(compile(knob_plan.KNOB_CHANGED, "knobChanged", "exec"), {})


@pytest.mark.parametrize("name", knob_plan.QUALITIES)
def test_a_quality_is_known_by_its_values(name: str) -> None:
    assert knob_plan.quality_of(dict(knob_plan.QUALITIES[name])) == name
    assert knob_plan.quality_of({**knob_plan.QUALITIES[name], "passes": 11}) == "custom"


def test_the_standard_quality_is_the_engines_default() -> None:
    defaults = {row.name: row.default for row in control_rows()}
    assert {name: defaults[name] for name in knob_plan.QUALITIES["standard"]} == knob_plan.QUALITIES["standard"]


@settings(max_examples=500)
@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=8))
def test_entries_of_pulldowns_differ_and_mean_nothing_to_a_script(titles: list[str]) -> None:
    items = instance_knobs.menu_items(titles)
    assert len(items) == max(len(titles), 1)
    assert len(set(items)) == len(items)
    assert not set('{}[]"\\$;') & set("".join(items))


def test_a_row_says_what_it_is() -> None:
    row = Row("sm_a", "sm_a", "dog", "Rex", 0.91, "1001-1003", socket="sm_rex")
    assert instance_knobs.about(row) == "sm_rex, dog 0.91, frames 1001-1003"
    assert [plan.name for plan in instance_knobs.row_knobs(row)] == [
        "on_sm_a",
        "solo_sm_a",
        "title_sm_a",
        "about_sm_a",
    ]
    assert all(instance_knobs.ROW_KNOB.fullmatch(plan.name) for plan in instance_knobs.row_knobs(row))
