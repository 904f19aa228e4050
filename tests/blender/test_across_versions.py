"""A file with the node, saved by one Blender, is rendered by another one that has no add-on: nothing differs.

Every Blender writes a file with the add-on; every Blender of that version or a later one opens it at another
place and renders it. The mattes are the engine's own files: 64 objects in a still, and a shot of three
frames.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box

HERE = Path(__file__).parent
PYTHONS = [part for part in os.environ.get("SEMANTIC_MATTE_BLENDERS", "").split(os.pathsep) if part]
SIZE = (48, 64)
SECONDS = 180
# Scene frames of the shot, whose files are numbered from 1001.
FRAMES = (5, 6, 7)
OFFSET = 996
PEOPLE = ("sm_person_01", "sm_person_02", "sm_dog_01", "sm_dog_02")
EDITS: dict[str, dict[str, Any]] = {
    "sm_person_01": {"title": "Ångström héros"},
    "sm_person_02": {"enabled": False},
}

pytestmark = pytest.mark.skipif(not PYTHONS, reason="no Blender: see conftest.py")


@dataclass(frozen=True)
class Material:
    """What files are made of, beside each other in a folder: a plate, mattes, and what they hold.

    plate: (H, W, 3) float32. crowd, shot: alphas (H, W) float32 by slot, of the still and of each frame.
    """

    folder: Path
    plate: np.ndarray
    crowd: dict[str, np.ndarray]
    shot: dict[int, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Authored:
    """A file that a Blender of this version saved, the sockets' titles by node and slot."""

    version: tuple[int, ...]
    folder: Path
    titles: dict[str, dict[str, str]]


