"""Whole results: which files a run writes, that they belong together, and when it has nothing to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import OpenImageIO
import pytest

import semantic_matte as sm
from semantic_matte import errors
from semantic_matte.jobs import FrameResult, MatteRequest, matte_files, segment_files
from semantic_matte.ports import ProgressEvent

QUICK: dict[str, Any] = {"device": "cpu", "estimator": "closed_form", "passes": 1, "contact_sheet": False}
ROWS = """instances:
  - {label: cat, mask: cat.png}
  - {label: dog, mask: dog.png}
"""


class Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.stages: set[str] = set()

    def advance(self, event: ProgressEvent) -> None:
        self.stages.add(event.stage)

    def notice(self, message: str) -> None:
        self.notices.append(message)


class Shot:
    """A plate of two soft discs that overlap, hints for both, and a folder for results."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.plate = folder / "shot.1001.exr"
        light = np.full((90, 120, 3), (0.05, 0.4, 0.1), np.float32)
        for name, centre, colour in (("cat", (45, 45), (0.8, 0.2, 0.1)), ("dog", (75, 45), (0.1, 0.2, 0.9))):
            mask = np.zeros((90, 120), np.uint8)
            cv2.circle(mask, centre, 22, 255, -1)
            cv2.imwrite(str(folder / f"{name}.png"), mask)
            alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.5)[..., np.newaxis]
            light = alpha * np.array(colour, np.float32) + (1 - alpha) * light
        self.light = light.astype(np.float16)
        self.write(self.light, (0, 0))
        self.hint = folder / "hints.yaml"
        self.hint.write_text(ROWS, encoding="utf-8")

    def write(self, light: np.ndarray, corner: tuple[int, int], **more: Any) -> None:
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **more}
        height, width = light.shape[:2]
        last = (corner[0] + width - 1, corner[1] + height - 1)
        header["dataWindow"] = tuple(np.array(one, np.int32) for one in (corner, last))
        channels = {name: np.ascontiguousarray(light[..., index]) for index, name in enumerate("RGB")}
        OpenEXR.File(header, channels).write(str(self.plate))

    def run(self, **settings: Any) -> tuple[FrameResult, Told]:
        told = Told()
        engine = sm.Engine(sm.Settings(**{**QUICK, **settings}))
        (result,) = matte_files(engine, MatteRequest((self.plate,), self.out, hint=self.hint), told)
        return result, told

    def names(self) -> set[str]:
        return {path.name for path in self.out.iterdir()}

    def read(self, name: str) -> dict[str, np.ndarray]:
        """Channels on the plate's data window."""
        picture = OpenImageIO.ImageBuf(str(self.out / name))
        window = OpenImageIO.ImageBuf(str(self.plate)).roi
        window.chend = picture.nchannels
        pixels = picture.get_pixels(OpenImageIO.FLOAT, window)
        return {channel: pixels[..., index] for index, channel in enumerate(picture.spec().channelnames)}


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    return Shot(tmp_path)


def test_a_numbered_frame_has_its_number_before_the_ending(shot: Shot) -> None:
    result, _ = shot.run(foreground=True, png=True, contact_sheet=True)
    wanted = [
        "shot.mattes.1001.exr",
        "shot.cryptomatte.1001.exr",
        "shot.foreground.1001.exr",
        "shot.sm_cat_01.1001.png",
        "shot.sm_dog_01.1001.png",
        "shot.contact.1001.png",
        "shot.matte.1001.json",
    ]
    assert [path.name for path in result.files] == wanted
    assert shot.names() == set(wanted)
    assert [file["name"] for file in result.record["files"]] == wanted[:-1]


