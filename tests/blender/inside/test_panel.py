"""The panel as an artist meets it, drawn on a layout that refuses what this Blender can't draw."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import matte_files
import pytest
from bl_ext.user_default.semantic_matte import (
    computation,
    control_rows,
    menus,
    node_groups,
    panel,
    panel_controls,
    panel_instances,
    presets,
    running,
)
from node_editor import node_editor
from recording_layout import LayoutError, RecordingLayout, draw, everything

SLOTS = ["sm_person_01", "sm_dog_01", "sm_car_01"]


@pytest.fixture
def settings(node: Any) -> Any:
    return node_groups.settings_of(node)


@pytest.fixture
def computed(node: Any, tmp_path: Path) -> Any:
    """A node with three instances, without an engine."""
    found, _ = matte_files.made(tmp_path / "results", SLOTS)
    node_groups.apply_results(node.node_tree, found)
    return node


def select(tree: Any, node: Any) -> None:
    """Select this node alone and make it the active one."""
    for one in tree.nodes:
        one.select = one == node
    tree.nodes.active = node


BROKEN = "can't be shown"


def drawn(tree: Any, broken: bool = False) -> dict[str, RecordingLayout]:
    """What each panel of ours draws that is there, by its name. broken: whether one is to show a failure."""
    with node_editor(tree) as context:
        panels = [one for one in panel._registered if issubclass(one, bpy.types.Panel) and one.poll(context)]
        layouts = {one.bl_idname: draw(one, context) for one in panels}
    words = "\n".join(text for layout in layouts.values() for text in layout.texts())
    assert (BROKEN in words.replace("\n", " ")) == broken, words
    return layouts


def main_of(tree: Any, broken: bool = False) -> RecordingLayout:
    """The top of the panel."""
    return drawn(tree, broken)[panel.MAIN]


class TestRecording:
    """What the other tests lean on: the layout refuses what Blender would."""

    @pytest.mark.parametrize(
        "slip",
        [
            lambda layout: layout.propp(bpy.context.scene, "name"),
            lambda layout: layout.prop(bpy.context.scene, "nmae"),
            lambda layout: layout.prop(bpy.context.scene, "name", txt=""),
            lambda layout: layout.label(text="", icon="SEMANTIC"),
            lambda layout: layout.label(text=3),
            lambda layout: layout.operator("semantic_matte.comput"),
            lambda layout: setattr(layout.operator("render.render"), "animated", True),
            lambda layout: setattr(layout, "colour", 3),
            lambda layout: layout.menu("SEMANTIC_MATTE_MT_nothing"),
            lambda layout: layout.progress(kind="BAR"),
        ],
    )
    def test_a_slip_raises(self, slip: Any) -> None:
        with pytest.raises(LayoutError):
            slip(RecordingLayout())

    def test_what_is_right_is_noted(self) -> None:
        layout = RecordingLayout()
        layout.row(align=True).operator("render.render", icon="ADD").animation = True
        assert layout.calls[1].properties == {"animation": True}


class TestWithoutNode:
    def test_offers_to_add_one(self, tree: Any) -> None:
        layouts = drawn(tree)
        assert list(layouts) == [panel.MAIN]
        assert layouts[panel.MAIN].operators() == ["semantic_matte.add"]

    def test_another_node_is_not_ours(self, tree: Any, node: Any) -> None:
        select(tree, tree.nodes["Plate"])
        assert main_of(tree).operators() == ["semantic_matte.add"]

    @pytest.mark.parametrize("selected", [True, False])
    def test_where_the_active_node_is_not_selected(self, tree: Any, node: Any, selected: bool) -> None:
        select(tree, node)
        tree.nodes.active = tree.nodes["Plate"]
        tree.nodes["Plate"].select, node.select = False, selected
        assert ("semantic_matte.compute" in main_of(tree).operators()) == selected

    def test_another_kind_of_tree_has_no_panel(self) -> None:
        material = bpy.data.materials.new("m")
        material.use_nodes = True
        window = bpy.context.window_manager.windows[0]
        area = window.screen.areas[0]
        area.ui_type = "ShaderNodeTree"
        with bpy.context.temp_override(window=window, area=area):
            assert not panel.SEMANTIC_MATTE_PT_main.poll(bpy.context)

    def test_inside_the_group_it_says_how_to_leave(self, tree: Any, node: Any) -> None:
        with node_editor(tree) as context:
            context.space_data.path.append(node.node_tree, node=node)
            layout = draw(panel.SEMANTIC_MATTE_PT_main, context)
            context.space_data.path.pop()
        assert "press Tab" in " ".join(layout.texts())
        assert layout.operators() == []


class TestSections:
    def test_every_shown_control_is_drawn_once(self, tree: Any, node: Any) -> None:
        select(tree, node)
        layouts = drawn(tree)
        sections = [one for name, one in layouts.items() if name not in (panel.MAIN, "SEMANTIC_MATTE_PT_tools")]
        properties = [call.arguments["property"] for call in everything(sections) if call.name == "prop"]
        shown = [row.name for row in control_rows.control_rows() if row.shown]
        assert sorted(properties) == sorted(shown)

    def test_presets_are_offered_where_quality_is_set(self, tree: Any) -> None:
        (edges,) = (one for one in panel._registered if one.bl_idname == "SEMANTIC_MATTE_PT_edge")
        layout = RecordingLayout()
        edges.draw_header_preset(SimpleNamespace(layout=layout), bpy.context)
        assert [call.arguments["panel"] for call in layout.of("popover")] == ["SEMANTIC_MATTE_PT_presets"]

    def test_every_basic_control_is_one(self) -> None:
        groups = control_rows.grouped_rows()
        for group, names in panel_controls.BASIC.items():
            assert set(names) <= {row.name for row in groups[group]}

    def test_advanced_ones_are_closed(self) -> None:
        classes = panel_controls.section_classes(panel.MAIN)
        closed = {one.bl_idname for one in classes if "DEFAULT_CLOSED" in one.bl_options}
        advanced = {one.bl_idname for one in classes if one.bl_label == "Advanced"}
        assert advanced
        assert advanced <= closed

    def test_every_property_drawn_has_a_tooltip(self, tree: Any, computed: Any) -> None:
        select(tree, computed)
        untold = []
        for call in everything(drawn(tree).values()):
            if call.name == "prop":
                found = call.arguments["data"].bl_rna.properties[call.arguments["property"]]
                untold += [found.identifier] * (not found.description)
            if call.name == "operator":
                module, _, name = call.arguments["operator"].partition(".")
                found = getattr(getattr(bpy.ops, module), name).get_rna_type()
                untold += [call.arguments["operator"]] * (not found.description)
        assert untold == []


class TestCompute:
    @pytest.mark.parametrize(
        ("extent", "words"),
        [("FRAME", "Compute Frame 7"), ("SCENE", "Compute 3 to 9"), ("RANGE", "Compute 1-4,6")],
    )
    def test_button_says_which_frames(
        self, scene: Any, tree: Any, node: Any, settings: Any, extent: str, words: str
    ) -> None:
        scene.frame_start, scene.frame_end = 3, 9
        scene.frame_set(7)
        settings.extent, settings.frame_range = extent, "1-4,6"
        select(tree, node)
        layout = main_of(tree)
        (button,) = layout.of("operator", operator="semantic_matte.compute")
        assert button.arguments["text"] == words
        assert button.properties == {"node": node.name}
        assert bool(layout.of("prop", property="frame_range")) == (extent == "RANGE")

    def test_while_it_runs_there_is_progress_and_cancel(
        self, scene: Any, tree: Any, node: Any, settings: Any
    ) -> None:
        select(tree, node)
        begun = computation.Computation(bpy.context, scene, tree, node)
        running.start(begun)
        try:
            begun.fraction = 0.5
            layout = main_of(tree)
            # Asked for by the button that was just drawn.
            bpy.ops.semantic_matte.cancel(node=node.name)
            cancelling = main_of(tree)
            assert begun.step()
        finally:
            begun.end_now("Ended by the test.")
            running.forget(begun)
        (progress,) = layout.of("progress")
        assert progress.arguments["factor"] == 0.5
        assert progress.arguments["text"] == "50%"
        assert "Looking at the plate" in " ".join(layout.texts())
        assert "semantic_matte.cancel" in layout.operators()
        assert "semantic_matte.compute" not in layout.operators()
        assert "Cancelling" in " ".join(cancelling.texts())
        # It has ended: the button is back.
        assert "semantic_matte.compute" in main_of(tree).operators()

    def test_an_error_is_red_with_what_to_do(self, tree: Any, node: Any, settings: Any) -> None:
        settings.last_error = "The engine is not there: install it."
        select(tree, node)
        layout = main_of(tree)
        assert layout.red_text().split() == settings.last_error.split()
        assert "semantic_matte.troubleshoot" in layout.operators()

    def test_notices_are_shown_and_not_red(self, tree: Any, node: Any, settings: Any) -> None:
        settings.last_notices = "First one.\nSecond one."
        select(tree, node)
        layout = main_of(tree)
        assert "First one. Second one." in " ".join(layout.texts())
        assert layout.red_text() == ""


class TestStatus:
    def test_before_any_compute(self, tree: Any, node: Any) -> None:
        select(tree, node)
        assert "No matte yet" in " ".join(main_of(tree).texts())

    def test_frames_and_objects(self, scene: Any, tree: Any, computed: Any) -> None:
        scene.frame_set(1)
        select(tree, computed)
        assert "3 objects, frames 1" in main_of(tree).texts()

    def test_a_frame_without_a_matte_is_red(self, scene: Any, tree: Any, computed: Any) -> None:
        scene.frame_set(12)
        select(tree, computed)
        assert main_of(tree).red_text() == "Frame 12 has no matte; frames 1 have."

    def test_what_was_set_differently_is_told(self, scene: Any, tree: Any, computed: Any) -> None:
        settings = node_groups.settings_of(computed)
        now = control_rows.settings_from(settings)
        settings.results_fingerprint = json.dumps({"settings": {**now, "track": False}})
        scene.frame_set(1)
        select(tree, computed)
        assert main_of(tree).red_text() == ""
        settings.passes, settings.device, settings.show = 7, "cpu", "OVERLAY"
        settings.results_fingerprint = json.dumps({"settings": {"passes": 4, "find": [], "track": False}})
        assert main_of(tree).red_text() == "Out of date: the settings changed (passes). Compute again."

    @pytest.mark.parametrize("fingerprint", ["{", "[]", "null", '{"settings": 3}'])
    def test_a_fingerprint_that_is_none(self, tree: Any, computed: Any, fingerprint: str) -> None:
        node_groups.settings_of(computed).results_fingerprint = fingerprint
        select(tree, computed)
        assert "Out of date" not in " ".join(main_of(tree).texts())

    def test_held(self, scene: Any, tree: Any, computed: Any) -> None:
        node_groups.settings_of(computed).results_hold = True
        scene.frame_set(12)
        select(tree, computed)
        layout = main_of(tree)
        assert "3 objects, held" in layout.texts()
        assert layout.red_text() == ""


class TestInstances:
    def test_one_row_each(self, tree: Any, computed: Any) -> None:
        select(tree, computed)
        layout = drawn(tree)["SEMANTIC_MATTE_PT_instances"]
        titles = [call.arguments["data"].title for call in layout.of("prop", property="title")]
        assert titles == [row.title for row in node_groups.settings_of(computed).instances]
        assert len(layout.of("prop", property="enabled")) == len(layout.of("prop", property="solo")) == 3
        assert layout.texts().count("50%") == 3

    def test_merged_ones_say_into_what(self, tree: Any, computed: Any) -> None:
        rows = node_groups.settings_of(computed).instances
        rows["sm_dog_01"].into = "sm_person_01"
        select(tree, computed)
        assert f"in {rows['sm_person_01'].title}" in drawn(tree)["SEMANTIC_MATTE_PT_instances"].texts()

    def test_merge_menu_offers_the_others(self, tree: Any, computed: Any) -> None:
        select(tree, computed)
        node_groups.settings_of(computed).active_instance = 1
        with node_editor(tree) as context:
            layout = draw(panel_instances.SEMANTIC_MATTE_MT_merge, context)
        assert [call.properties["into"] for call in layout.of("operator")] == ["sm_person_01", "sm_car_01"]
        assert {call.properties["key"] for call in layout.of("operator")} == {"sm_dog_01"}

    def test_an_active_row_that_is_gone(self, tree: Any, computed: Any) -> None:
        node_groups.settings_of(computed).active_instance = 99
        select(tree, computed)
        assert "sm_person_01" not in " ".join(drawn(tree)["SEMANTIC_MATTE_PT_instances"].texts())


class TestLinked:
    def test_it_says_what_can_not_be_done_here(self, tree: Any, computed: Any, tmp_path: Path) -> None:
        library = tmp_path / "shot ü.blend"
        bpy.data.libraries.write(str(library), {computed.node_tree}, fake_user=True)
        with bpy.data.libraries.load(str(library), link=True) as (there, here):
            here.node_groups = there.node_groups
        node = tree.nodes.new("CompositorNodeGroup")
        (node.node_tree,) = here.node_groups
        select(tree, node)
        layouts = drawn(tree)
        words = " ".join(layouts[panel.MAIN].texts())
        assert "'shot ü.blend'" in words
        assert "semantic_matte.compute" not in layouts[panel.MAIN].operators()
        assert "3 objects, frames 1" in words
        with node_editor(tree), pytest.raises(RuntimeError, match="another file"):
            bpy.ops.semantic_matte.preset_apply(
                filepath=str(presets.SHIPPED / "presets/semantic_matte/Fast.py")
            )


class TestCost:
    def test_drawing_looks_at_no_file_and_starts_nothing(
        self, tree: Any, computed: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        select(tree, computed)
        # What is imported or cached at the first drawing is not counted.
        drawn(tree)
        _heard.clear()
        with node_editor(tree) as context:
            panels = [one for one in panel._registered if issubclass(one, bpy.types.Panel)]
            for name in ("stat", "lstat", "listdir", "scandir"):
                monkeypatch.setattr(os, name, lambda *_: pytest.fail("a file is looked at"))
            _listening.append(True)
            for one in panels:
                one.poll(context)
                draw(one, context)
            _listening.clear()
            monkeypatch.undo()
        assert _heard == []


_heard: list[str] = []
_listening: list[bool] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what costs time; a hook of Python's that can't be taken back."""
    if _listening and event in (
        "open",
        "import",
        "subprocess.Popen",
        "socket.connect",
        "os.listdir",
        "os.scandir",
    ):
        _heard.append(f"{event} {arguments[:1]}")