def _ended_well(python: str, script: str, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run a script on a job in a Blender of its own; returns its answer."""
    folder.mkdir(parents=True, exist_ok=True)
    job = {**job, "answer": str(folder / "answer.json")}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    done = subprocess.run(
        # Isolated: it must not see the project.
        [python, "-I", "-B", str(HERE / script), str(folder / "job.json")],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(folder / "user")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{python} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    return answer


def _write_hdr(path: Path) -> np.ndarray:
    """A 32-bit plate with values far out of range; returns its pixels (H, W, 3) float32."""
    pixels = np.random.default_rng(8).uniform(0, 1, (*SIZE, 3)).astype(np.float32)
    pixels[3, 5], pixels[4, 6] = 1000, -0.5
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": pixels.copy()}) as file:
        file.write(str(path))
    return pixels


@pytest.fixture(scope="module")
def material(shots: Any, tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Files as the engine writes them: alphas are steps of 1/1024, so that sums of them are exact."""
    folder = tmp_path_factory.mktemp("material") / "ein Film"
    (folder / "results").mkdir(parents=True)
    blank = shots.plate(SIZE)

    def write(name: str, frame: str, mattes: list[Any]) -> dict[str, np.ndarray]:
        write_layers(folder / "results" / f"{name}.mattes{frame}.exr", blank, mattes, {}, data_window="plate")
        write_cryptomatte(
            folder / "results" / f"{name}.cryptomatte{frame}.exr", blank, mattes, {}, data_window="plate"
        )
        return {matte.slot: matte.alpha for matte in mattes}

    squares = [Box(8 * x, 6 * y, 8 * x + 8, 6 * y + 6) for y in range(8) for x in range(8)]
    crowd = [shots.matte(blank, f"sm_thing_{number:02d}", box, number) for number, box in enumerate(squares, 1)]
    shot = {}
    for frame in FRAMES:
        windows = [Box(x + frame, 4, x + frame + 14, 44) for x in (0, 13, 26, 39)]
        people = [
            shots.matte(blank, slot, window, frame, 0.5) for slot, window in zip(PEOPLE, windows, strict=True)
        ]
        shot[frame] = write("shot", f".{frame + OFFSET}", people)
    return Material(
        folder, _write_hdr(folder / "plate.exr"), write("crowd", f".{FRAMES[0] + OFFSET}", crowd), shot
    )


def _node(
    name: str, folder: Path, stem: str, slots: list[str], frames: list[int], **more: Any
) -> dict[str, Any]:
    """A node of an author's job."""
    results = {
        "folder": str(folder / "results"),
        "stem": stem,
        "frames": frames,
        "offset": OFFSET,
        "hold": len(frames) == 1,
        "slots": [{"slot": slot, "label": slot.split("_")[1], "score": 0.5, "frames": "1"} for slot in slots],
        "size": [SIZE[1], SIZE[0]],
        "words": "",
    }
    return {"name": name, "results": results, "show": "PLATE", "edits": {}, **more}


@pytest.fixture(scope="module")
def authored(material: Material, tmp_path_factory: pytest.TempPathFactory) -> list[Authored]:
    """One file of every Blender, each in a folder that was moved after it was saved."""
    files = []
    for number, python in enumerate(PYTHONS):
        work = tmp_path_factory.mktemp(f"author{number}")
        folder = work / "where it was made"
        shutil.copytree(material.folder, folder)
        nodes = [
            _node("Shot", folder, "shot", list(PEOPLE), list(FRAMES), edits=EDITS),
            _node("Crowd", folder, "crowd", list(material.crowd), [FRAMES[0]], show="CUTOUT"),
        ]
        job = {
            "blend": str(folder / "comp.blend"),
            "plate": str(folder / "plate.exr"),
            "size": [SIZE[1], SIZE[0]],
            "frames": [FRAMES[0], FRAMES[-1]],
            "nodes": nodes,
            "saved": "Shot",
        }
        answer = _ended_well(python, "author_file.py", work / "author", job)
        moved = folder.rename(work / "sent to the farm")
        files.append(Authored(tuple(answer["version"]), moved, answer["titles"]))
    return files


def _steps(file: Authored, out: Path) -> list[dict[str, Any]]:
    """What is rendered of a file: the scene as it was saved, and every output of both nodes."""
    blend = str(file.folder / "comp.blend")
    steps = [
        {"blend": blend if frame == FRAMES[0] else "", "frame": frame, "out": str(out / f"saved.{frame}.exr")}
        for frame in FRAMES
    ]
    for node, frames in (("Shot", FRAMES), ("Crowd", FRAMES[1:2])):
        sockets = {"All": "All", "Image": "Image", "Cryptomatte": "Cryptomatte", **file.titles[node]}
        steps += [
            {
                "blend": "",
                "node": node,
                "socket": title,
                "frame": frame,
                "out": str(out / f"{node}.{key}.{frame}.exr"),
            }
            for frame in frames
            for key, title in sockets.items()
        ]
    return steps


def _pixels(path: Path) -> np.ndarray:
    """(H, W, 4) float32 of a picture."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        found = np.stack([file.channels()[name].pixels for name in "RGBA"], axis=-1)
    assert found.dtype == np.float32
    return found


def _layer(path: Path, prefix: str) -> np.ndarray:
    """(H, W, 4) float32: the first ranks of a Cryptomatte, as they lie in the file."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.stack([file.channels()[f"{prefix}.{name}"].pixels for name in "RGBA"], axis=-1)


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: Path(python).parent.parent.name)
def test_another_blender_renders_it_without_the_add_on(
    python: str, material: Material, authored: list[Authored], tmp_path: Path
) -> None:
    version = next(file.version for file, each in zip(authored, PYTHONS, strict=True) if each == python)
    files = [file for file in authored if file.version <= version]
    outs = [tmp_path / ".".join(map(str, file.version)) for file in files]
    for out in outs:
        out.mkdir()
    steps = [step for file, out in zip(files, outs, strict=True) for step in _steps(file, out)]
    answer = _ended_well(python, "without_addon.py", tmp_path / "blender", {"steps": steps})
    assert answer["traces"] == []
    for file, out in zip(files, outs, strict=True):
        outputs = answer["outputs"][str(file.folder / "comp.blend")]
        assert set(outputs["Shot"]) == {"Image", "All", "Cryptomatte", *file.titles["Shot"].values()}
        assert len(outputs["Crowd"]) == 64 + 3
        assert file.titles["Shot"]["sm_person_01"] == EDITS["sm_person_01"]["title"]
        _check_shot(material, lambda name, out=out: _pixels(out / name))
        _check_crowd(material, lambda name, out=out: _pixels(out / name))


