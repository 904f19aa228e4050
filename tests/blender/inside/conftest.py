"""What tests share that run inside a real Blender: the enabled add-on, a small scene, the engine's worker.

Run by tests/blender/test_inside.py, in one process for each Blender and file. There is no engine in here, as in
an artist's Blender: it is reached through the worker, whose Python SEMANTIC_MATTE_PYTHON names. Test files
import the add-on as Blender does: `from bl_ext.user_default.semantic_matte import node_groups`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

IN_BLENDER = importlib.util.find_spec("bpy") is not None
# Another Python passes these files by.
collect_ignore_glob = [] if IN_BLENDER else ["*"]

ROOT = Path(__file__).parent.parent.parent.parent
PHOTO = ROOT / "tests" / "data" / "photos" / "astronaut.png"
SIZE = (64, 48)

Pixels = dict[str, Any]


class _Session:
    """One process of Blender: its folders, made before bpy is loaded, and its exit code."""

    def __init__(self) -> None:
        # In the outer test's folder, which is removed in time even where Blender crashes.
        self.scratch = Path(tempfile.mkdtemp(prefix="sm-", dir=os.environ.get("SEMANTIC_MATTE_SCRATCH")))
        self.code = 1
        # Blender reads them when it is loaded. An artist's own settings are neither seen nor touched.
        os.environ["BLENDER_USER_RESOURCES"] = str(self.scratch / "blender")
        for name in ("RUNTIME", "CONFIG", "LOGS"):
            os.environ.setdefault(f"SEMANTIC_MATTE_{name}", str(self.scratch / name.lower()))
        addon_place.place_addon(self.scratch / "blender")

    def enable(self) -> None:
        """Load Blender and enable the add-on, as the preferences' checkbox does."""
        import addon_utils

        errors: list[Exception] = []
        addon_utils.enable(addon_place.MODULE, default_set=True, handle_error=errors.append)
        if errors:
            raise errors[0]

    def end(self) -> None:
        """End the worker, if it is this session's own, and the process: 4.5 hangs when it ends by itself."""
        if os.environ["SEMANTIC_MATTE_RUNTIME"].startswith(str(self.scratch)):
            from bl_ext.user_default.semantic_matte.client_package import client

            for device in ("auto", "cpu"):
                client().stop(device=device)
        for folder in (self.scratch, sys.modules["bpy"].app.tempdir):
            shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.code)


if IN_BLENDER:
    import addon_place

    _session = _Session()
    import bpy  # noqa: F401 - before the first test file is imported

    _session.enable()
    import compat


def pytest_sessionfinish(exitstatus: int) -> None:
    if IN_BLENDER:
        _session.code = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if IN_BLENDER:
        try:
            _session.end()
        finally:
            os._exit(_session.code or 1)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Any]:
    """A new file's scene of 64x48 pixels with nothing to render in 3D, written as 32-bit EXR.

    Its compositor shows the image `plate_file`: a node named "Plate" and the scene's output.
    """
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    compat.prepare_scene(scene, *SIZE)
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.exr_codec = "ZIP"
    tree, picture = compat.empty_compositor(scene)
    plate = write_plate(tmp_path / "plate.exr")
    node = compat.image_node(tree, str(plate))
    node.name = "Plate"
    tree.links.new(node.outputs["Image"], picture)
    return scene


@pytest.fixture
def plate_file(tmp_path: Path) -> Path:
    """The image of `scene`: a 32-bit RGBA EXR of 64x48 pixels, each another colour between 0 and 1."""
    return tmp_path / "plate.exr"


@pytest.fixture
def tree(scene: Any) -> Any:
    """The compositor's tree of `scene`."""
    return compositor_of(scene)


@pytest.fixture
def node(tree: Any) -> Any:
    """A Semantic Matte node in `tree`: the plate flows into it, and from it to the scene's output."""
    from bl_ext.user_default.semantic_matte import node_groups

    node = node_groups.add_node(tree)
    output = next(one for one in tree.nodes if one.bl_idname in OUTPUTS)
    tree.links.new(tree.nodes["Plate"].outputs["Image"], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], output.inputs["Image"])
    return node


OUTPUTS = ("CompositorNodeComposite", "NodeGroupOutput")


def compositor_of(scene: Any) -> Any:
    """The tree that a scene's picture comes from."""
    return scene.compositing_node_group if compat.HAS_COMPOSITING_GROUPS else scene.node_tree


def write_plate(path: Path, size: tuple[int, int] = SIZE, seed: int = 1) -> Path:
    """A 32-bit RGBA EXR of this size (width, height), each pixel another colour; alpha is 1."""
    import numpy as np
    import OpenEXR

    colours = np.random.default_rng(seed).random((size[1], size[0], 4), np.float32)
    colours[..., 3] = 1
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGBA": colours}).write(str(path))
    return path


def read_channels(path: Path | str) -> Pixels:
    """Channel's full name -> (H, W) pixels of an EXR, of all its parts, read without Blender."""
    import OpenEXR

    found: Pixels = {}
    with OpenEXR.File(str(path), separate_channels=True) as file:
        for part in file.parts:
            found |= {name: channel.pixels.copy() for name, channel in part.channels.items()}
    return found


@pytest.fixture
def read_exr() -> Callable[[Path | str], Pixels]:
    """Reads an EXR outside Blender: channel's name ("R", "sm_person_01.A") -> (H, W) array."""
    return read_channels


@pytest.fixture
def render(tmp_path: Path) -> Callable[[Any], Pixels]:
    """Renders a scene's current frame, and returns what `read_exr` does of the written file."""
    numbers = iter(range(10_000))

    def run(scene: Any) -> Pixels:
        """Every call writes a file of its own."""
        path = tmp_path / f"rendered.{next(numbers)}.exr"
        compat.render(scene, str(path))
        return read_channels(path)

    return run


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PNG of 128x128 pixels of a photo with one person, NASA's astronaut."""
    import bpy

    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    image = bpy.data.images.load(str(PHOTO))
    image.scale(128, 128)
    image.filepath_raw = str(path)
    image.file_format = "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


@pytest.fixture(scope="session")
def worker() -> Any:
    """The client package in an environment where its worker can be started, or runs already for other files."""
    if not os.environ.get("SEMANTIC_MATTE_PYTHON"):
        pytest.fail("SEMANTIC_MATTE_PYTHON names no engine's Python: run tests/blender/test_inside.py")
    from bl_ext.user_default.semantic_matte.client_package import client

    return client()
