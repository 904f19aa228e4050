"""What the panel's buttons do: thumbnails, presets, folders, Cryptomatte, preferences, troubleshooting."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import matte_files
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import (
    node_groups,
    operators_tools,
    preferences,
    presets,
    running,
    status_bar,
    thumbnails,
    troubleshooting,
)
from node_editor import node_editor
from recording_layout import RecordingLayout, draw

ADDON = "bl_ext.user_default.semantic_matte"
SLOTS = ["sm_person_01", "sm_dog_01"]
JOBS = ("0123456789abcdef", "fedcba9876543210", "00000000deadbeef")


@pytest.fixture
def settings(node: Any) -> Any:
    return node_groups.settings_of(node)


@pytest.fixture
def chosen() -> Iterator[Any]:
    """The add-on's preferences, as they were afterwards."""
    found = bpy.context.preferences.addons[ADDON].preferences
    yield found
    for name in ("python", "cache", "cache_folder", "device", "on_stale"):
        found.property_unset(name)


@pytest.fixture
def computed(node: Any, settings: Any, tmp_path: Path) -> Any:
    """A node with results in a folder as jobs have them, and two of earlier jobs beside it."""
    home = tmp_path / "cache" / settings.identity
    for job in JOBS[1:]:
        matte_files.made(home / job, SLOTS)
    found, _ = matte_files.made(home / JOBS[0], SLOTS)
    node_groups.apply_results(node.node_tree, found)
    return node


def data_blocks() -> dict[str, list[str]]:
    """The names of everything in the file."""
    return {
        name: [one.name for one in getattr(bpy.data, name)]
        for name in dir(bpy.data)
        if isinstance(getattr(bpy.data, name), bpy.types.bpy_prop_collection)
    }


