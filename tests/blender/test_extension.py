"""The extension as a package: Blender's own validator, and a real install, use and removal in each Blender."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import pytest

from semantic_matte.installing import plan_install, plan_uninstall, plan_zip
from semantic_matte_client.client import Client

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ADDON = ROOT / "blender_addon"
PHOTO = ROOT / "tests" / "data" / "photos" / "astronaut.png"
SECONDS = 240


class Blender(Protocol):
    """See conftest."""

    python: str
    folder: Path


def run(blender: Blender, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """This Blender's Python, which must not see the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OCIO"))}
    done = subprocess.run(
        [blender.python, "-I", "-B", *map(str, arguments)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{blender.python} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """The zip that an artist gets."""
    path = tmp_path / "Zoë's downloads" / "semantic matte.zip"
    plan_zip("blender", path).carry_out()
    return path


@pytest.fixture
def validator(blender: Blender) -> Path:
    """The program by which Blender's own extensions are checked and packed, as it lies in this version."""
    packages = run(blender, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").stdout.strip()
    (found,) = Path(packages).glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    return found


def test_blenders_own_validator_takes_the_manifest_and_the_zip(
    blender: Blender, validator: Path, packed: Path
) -> None:
    for what in (ADDON, packed):
        said = run(blender, validator, "validate", what)
        assert "Success" in said.stdout
        assert "WARN" not in (said.stdout + said.stderr).upper()


def test_what_blender_would_pack_is_in_our_zip(blender: Blender, validator: Path, packed: Path) -> None:
    theirs = blender.folder / "built.zip"
    run(blender, validator, "build", "--source-dir", ADDON, "--output-filepath", theirs)
    with zipfile.ZipFile(theirs) as built, zipfile.ZipFile(packed) as ours:
        names = [name for name in ours.namelist() if not name.startswith("semantic_matte_client/")]
        assert sorted(built.namelist()) == sorted(names)
        assert all(built.read(name) == ours.read(name) for name in names)


@pytest.fixture
def runtime(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's worker is met; it is ended afterwards."""
    monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(short_folder))
    yield short_folder
    with Client(device="cpu", runtime=short_folder) as client:
        client.stop()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket's."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sm-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.mark.slow
def test_installed_used_disabled_and_removed(blender: Blender, packed: Path, runtime: Path) -> None:
    resources, plate = blender.folder / "resources ü", blender.folder / "plate.png"
    cv2.imwrite(str(plate), cv2.resize(cv2.imread(str(PHOTO)), (96, 96), interpolation=cv2.INTER_AREA))
    job = {"zip": str(packed), "plate": str(plate), "answer": str(blender.folder / "answer.json")}
    (blender.folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    run(
        blender,
        HERE / "install_extension.py",
        blender.folder / "job.json",
        BLENDER_USER_RESOURCES=str(resources),
        # The engine is the one that the zip names; nothing else tells where it is.
        SEMANTIC_MATTE_CONFIG=str(blender.folder / "config"),
        PATH=os.defpath,
    )
    found: dict[str, Any] = json.loads((blender.folder / "answer.json").read_text(encoding="utf-8"))
    nothing = {name: [] for name in found["before"]}
    assert found["before"] == nothing
    assert found["enabled"]
    assert found["here"]["classes"]
    assert found["computed"]["error"] == ""
    assert found["computed"]["instances"] == ["person_01"]
    assert "person_01" in found["computed"]["sockets"]
    mid_job = found["mid_job"]
    assert mid_job["states"] == ["computing", "cancelled"]
    assert "disabled" in mid_job["said"]
    assert mid_job["found"] == nothing
    assert mid_job["saved"]
    assert mid_job["enabled"]
    assert found["again"] == found["here"]
    assert found["after"] == nothing
    assert found["loaded"] == []
    assert not (resources / "extensions" / "user_default" / "semantic_matte").exists()
    left = {path.relative_to(resources).as_posix() for path in resources.rglob("*") if path.is_file()}
    # Blender's own note, its list of what is compatible, and the user's mattes.
    mattes = "extensions/.user/user_default/semantic_matte/"
    assert {name for name in left if not name.startswith(mattes)} <= {"extensions/.cache/compat.dat"}
    with Client(device="cpu", runtime=runtime) as client:
        status = client.status()
    assert status is None or status["jobs"] == []


# A Blender that leaves the user's scripts aside, as `--factory-startup` does and as a module does too.
ENABLE = """
import json, os, sys
import bpy
import addon_utils
errors = []
addon_utils.enable("bl_ext.user_default.semantic_matte", handle_error=errors.append)
import semantic_matte_client
from semantic_matte_client import engine_place
answer = {
    "errors": list(map(str, errors)),
    "client": semantic_matte_client.__file__,
    "engine": engine_place.find(),
    "operator": bpy.ops.semantic_matte.compute.idname(),
}
with open(sys.argv[1], "w", encoding="utf-8") as stream:
    json.dump(answer, stream)
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("link", [False, True])
def test_installed_as_a_folder(
    blender: Blender, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, link: bool
) -> None:
    monkeypatch.setenv("SEMANTIC_MATTE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    resources, answer = tmp_path / "resources ü", tmp_path / "answer.json"
    plan = plan_install("blender", to=resources, link=link)
    plan.carry_out()
    assert any("tick Semantic Matte" in line for line in plan.lines)
    run(blender, "-c", ENABLE, answer, BLENDER_USER_RESOURCES=str(resources), PATH=os.defpath)
    found = json.loads(answer.read_text(encoding="utf-8"))
    assert found["errors"] == []
    assert found["engine"] == sys.executable
    extension = resources / "extensions" / "user_default" / "semantic_matte"
    assert Path(found["client"]) == extension / "semantic_matte_client" / "__init__.py"
    assert found["operator"] == "SEMANTIC_MATTE_OT_compute"
    plan_uninstall("blender", to=resources).carry_out()
    assert [path for path in resources.rglob("*") if path.is_file() and ".cache" not in path.parts] == []


def test_the_zip_names_the_engine_that_wrote_it(packed: Path) -> None:
    with zipfile.ZipFile(packed) as ours:
        engine = json.loads(ours.read("semantic_matte_client/engine.json"))
    assert engine["python"] == sys.executable
