"""Each example in the add-on's README does what the README says, in a real Blender with the real worker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import bpy
import compat
import pytest
from bl_ext.user_default.semantic_matte import node_groups

README = Path(__file__).parent.parent.parent.parent / "blender_addon" / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", TEXT, re.DOTALL))


def run(name: str) -> dict[str, Any]:
    """Run an example as a console would; returns its variables."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(EXAMPLES[name], f"README.md, example {name}", "exec"), variables)
    return variables


@pytest.fixture
def shown(worker: Any, scene: Any, tree: Any, photo: Path, tmp_path: Path) -> Path:
    """The scene shows the photo by its node "Plate", and is saved; returns the file."""
    image = bpy.data.images.load(str(photo))
    tree.nodes["Plate"].image = image
    scene.render.resolution_x, scene.render.resolution_y = image.size
    blend = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    return blend


def test_every_block_is_an_example() -> None:
    assert TEXT.count("```python\n") == len(EXAMPLES) == 3


def test_every_operator_and_file_that_it_names_is_there() -> None:
    names = set(re.findall(r"bpy\.ops\.semantic_matte\.(\w+)", TEXT))
    assert len(names) >= 6
    assert names <= set(dir(bpy.ops.semantic_matte))
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    for picture in pictures:
        assert (README.parent / picture).is_file(), picture


def test_prepare(shown: Path, node: Any) -> None:
    settings = node_groups.settings_of(node)
    # The photo does not move: its matte would be held.
    settings.find, settings.passes, settings.hold = "person", 1, "OFF"
    run("prepare")
    bpy.ops.wm.open_mainfile(filepath=str(shown))
    _scene, _tree, node = node_groups.find_node(bpy.context)
    results = node_groups.shown_results(node.node_tree)
    assert results.frames == (1, 2, 3)
    assert all(Path(results.mattes_file(frame)).is_file() for frame in results.frames)


def test_operators(shown: Path, tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    taker = tree.nodes.new("CompositorNodeBlur")
    taker.name = "Mask"
    variables = run("operators")
    assert "person" in capsys.readouterr().out
    assert node_groups.nodes_in(tree) == []
    assert taker.inputs[0].is_linked
    assert variables["first"]


def test_client(
    shown: Path,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    scene = bpy.context.scene
    for frame in (1, 2):
        compat.render(scene, str(tmp_path / f"plate.{frame:04d}.exr"))
    (tmp_path / "plate.exr").unlink()
    variables = run("client")
    assert variables["shot"].names == variables["job"].result.names == ("person",)
    assert len(variables["shot"]) == 2
    assert "sm_person_01" in capsys.readouterr().out