class TestThumbnails:
    BOXES = {"sm_person_01": (4, 4, 30, 40), "sm_dog_01": (30, 10, 60, 40)}  # noqa: RUF012 - never changed

    def test_made_of_the_plate_and_nothing_stays(self, computed: Any, plate_file: Path, read_exr: Any) -> None:
        results = node_groups.shown_results(computed.node_tree)
        before, dirty = data_blocks(), bpy.data.is_dirty
        thumbnails.make(results, plate_file, self.BOXES)
        assert (data_blocks(), bpy.data.is_dirty) == (before, dirty)
        picture = seen(Path(results.folder) / "thumbnails" / "sm_dog_01.png")
        assert picture.shape == (128, 128, 4)
        plate = read_exr(plate_file)
        # The middle of the box is the middle of the picture; the file's rows are the other way up in Blender.
        light = np.stack([plate[name][24:26, 44:46].mean() for name in "RGB"]).clip(0, 1)
        code = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(picture[62:66, 62:66, :3].mean((0, 1)), code, atol=0.12)

    @pytest.mark.parametrize("boxes", [{"sm_person_01": (900, 900, 950, 950)}, {"sm_person_01": (1, 2)}])
    def test_never_fails_a_compute(
        self, computed: Any, plate_file: Path, boxes: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        thumbnails.make(node_groups.shown_results(computed.node_tree), plate_file, boxes)
        assert "no thumbnails were made" in capfd.readouterr().err

    def test_a_plate_that_is_gone(
        self, computed: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        before = data_blocks()
        thumbnails.make(node_groups.shown_results(computed.node_tree), tmp_path / "none.exr", self.BOXES)
        assert "no thumbnails were made" in capfd.readouterr().err
        assert data_blocks() == before

    def test_shown_after_they_were_asked_for(self, computed: Any, plate_file: Path) -> None:
        results = node_groups.shown_results(computed.node_tree)
        thumbnails.make(results, plate_file, {"sm_dog_01": self.BOXES["sm_dog_01"]})
        # While drawing nothing is read; soon after, both are looked for.
        assert [thumbnails.icon_id(results.folder, slot) for slot in SLOTS] == [0, 0]
        assert read_now(results.folder) == {"sm_dog_01": (128, 128)}
        thumbnails.make(results, plate_file, {"sm_person_01": self.BOXES["sm_person_01"]})
        assert read_now(results.folder) == dict.fromkeys(SLOTS, (128, 128))
        (Path(results.folder) / "thumbnails" / "sm_dog_01.png").unlink()
        thumbnails.forget(results.folder)
        assert read_now(results.folder) == {"sm_person_01": (128, 128)}


def read_now(folder: str) -> dict[str, tuple[int, int]]:
    """Sizes of the pictures that Blender has, by slot, after a drawing. Icons have numbers in a window only."""
    for slot in SLOTS:
        thumbnails.icon_id(folder, slot)
    thumbnails._read_wanted()
    paths = {slot: thumbnails._path(folder, slot) for slot in SLOTS}
    assert set(paths.values()) <= set(thumbnails._icons)
    there = {slot: path for slot, path in paths.items() if path in thumbnails._previews}
    return {slot: tuple(thumbnails._previews[path].image_size) for slot, path in there.items()}


def seen(path: Path) -> np.ndarray:
    """(H, W, 4) of a PNG, from 0 to 1 as it is coded, the top row first."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = image.size
        return np.array(image.pixels[:], np.float32).reshape(height, width, 4)[::-1]
    finally:
        bpy.data.images.remove(image)


class TestPresets:
    def test_listed_and_applied(self, tree: Any, node: Any, settings: Any) -> None:
        tree.nodes.active = node
        with node_editor(tree):
            paths = bpy.utils.preset_paths(presets.SUBFOLDER)
            files = sorted(path.name for one in paths for path in Path(one).iterdir())
            assert files == ["Default.py", "Fast.py", "Fine_Hair.py"]
            settings.find, settings.passes = "dog", 3
            (path,) = (Path(one) / "Fine_Hair.py" for one in paths)
            assert bpy.ops.semantic_matte.preset_apply(filepath=str(path)) == {"FINISHED"}
        assert (settings.passes, settings.samples, settings.find) == (6, 9, "dog")
        assert abs(settings.dilation_outer - 0.12) < 1e-6

    def test_the_list_has_buttons_to_apply_add_and_remove(self, tree: Any, node: Any) -> None:
        kind = presets.SEMANTIC_MATTE_PT_presets
        names = [name for name in dir(kind) if name.startswith("preset_")]
        members = {name: getattr(kind, name) for name in (*names, "bl_idname")}
        layout = RecordingLayout()
        seen_as = type("Panel", (), {**members, "layout": layout, "path_menu": bpy.types.Menu.path_menu})
        kind.draw(seen_as(), bpy.context)
        applied = [call.properties["filepath"] for call in layout.of("operator", operator=kind.preset_operator)]
        assert [Path(path).name for path in applied] == ["Default.py", "Fast.py", "Fine_Hair.py"]
        others = layout.of("operator", operator=kind.preset_add_operator)
        assert [call.properties["name"] for call in others[:-1]] == ["Default", "Fast", "Fine Hair"]
        assert all(call.properties["remove_name"] for call in others[:-1])

    def test_blender_itself_can_run_one(self, tree: Any, node: Any, settings: Any) -> None:
        tree.nodes.active = node
        folder = presets.SHIPPED / "presets" / presets.SUBFOLDER
        with node_editor(tree):
            bpy.ops.script.execute_preset(filepath=str(Path(folder) / "Fast.py"), menu_idname=presets.MENU)
        assert (settings.passes, settings.samples) == (2, 1)

    def test_own_ones_are_kept_listed_and_removed(self, tree: Any, node: Any, settings: Any) -> None:
        tree.nodes.active = node
        settings.find, settings.passes, settings.device = "person:largest", 9, "cpu"
        with node_editor(tree):
            assert bpy.ops.semantic_matte.preset_add(name="Mein Haar ä") == {"FINISHED"}
            own = Path(bpy.utils.user_resource("SCRIPTS", path="presets")) / presets.SUBFOLDER
            (path,) = own.iterdir()
            settings.find, settings.passes, settings.device = "", 1, "auto"
            bpy.ops.semantic_matte.preset_apply(filepath=str(path))
            assert (settings.find, settings.passes, settings.device) == ("person:largest", 9, "auto")
            bpy.ops.semantic_matte.preset_add(name=path.stem, remove_name=True)
        assert not path.exists()

    def test_shipped_ones_can_not_be_removed(self, tree: Any, node: Any) -> None:
        tree.nodes.active = node
        folder = presets.SHIPPED / "presets" / presets.SUBFOLDER
        path = Path(folder) / "Fast.py"
        before = path.read_bytes()
        with node_editor(tree):
            bpy.ops.semantic_matte.preset_add(name="Fast", remove_name=True)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("content", [b"nothing", b"\xff\xfe\xff", None])
    def test_a_broken_file_is_told(self, node: Any, settings: Any, tmp_path: Path, content: Any) -> None:
        path = tmp_path / "broken.py"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RuntimeError, match="choose another"):
            bpy.ops.semantic_matte.preset_apply(filepath=str(path))

    def test_of_another_version(self, node: Any, settings: Any, tmp_path: Path) -> None:
        path = tmp_path / "other.py"
        path.write_text("settings.passes = 8\nsettings.hair_mode = 'LONG'\n", encoding="utf-8")
        assert bpy.ops.semantic_matte.preset_apply(filepath=str(path)) == {"FINISHED"}
        assert settings.passes == 8

    def test_without_a_node(self, tree: Any) -> None:
        with pytest.raises(RuntimeError, match="no Semantic Matte node"):
            bpy.ops.semantic_matte.preset_add(name="None")


class TestFolders:
    def test_open_folder(self, computed: Any) -> None:
        assert bpy.ops.semantic_matte.open_folder() == {"FINISHED"}

    def test_nothing_to_open(self, node: Any) -> None:
        with pytest.raises(RuntimeError, match="no results yet"):
            bpy.ops.semantic_matte.open_folder()

    def test_clear_keeps_what_is_shown_and_what_is_not_ours(self, computed: Any) -> None:
        home = operators_tools.results_folder(computed).parent
        (home / "notes").mkdir()
        assert bpy.ops.semantic_matte.clear_cache() == {"FINISHED"}
        assert sorted(path.name for path in home.iterdir()) == [JOBS[0], "notes"]
        assert bpy.ops.semantic_matte.clear_cache() == {"FINISHED"}

    def test_clear_keeps_what_another_node_shows(self, tree: Any, computed: Any) -> None:
        other = node_groups.add_node(tree)
        home = operators_tools.results_folder(computed).parent
        found = matte_files.results(home / JOBS[1], SLOTS)
        node_groups.apply_results(other.node_tree, found)
        bpy.ops.semantic_matte.clear_cache(node=computed.name)
        assert sorted(path.name for path in home.iterdir()) == sorted(JOBS[:2])

    def test_clear_keeps_what_a_baked_node_reads(self, computed: Any) -> None:
        home = operators_tools.results_folder(computed).parent
        bpy.data.images.load(str(home / JOBS[2] / "plate.mattes.0001.exr"))
        bpy.ops.semantic_matte.clear_cache()
        assert sorted(path.name for path in home.iterdir()) == sorted((JOBS[0], JOBS[2]))

    def test_not_while_it_is_computed(self, computed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        identity = node_groups.settings_of(computed).identity
        monkeypatch.setitem(running._running, identity, (object(), lambda: None))
        with pytest.raises(RuntimeError, match="being computed"):
            bpy.ops.semantic_matte.clear_cache()

    def test_a_folder_that_is_gone(self, computed: Any, tmp_path: Path) -> None:
        (tmp_path / "cache").rename(tmp_path / "elsewhere")
        with pytest.raises(RuntimeError, match="is gone: compute the node again"):
            bpy.ops.semantic_matte.open_folder()


class TestCryptomatte:
    def test_without_results(self, node: Any) -> None:
        with pytest.raises(RuntimeError, match="no results yet"):
            bpy.ops.semantic_matte.add_cryptomatte()

    def test_of_a_file_that_is_none(self, tree: Any, computed: Any) -> None:
        before = [one.name for one in tree.nodes]
        with pytest.raises(RuntimeError, match="has no objects: compute again"):
            bpy.ops.semantic_matte.add_cryptomatte()
        assert [one.name for one in tree.nodes] == before

    def test_gives_the_engines_matte(
        self, tree: Any, photo: Path, worker: Any, render: Callable[[Any], Any], scene: Any
    ) -> None:
        tree.nodes["Plate"].image = bpy.data.images.load(str(photo))
        scene.render.resolution_x = scene.render.resolution_y = 128
        node = node_groups.add_node(tree)
        tree.links.new(tree.nodes["Plate"].outputs["Image"], node.inputs["Image"])
        settings = node_groups.settings_of(node)
        settings.find, settings.passes = "person:largest", 1
        bpy.ops.semantic_matte.compute(node=node.name)
        bpy.ops.semantic_matte.add_cryptomatte(node=node.name)
        added = tree.nodes.active
        assert added.bl_idname == "CompositorNodeCryptomatteV2"
        assert added.image == node_groups.image_nodes(node.node_tree)[1].image
        assert added.inputs["Image"].links[0].from_node.name == "Plate"
        assert [one.name for one in tree.nodes if one.select] == [added.name]
        output = next(
            one for one in tree.nodes if one.bl_idname in ("CompositorNodeComposite", "NodeGroupOutput")
        )
        pictures = []
        (row,) = settings.instances
        assert added.matte_id == row.slot
        for socket in (added.outputs["Matte"], node.outputs[row.title]):
            tree.links.new(socket, output.inputs["Image"])
            pictures.append(render(scene)["R"])
        assert pictures[1].max() == 1.0
        # The Cryptomatte has 32 bits, the layer 16.
        np.testing.assert_allclose(pictures[0], pictures[1], atol=0.0005)
        assert (
            Path(node_groups.shown_results(node.node_tree).folder) / "thumbnails" / f"{row.slot}.png"
        ).is_file()
        assert bpy.ops.semantic_matte.worker_status() == {"FINISHED"}


class TestPreferences:
    def test_as_they_come(self, chosen: Any) -> None:
        assert preferences.chosen() == preferences.Choices()

    def test_what_is_set(self, chosen: Any) -> None:
        chosen.python, chosen.cache, chosen.device = " /opt/python ", "USER", "cpu"
        found = preferences.chosen()
        assert (found.python, found.cache, found.device) == ("/opt/python", "USER", "cpu")

    def test_new_nodes_get_them(self, chosen: Any, scene: Any, tree: Any) -> None:
        chosen.device, chosen.on_stale = "cpu", "WARN"
        bpy.ops.semantic_matte.add()
        (node,) = node_groups.nodes_in(tree)
        assert node_groups.settings_of(node).device == "cpu"
        assert scene.semantic_matte_on_stale == "WARN"
        # A file that has nodes keeps what its artist chose for it.
        chosen.on_stale = "STOP"
        bpy.ops.semantic_matte.add()
        assert scene.semantic_matte_on_stale == "WARN"

    def test_the_engine_is_found_and_shown(self, chosen: Any) -> None:
        assert bpy.ops.semantic_matte.find_engine() == {"FINISHED"}
        assert preferences._engine_words == (
            True,
            f"'{os.environ['SEMANTIC_MATTE_PYTHON']}', named by $SEMANTIC_MATTE_PYTHON",
        )

    def test_a_wrong_python_is_told_when_it_is_typed(self, chosen: Any, tmp_path: Path) -> None:
        chosen.python = str(tmp_path / "none")
        there, words = preferences._engine_words
        assert not there
        assert "is not there" in words
        with pytest.raises(RuntimeError, match="is not there"):
            bpy.ops.semantic_matte.find_engine()


class TestTroubleshoot:
    def test_without_a_window_it_waits_and_raises(
        self, chosen: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        chosen.python = str(tmp_path / "none")
        with pytest.raises(RuntimeError, match="is not there"):
            bpy.ops.semantic_matte.troubleshoot()
        said = capfd.readouterr().out
        assert f"Blender {bpy.app.version_string}" in said
        assert "error   engine's Python" in said

    def test_findings_are_drawn(self, chosen: Any, tmp_path: Path) -> None:
        chosen.python = str(tmp_path / "none")
        troubleshooting.begin()
        assert troubleshooting.poll()
        troubleshooting.end()
        layout = draw(troubleshooting.SEMANTIC_MATTE_OT_findings, bpy.context)
        assert "is not there" in layout.red_text()
        (copy,) = layout.of("operator")
        assert "engine's Python" in copy.properties["text"]

    def test_in_a_window_it_never_waits(self, chosen: Any, scene: Any, tree: Any, tmp_path: Path) -> None:
        slow = tmp_path / "python"
        slow.write_text("#!/bin/sh\nsleep .3\necho '[]'\n", encoding="utf-8")
        slow.chmod(0o755)
        chosen.python = str(slow)
        with node_editor(tree) as context:
            troubleshooting.watch(context)
        assert troubleshooting.respond("MOUSEMOVE") == {"PASS_THROUGH"}
        assert troubleshooting.respond("TIMER") == {"PASS_THROUGH"}
        until = time.monotonic() + 20
        while (answer := troubleshooting.respond("TIMER")) == {"PASS_THROUGH"}:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert answer == {"FINISHED"}
        assert troubleshooting._timer is None
        assert "ended with code 0" in troubleshooting.text_of(troubleshooting._lines)
        assert troubleshooting.respond("TIMER") == {"CANCELLED"}

    def test_an_engine_that_hangs_is_ended_with_the_addon(self, chosen: Any, tmp_path: Path) -> None:
        hangs = tmp_path / "python"
        hangs.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
        hangs.chmod(0o755)
        chosen.python = str(hangs)
        troubleshooting.begin()
        process = troubleshooting._run._process
        assert not troubleshooting.poll()
        operators_tools.unregister()
        operators_tools.register()
        assert process.poll() is not None


def test_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket's path is short, and pytest's folders are deep.
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", folder)
        assert bpy.ops.semantic_matte.worker_status() == {"FINISHED"}
        assert bpy.ops.semantic_matte.worker_stop() == {"FINISHED"}


def test_the_status_bar_is_left_alone_without_a_window(scene: Any) -> None:
    status_bar.show("matting")
    assert status_bar._shown == set()
    status_bar.clear()


def test_copy() -> None:
    assert bpy.ops.semantic_matte.copy_message(text="a sentence") == {"FINISHED"}


def test_text_is_wrapped() -> None:
    from bl_ext.user_default.semantic_matte.wrapped_text import draw_wrapped

    layout = RecordingLayout()
    draw_wrapped(layout, "one two three four five six", 12, icon="ERROR", alert=True)
    assert layout.texts() == ["one two", "three four", "five six"]
    assert [call.arguments["icon"] for call in layout.of("label")] == ["ERROR", "BLANK1", "BLANK1"]
    assert layout.red_text() == "one two three four five six"