def test_files_of_one_result_agree(shot: Shot) -> None:
    """Alphas are the same bits in the layers and the foreground, and what the sidecar names is there."""
    shot.run(foreground=True)
    record = json.loads((shot.out / "shot.matte.1001.json").read_text(encoding="utf-8"))
    layers, colours = shot.read("shot.mattes.1001.exr"), shot.read("shot.foreground.1001.exr")
    assert len(record["slots"]) == 2
    for slot in record["slots"]:
        red, green, blue, alpha = slot["foreground"]
        assert np.array_equal(layers[slot["alpha"]], colours[alpha])
        assert {red, green, blue} <= colours.keys()
    assert record["foreground"] == {"colour_space": "scene_linear_rec709", "method": "blur_fusion"}
    assert record["plate"]["read_as"] == "scene_linear_rec709"


def test_foreground_over_a_background_has_no_green_of_the_old_one(shot: Shot) -> None:
    shot.run(foreground=True)
    colours = shot.read("shot.foreground.1001.exr")
    alpha = colours["sm_cat_01.A"]
    # Away from the dog: there the cat's background is the dog.
    edge = (alpha > 0.1) & (alpha < 0.9) & (np.arange(120) < 45)
    assert edge.sum() > 50
    green = colours["sm_cat_01.G"][edge]
    # Truth .2; the plate's own pixels there run up to .38.
    assert np.abs(green - 0.2).mean() < 0.03
    assert np.abs(shot.light[..., 1][edge].astype(np.float32) - 0.2).mean() > 0.08


def test_a_second_run_does_no_work_and_says_so(shot: Shot) -> None:
    first, told = shot.run(foreground=True)
    assert {"segmenting", "matting", "writing"} & told.stages
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shot.out.iterdir()}
    second, told = shot.run(foreground=True)
    assert told.stages == {"reading"}
    assert (first.reused, second.reused) == (False, True)
    assert second.record == json.loads((shot.out / "shot.matte.1001.json").read_text(encoding="utf-8"))
    assert second.record == first.record
    assert second.files == first.files
    (notice,) = told.notices
    assert "nothing was done" in notice
    assert first.record["key"][:12] in notice
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shot.out.iterdir()} == before


@pytest.mark.parametrize("change", ["pixel", "setting", "hint", "no reuse", "damage"])
def test_work_is_done_again_where_anything_differs(shot: Shot, change: str) -> None:
    first, _ = shot.run()
    settings: dict[str, Any] = {}
    if change == "pixel":
        light = shot.light.copy()
        light[0, 0] += np.float16(0.25)
        shot.write(light, (0, 0))
    elif change == "hint":
        shot.hint.write_text(ROWS.replace("dog,", "wolf,"), encoding="utf-8")
    elif change == "setting":
        settings = {"dilation_outer": 0.06}
    elif change == "no reuse":
        settings = {"reuse": False}
    else:
        layers = shot.out / "shot.mattes.1001.exr"
        layers.write_bytes(layers.read_bytes()[:-1])
    second, told = shot.run(**settings)
    assert "matting" in told.stages
    assert not second.reused
    same_key = change in ("no reuse", "damage")
    assert (second.record["key"] == first.record["key"]) == same_key


def test_what_other_settings_had_written_is_removed_and_told(shot: Shot) -> None:
    shot.run(png=True, foreground=True)
    (shot.out / "shot.notes.txt").write_text("mine")
    _, told = shot.run()
    assert shot.names() == {
        "shot.mattes.1001.exr",
        "shot.cryptomatte.1001.exr",
        "shot.matte.1001.json",
        "shot.notes.txt",
    }
    assert any("sm_cat_01.1001.png" in notice for notice in told.notices)


