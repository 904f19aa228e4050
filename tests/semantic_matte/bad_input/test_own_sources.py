"""No result is ever written over something that it is made from, and a slip costs no solving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte import errors
from semantic_matte.jobs import MatteRequest, matte_files, refine_file, segment_files
from semantic_matte.ports import ProgressEvent, SilentProgress


class Watched(SilentProgress):
    """Knows which stages were reached."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: set[str] = set()

    def advance(self, event: ProgressEvent) -> None:
        self.stages.add(event.stage)


def levels(*bands: int) -> np.ndarray:
    return np.repeat(np.array(bands, np.uint8), 200 // len(bands))[None].repeat(133, axis=0)


def test_no_result_overwrites_its_source(studio: Any, engine: sm.Engine, plate: Path, tmp_path: Path) -> None:
    def fresh(name: str, pixels: np.ndarray) -> Path:
        path = tmp_path / name
        cv2.imwrite(str(path), pixels)
        return path

    own = fresh("own.png", cv2.imread(str(plate)))
    trimap = fresh("own.sm_object_01.png", levels(0, 128, 255, 128, 0))
    mask = fresh("own.contact.png", levels(0, 255, 255, 0))
    before = {path: path.read_bytes() for path in (own, trimap, mask)}
    progress = SilentProgress()
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        refine_file(engine, own, trimap, own, progress)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        refine_file(engine, own, trimap, tmp_path / "folder" / ".." / trimap.name, progress)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        segment_files(engine, [own], progress, coco=own)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        segment_files(engine, [own], progress, hint=mask, coco=mask)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        studio.matte(engine, own, tmp_path, hint=mask)
    with_pngs = sm.Engine(engine.settings.model_copy(update={"png": True}))
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        studio.matte(with_pngs, own, tmp_path, trimap=trimap)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def refused(engine: sm.Engine, request: MatteRequest) -> set[str]:
    """The stages that were reached before the refusal; the folder is as it was."""
    before = {path: path.read_bytes() for path in request.folder.rglob("*") if path.is_file()}
    progress = Watched()
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        matte_files(engine, request, progress)
    assert {path: path.read_bytes() for path in request.folder.rglob("*") if path.is_file()} == before
    return progress.stages


@pytest.fixture
def with_pngs(engine: sm.Engine) -> sm.Engine:
    return sm.Engine(engine.settings.model_copy(update={"png": True}))


# The last plate's results, so that a late look would come after the first plate was solved and written.
OWN_NAMES = ["b.mattes.exr", "b.cryptomatte.exr", "b.contact.png", "b.matte.json", "b.sm_object_01.png"]


@pytest.mark.parametrize("name", OWN_NAMES)
@pytest.mark.parametrize("role", ["hint", "trimap"])
def test_names_known_from_the_start_are_looked_at_before_a_plate_is_read(
    with_pngs: sm.Engine, plate: Path, tmp_path: Path, role: str, name: str
) -> None:
    plates = (tmp_path / "a.png", tmp_path / "b.png")
    for path in plates:
        path.write_bytes(plate.read_bytes())
    cv2.imwrite(str(tmp_path / "picture.png"), levels(0, 128, 255, 255, 0))
    given = (tmp_path / "picture.png").rename(tmp_path / name)
    if role == "hint" and given.suffix == ".json":
        given.write_text('{"instances": [{"box": [60, 30, 140, 110]}]}')
    assert refused(with_pngs, MatteRequest(plates, tmp_path, **{role: given})) == set()


def test_a_name_that_the_segmenter_gives_is_looked_at_before_anything_is_solved(
    with_pngs: sm.Engine, plate: Path, tmp_path: Path
) -> None:
    plates = (tmp_path / "chelsea.png", tmp_path / "chelsea.sm_cat_01.png")
    for path in plates:
        path.write_bytes(plate.read_bytes())
    assert refused(with_pngs, MatteRequest(plates, tmp_path)) == {"reading", "segmenting"}


@pytest.mark.parametrize("name", OWN_NAMES)
def test_masks_named_inside_a_hint_are_sources_too(
    with_pngs: sm.Engine, studio: Any, plate: Path, tmp_path: Path, name: str
) -> None:
    own = tmp_path / "b.png"
    own.write_bytes(plate.read_bytes())
    cv2.imwrite(str(tmp_path / "picture.png"), levels(0, 255, 255, 0))
    mask = (tmp_path / "picture.png").rename(tmp_path / name)
    (tmp_path / "hints").mkdir()
    rows = [{"box": [10, 10, 50, 50], "label": "cat"}, {"mask": f"../{name}"}]
    hints = studio.write_hints(tmp_path / "hints" / "both.yaml", *rows)
    assert refused(with_pngs, MatteRequest((own,), tmp_path, hint=hints)) == set()
    progress = Watched()
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        segment_files(with_pngs, [own], progress, hint=hints, coco=mask)
    assert progress.stages == set()


def test_refine_and_coco_look_before_anything_is_read(engine: sm.Engine, plate: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.png"
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        refine_file(engine, plate, nowhere, nowhere, SilentProgress())
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        segment_files(engine, [plate, nowhere], SilentProgress(), coco=nowhere)


def test_another_object_than_the_one_named_may_lie_beside_its_plate(
    with_pngs: sm.Engine, plate: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.png"
    own.write_bytes(plate.read_bytes())
    mask = tmp_path / "own.sm_dog_01.png"
    cv2.imwrite(str(mask), levels(0, 255, 255, 0))
    before = mask.read_bytes()
    matte_files(with_pngs, MatteRequest((own,), tmp_path, hint=mask), SilentProgress())
    assert mask.read_bytes() == before
    assert (tmp_path / "own.sm_object_01.png").exists()