def _check_shot(material: Material, rendered: Callable[[str], np.ndarray]) -> None:
    """Every frame of the shot's node: its sockets, all of them, its plate, its Cryptomatte."""
    for frame in FRAMES:
        alphas = {
            slot: alpha for slot, alpha in material.shot[frame].items() if "enabled" not in EDITS.get(slot, {})
        }
        together = np.sum(list(alphas.values()), axis=0, dtype=np.float32)
        assert np.count_nonzero(together) > 1000
        for slot in PEOPLE:
            expected = alphas.get(slot, np.zeros(SIZE, np.float32))
            np.testing.assert_array_equal(rendered(f"Shot.{slot}.{frame}.exr")[..., 0], expected)
        np.testing.assert_array_equal(rendered(f"Shot.All.{frame}.exr")[..., 0], together)
        for name in (f"Shot.Image.{frame}.exr", f"saved.{frame}.exr"):
            np.testing.assert_array_equal(rendered(name)[..., :3], material.plate)
            np.testing.assert_array_equal(rendered(name)[..., 3], together)
        ranks = _layer(
            material.folder / "results" / f"shot.cryptomatte.{frame + OFFSET}.exr", "SemanticMatte00"
        )
        np.testing.assert_array_equal(rendered(f"Shot.Cryptomatte.{frame}.exr"), ranks)


def _check_crowd(material: Material, rendered: Callable[[str], np.ndarray]) -> None:
    """The still's node, at a frame that its result is held over: 64 sockets, and the cut-out."""
    frame = FRAMES[1]
    for slot, alpha in material.crowd.items():
        np.testing.assert_array_equal(rendered(f"Crowd.{slot}.{frame}.exr")[..., 0], alpha)
    together = np.sum(list(material.crowd.values()), axis=0, dtype=np.float32)
    np.testing.assert_array_equal(rendered(f"Crowd.All.{frame}.exr")[..., 0], together)
    cut = rendered(f"Crowd.Image.{frame}.exr")
    np.testing.assert_array_equal(cut[..., :3], material.plate * together[..., None])
    np.testing.assert_array_equal(cut[..., 3], together)


def test_a_later_blender_goes_on_with_it(material: Material, authored: list[Authored], tmp_path: Path) -> None:
    """The newest Blender with the add-on, the oldest one's file: settings are there, and changes act."""
    oldest = min(authored, key=lambda file: file.version)
    newest = max(zip(authored, PYTHONS, strict=True), key=lambda pair: pair[0].version)[1]
    edits: dict[str, dict[str, Any]] = {
        "sm_person_02": {"enabled": True, "into": "sm_person_01"},
        "sm_dog_01": {"enabled": False},
    }
    job = {"blend": str(oldest.folder / "comp.blend"), "node": "Shot", "edits": edits, "show": "CUTOUT"}
    job |= {"frame": FRAMES[1], "out": str(tmp_path / "later.exr")}
    answer = _ended_well(newest, "later_file.py", tmp_path / "later", job)
    assert answer["titles"] == oldest.titles["Shot"]
    settings = answer["settings"]
    assert (settings["layout"], settings["show"], len(settings["identity"])) == (1, "PLATE", 32)
    assert (settings["find"], settings["passes"], settings["overlaps"]) == ("person, dog", 2, "independent")
    assert (settings["results_stem"], settings["results_frames"]) == ("shot", "5-7")
    # Merged, and nothing is linked to it: its socket goes; all others stay what they were.
    gone = oldest.titles["Shot"]["sm_person_02"]
    assert answer["after"] == {name: one for name, one in answer["before"].items() if name != gone}
    alphas = [alpha for slot, alpha in material.shot[FRAMES[1]].items() if slot != "sm_dog_01"]
    together = np.sum(alphas, axis=0, dtype=np.float32)
    found = _pixels(tmp_path / "later.exr")
    np.testing.assert_array_equal(found[..., :3], material.plate * together[..., None])
    np.testing.assert_array_equal(found[..., 3], together)