def test_windows_and_storage_are_the_settings(shot: Shot) -> None:
    """The alphas cover x 20..100 of 120 and y 20..70 of 90 or so: there is something to cut."""
    shapes = {}
    for data_window in ("plate", "centred", "tight"):
        shot.run(data_window=data_window, storage="tiled")
        spec = OpenImageIO.ImageBuf(str(shot.out / "shot.mattes.1001.exr")).spec()
        assert spec.tile_width == 64
        assert (spec.full_width, spec.full_height) == (120, 90)
        shapes[data_window] = (spec.x, spec.y, spec.width, spec.height)
        cryptomatte = OpenImageIO.ImageBuf(str(shot.out / "shot.cryptomatte.1001.exr")).spec()
        whole = (cryptomatte.x, cryptomatte.y, cryptomatte.width, cryptomatte.height) == (0, 0, 120, 90)
        # Coverage stays exact in every Blender only where the window is the plate's.
        assert whole == (data_window != "tight")
    assert shapes["plate"] == (0, 0, 120, 90)
    x, y, width, height = shapes["centred"]
    assert (x, y) == (120 - x - width, 90 - y - height)
    assert width * height < 0.9 * 120 * 90
    assert shapes["tight"][2] * shapes["tight"][3] <= width * height


def test_front_to_back_gives_the_front_its_whole_alpha(shot: Shot) -> None:
    shot.run(overlaps="independent", reuse=False)
    free = shot.read("shot.mattes.1001.exr")
    shot.run(overlaps="front_to_back", order=["dog"], reuse=False)
    layered = shot.read("shot.mattes.1001.exr")
    assert (layered["sm_cat_01.A"] + layered["sm_dog_01.A"]).max() <= 1 + 1e-3
    # The dog in front covers what both masks claim; the cat's own side is as it was.
    both = (slice(40, 50), slice(58, 62))
    assert layered["sm_dog_01.A"][both].min() > 0.9
    assert layered["sm_cat_01.A"][both].max() < 0.1
    assert free["sm_cat_01.A"][45, 30] == layered["sm_cat_01.A"][45, 30] == 1


def test_an_aces_plate_gets_its_own_light_back(shot: Shot) -> None:
    """Where alpha is 1 the foreground is the plate's own pixel to the bit, at 1000 and at -0.5 too."""
    light = shot.light.copy()
    light[45, 40], light[45, 80] = (1000, 900, -0.5), (-0.5, 0.25, 1000)
    ap1 = np.array((0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767), np.float32)
    shot.write(light, (0, 0), chromaticities=tuple(float(number) for number in ap1))
    result, _ = shot.run(foreground=True, segmenter="hint")
    assert result.record["foreground"]["colour_space"] == "acescg"
    colours = shot.read("shot.foreground.1001.exr")
    for slot, place in (("sm_cat_01", (45, 40)), ("sm_dog_01", (45, 80))):
        assert colours[f"{slot}.A"][place] == 1
        assert tuple(colours[f"{slot}.{name}"][place] for name in "RGB") == tuple(light[place])
    header = OpenImageIO.ImageBuf(str(shot.out / "shot.foreground.1001.exr")).spec()
    assert np.allclose(header.getattribute("chromaticities"), ap1, atol=1e-5)