sys.addaudithook(_hear)


class TestBroken:
    def test_draws_a_sentence_and_never_raises(
        self, tree: Any, node: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(_identity: str) -> None:
            raise RuntimeError("a slip")

        monkeypatch.setattr(running, "current", broken)
        select(tree, node)
        for _ in range(3):
            assert f"{BROKEN} (RuntimeError: a slip)" in main_of(tree, broken=True).red_text()
        assert capsys.readouterr().err.count("RuntimeError: a slip") <= 1

    def test_texts_of_a_broken_file(self, tree: Any, computed: Any) -> None:
        settings = node_groups.settings_of(computed)
        settings.results_frames, settings.last_error = "1-", "x" * 500
        settings.results_words = "ünïcode 物体"
        select(tree, computed)
        assert "Frame" in main_of(tree).red_text()


class TestMenus:
    def test_add_menu(self, tree: Any) -> None:
        with node_editor(tree) as context:
            layout = RecordingLayout()
            menus.draw_add(type("Menu", (), {"layout": layout}), context)
        assert [(call.arguments["operator"], call.arguments["text"]) for call in layout.of("operator")] == [
            ("semantic_matte.add", "Semantic Matte")
        ]

    def test_context_menu_of_ours_alone(self, tree: Any, node: Any) -> None:
        found = []
        for one in (node, tree.nodes["Plate"]):
            select(tree, one)
            with node_editor(tree) as context:
                layout = RecordingLayout()
                menus.draw_node_context(type("Menu", (), {"layout": layout}), context)
            found.append(len(layout.operators()))
        assert found[0] > 0
        assert found[1] == 0

    def test_they_are_in_blenders_menus(self) -> None:
        assert menus.draw_add in bpy.types.NODE_MT_add._dyn_ui_initialize()
        assert menus.draw_node_context in bpy.types.NODE_MT_context_menu._dyn_ui_initialize()


def test_preferences_draw(scene: Any) -> None:
    addon = bpy.context.preferences.addons["bl_ext.user_default.semantic_matte"]
    for cache in ("BESIDE", "FOLDER"):
        addon.preferences.cache = cache
        layout = RecordingLayout()
        # Blender gives its own layout in `self`, so the class's function is called with what it reads of it.
        reads = {"layout": layout}
        type(addon.preferences).draw(_Seen(addon.preferences, reads), bpy.context)
        assert bool(layout.of("prop", property="cache_folder")) == (cache == "FOLDER")
        assert "semantic_matte.worker_stop" in layout.operators()
    addon.preferences.cache = "BESIDE"


class _Seen:
    """An object as it is, but for what is given here."""

    def __init__(self, known: Any, given: dict[str, Any]) -> None:
        self._known, self._given = known, given

    def __getattr__(self, name: str) -> Any:
        return self._given[name] if name in self._given else getattr(self._known, name)