def test_overscan_timecode_and_models_are_in_the_header(shot: Shot) -> None:
    # Hours, minutes, seconds, frame; then flags and the eight binary groups.
    code = OpenEXR.TimeCode(1, 2, 3, 4, *[0] * 14)
    frame = tuple(np.array(one, np.int32) for one in ((0, 0), (99, 79)))
    shot.write(shot.light, (-10, -5), displayWindow=frame, timeCode=code)
    result, _ = shot.run(data_window="plate", estimator="network")
    for name in ("mattes", "cryptomatte"):
        spec = OpenImageIO.ImageBuf(str(shot.out / f"shot.{name}.1001.exr")).spec()
        assert (spec.x, spec.y, spec.width, spec.height) == (-10, -5, 120, 90)
        assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 100, 80)
        models = json.loads(spec.getattribute("semantic_matte/models"))
        assert [(model["name"], model["sha256"]) for model in models] == [
            (model["name"], model["sha256"]) for model in result.record["models"]
        ]
        assert "matting" in {model["name"] for model in models}
        assert spec.getattribute("semantic_matte/plate") == "shot"
        assert spec.getattribute("semantic_matte/frame") == 1001
        assert spec.getattribute("semantic_matte/settings") == result.record["settings_hash"]
        assert spec.getattribute("semantic_matte/timecode") == "01:02:03:04"


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"foreground": True, "foreground_space": "srgb"}, errors.UsageError, "expected a linear colour space"),
        ({"foreground": True, "foreground_space": "acescgg"}, errors.UnknownNameError, "acescg"),
        ({"overlaps": "front_to_back", "order": ["cat", "Cat"]}, errors.UsageError, "twice"),
    ],
)
def test_slips_are_told_before_anything_is_solved(
    shot: Shot, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    told = Told()
    engine = sm.Engine(sm.Settings(**{**QUICK, **settings}))
    with pytest.raises(error, match=said):
        matte_files(engine, MatteRequest((shot.plate,), shot.out, hint=shot.hint), told)
    assert "matting" not in told.stages
    assert not shot.names()


def test_the_python_api_gives_what_the_file_has(shot: Shot) -> None:
    shot.run(foreground=True)
    hints = sm.read_hints(shot.hint)
    settings = sm.Settings(**QUICK)
    mattes = sm.matte(shot.plate, settings, hints=hints)
    written = shot.read("shot.foreground.1001.exr")
    for one in sm.foreground(shot.plate, mattes, settings):
        part = np.stack([written[f"{one.matte.slot}.{name}"] for name in "RGB"], axis=-1)[one.window.slices]
        assert np.array_equal(one.crop.astype(np.float16), part.astype(np.float16))


class Ending(Told):
    """Asks for the end of the work at an event."""

    def __init__(self, stage: str, number: int) -> None:
        super().__init__()
        self.stage, self.left = stage, number

    def advance(self, event: ProgressEvent) -> None:
        super().advance(event)
        if event.stage == self.stage:
            self.left -= 1
            if self.left < 0:
                raise errors.CancelledError("enough")


@pytest.mark.parametrize(("stage", "number"), [("reading", 0), ("segmenting", 0), ("matting", 0)])
def test_work_that_is_ended_before_writing_changes_nothing(shot: Shot, stage: str, number: int) -> None:
    shot.run(png=True)
    before = {path: path.read_bytes() for path in shot.out.iterdir()}
    engine = sm.Engine(sm.Settings(**QUICK, seed=1))
    with pytest.raises(errors.CancelledError):
        matte_files(engine, MatteRequest((shot.plate,), shot.out, hint=shot.hint), Ending(stage, number))
    assert {path: path.read_bytes() for path in shot.out.iterdir()} == before


def test_work_that_is_ended_while_writing_leaves_whole_files_and_is_repaired(
    shot: Shot, tmp_path: Path
) -> None:
    """At every event of the writing: each file is the old one or the new one, the next run makes all new."""
    old = {"png": True, "foreground": True, "contact_sheet": True}
    new = {"foreground": True, "contact_sheet": True, "dilation_outer": 0.08}
    shot.run(**old)
    before = {path.name: path.read_bytes() for path in shot.out.iterdir()}
    shot.run(**new)
    after = {path.name: path.read_bytes() for path in shot.out.iterdir()}
    states = set()
    for number in range(30):
        for path in shot.out.iterdir():
            path.unlink()
        for name, content in before.items():
            (shot.out / name).write_bytes(content)
        engine = sm.Engine(sm.Settings(**{**QUICK, **new}))
        request = MatteRequest((shot.plate,), shot.out, hint=shot.hint)
        try:
            matte_files(engine, request, Ending("writing", number))
        except errors.CancelledError:
            there = {path.name: path.read_bytes() for path in shot.out.iterdir()}
            assert all(content in (before.get(name), after.get(name)) for name, content in there.items())
            states.add(tuple(sorted(name for name in there if there[name] != before.get(name))))
            sidecar = there["shot.matte.1001.json"]
            if sidecar == after["shot.matte.1001.json"]:
                assert there == after, "a new sidecar stands for a whole new result"
        else:
            break
        shot.run(**new)
        assert {path.name: path.read_bytes() for path in shot.out.iterdir()} == after
    else:
        pytest.fail("the work never came to its end")
    # Nothing new, then one file more at a time, and once everything.
    assert len(states) >= len(after) - 1


def test_each_plate_is_told_when_its_files_are_in_place(shot: Shot) -> None:
    shutil.copy(shot.plate, shot.folder / "shot.1002.exr")
    shutil.copy(shot.plate, shot.folder / "shot.999.exr")
    told: list[FrameResult] = []

    def finished(result: FrameResult) -> None:
        assert all(path.exists() for path in result.files)
        later = shot.out / "shot.matte.1002.json"
        assert later.exists() == (result.plate.name == "shot.1002.exr")
        told.append(result)

    request = MatteRequest((shot.folder / "shot.####.exr",), shot.out, hint=shot.hint)
    events: list[ProgressEvent] = []
    progress = Told()
    progress.advance = events.append  # type: ignore[method-assign]
    results = matte_files(sm.Engine(sm.Settings(**QUICK, track=False)), request, progress, finished)
    assert results == told
    assert [result.plate.name for result in results] == ["shot.1001.exr", "shot.1002.exr"]
    readings = [event for event in events if event.stage == "reading"]
    assert [(event.done, event.total) for event in readings] == [(0, 2), (0, 2), (1, 2), (1, 2)]
    assert (events[-1].stage, events[-1].done) == ("writing", events[-1].total)


def test_segments_of_each_plate_are_told_and_the_coco_file_with_the_last(shot: Shot) -> None:
    shutil.copy(shot.plate, shot.folder / "shot.1002.exr")
    coco = shot.folder / "coco.json"
    told: list[tuple[str, int, list[Path], bool]] = []
    found = segment_files(
        sm.Engine(sm.Settings(**QUICK)),
        [shot.folder / "shot.%04d.exr"],
        Told(),
        shot.hint,
        coco=coco,
        finished=lambda path, objects, files: told.append(
            (path.name, len(objects), list(files), coco.exists())
        ),
    )
    assert told == [("shot.1001.exr", 2, [], False), ("shot.1002.exr", 2, [coco], True)]
    assert [path.name for path, _ in found] == ["shot.1001.exr", "shot.1002.exr"]


def test_a_pattern_without_frames_is_told(shot: Shot) -> None:
    for path in ("shot.#####.exr", "shto.####.exr"):
        with pytest.raises(errors.PlateError, match=r"did you mean 'shot\.####\.exr'"):
            matte_files(sm.Engine(), MatteRequest((shot.folder / path,), shot.out), Told())
    assert not shot.out.exists()


def test_what_a_full_device_made_in_tiles_is_worked_on_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its soft edges are not those that its key would stand for."""
    import torch

    from semantic_matte.estimators.network import Network

    shot = Shot(tmp_path)
    cv2.imwrite(str(tmp_path / "cat.png"), cv2.circle(np.zeros((720, 720), np.uint8), (360, 360), 300, 255, -1))
    shot.hint.write_text("instances:\n  - {label: cat, mask: cat.png}\n", encoding="utf-8")
    shot.write(np.full((720, 720, 3), 0.2, np.float16), (0, 0))
    whole = Network._predict

    def predict(self: Network, colour: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        if colour[:, 0].numel() > 400 * 400:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return whole(self, colour, levels)

    with monkeypatch.context() as full:
        full.setattr(Network, "_predict", predict)
        result, told = shot.run(estimator="network")
    assert result.record["key"] is None
    assert any("tiles" in notice for notice in result.record["notices"])
    assert any("tiles" in notice for notice in told.notices)
    again, _ = shot.run(estimator="network")
    assert not again.reused
    assert again.record["key"]
    assert shot.run(estimator="network")[0].reused
