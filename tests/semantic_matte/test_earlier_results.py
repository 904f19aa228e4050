"""Results that are there already: taken only whole and unchanged, cleared away only if they are surely ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semantic_matte import earlier_results
from semantic_matte.content_keys import content_key
from semantic_matte.earlier_results import (
    LARGEST_SIDECAR,
    Cleared,
    EarlierResult,
    clear_superseded,
    find_earlier,
    read_sidecar,
    written_before,
)
from semantic_matte.engine import Engine
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.contact_sheet import write_contact_sheet
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.sidecar import describe, file_record, write_json
from semantic_matte.outputs.sidecar_model import SCHEMA_VERSION, FileRecord
from semantic_matte.planned_models import planned_models
from semantic_matte.plates import read_plate
from semantic_matte.result_files import ResultFiles
from semantic_matte.settings import Settings
from semantic_matte.types import Hint, Plate

SETTINGS = Settings(device="cpu", estimator="closed_form", passes=1, png=True)
SIDECAR = "shot.matte.1001.json"
OWN = ["shot.mattes.1001.exr", "shot.cryptomatte.1001.exr", "shot.sm_cat_01.1001.png", "shot.contact.1001.png"]


def cat(plate: Plate) -> list[Hint]:
    """A mask where the cat is."""
    mask = np.zeros(plate.size, np.uint8)
    cv2.ellipse(mask, (plate.size[1] // 2, plate.size[0] // 2), (30, 20), 0, 0, 360, 1, -1)
    return [Hint(mask=mask.astype(bool), label="cat")]


def key_of(place: Path, settings: Settings = SETTINGS) -> str:
    """The key of matting a plate's cat."""
    plate = read_plate(place)
    models = planned_models(settings, hinted=True)
    assert models is not None
    return content_key(plate, settings, models, schema=SCHEMA_VERSION, hints=cat(plate))


def run(place: Path, folder: Path, settings: Settings = SETTINGS) -> Cleared:
    """A whole run on one plate, as a shell's: before, files, sidecar, what is no longer part of the result."""
    plate, engine = read_plate(place), Engine(settings)
    before = written_before(folder, place, settings)
    mattes = engine.matte(plate, hints=cat(plate))
    outputs = ResultFiles.of(folder, place, [matte.slot for matte in mattes], settings)
    write_layers(outputs.layers, plate, mattes, {}, spread=settings.spread)
    if outputs.cryptomatte is not None:
        write_cryptomatte(outputs.cryptomatte, plate, mattes, {})
    for path, matte in zip(outputs.single, mattes, strict=settings.png):
        write_alpha(path, matte.alpha, plate)
    if outputs.contact is not None:
        write_contact_sheet(outputs.contact, plate, mattes)
    files = [file_record(one.kind, one.path) for one in outputs.besides_sidecar]
    record = describe(
        plate, mattes, settings, engine.models, "cpu", [], files=files, key=key_of(place, settings)
    )
    write_json(outputs.sidecar, record)
    return clear_superseded(folder, before, [*outputs.paths, place])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A folder with a plate, `shot.1001.png`, and under `out` what a real run made of it."""
    folder = tmp_path_factory.mktemp("finished")
    photo = cv2.imread(str(photos / "chelsea.png"))
    assert cv2.imwrite(
        str(folder / "shot.1001.png"), cv2.resize(photo, (120, 80), interpolation=cv2.INTER_AREA)
    )
    (folder / "out").mkdir()
    assert run(folder / "shot.1001.png", folder / "out") == Cleared()
    return folder


class Studio:
    """A copy of that folder, to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.plate, self.out = folder / "shot.1001.png", folder / "out"
        self.sidecar = self.out / SIDECAR

    def find(self, settings: Settings = SETTINGS) -> EarlierResult | None:
        """What a second run finds."""
        return find_earlier(self.out, self.plate, key_of(self.plate, settings), settings)

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sidecar.read_text(encoding="utf-8"))
        return found

    def says(self, record: dict[str, Any]) -> None:
        """The sidecar holds this record now."""
        self.sidecar.write_text(json.dumps(record), encoding="utf-8")

    def names(self) -> set[str]:
        return {path.name for path in self.out.iterdir()}


@pytest.fixture
def studio(finished: Path, tmp_path: Path) -> Studio:
    shutil.copytree(finished, tmp_path / "studio")
    return Studio(tmp_path / "studio")


def test_a_second_run_finds_what_the_first_wrote(studio: Studio) -> None:
    found = studio.find()
    assert found is not None
    assert [path.name for path in found.files] == [*OWN, SIDECAR]
    assert all(path.parent == studio.out for path in found.files)
    assert [(slot.slot, slot.label) for slot in found.record.slots] == [("sm_cat_01", "cat")]
    assert found.record.key == key_of(studio.plate)
    assert found.record.plain() == studio.record()


def test_results_may_be_moved_and_have_company(studio: Studio) -> None:
    (studio.out / "notes.txt").write_text("look at frame 1001", encoding="utf-8")
    (studio.out / "shot.mattes.1002.exr").write_bytes(b"another frame's")
    moved = studio.out.rename(studio.out.with_name("moved"))
    found = find_earlier(moved, studio.plate, key_of(studio.plate), SETTINGS)
    assert found is not None
    assert {path.parent for path in found.files} == {moved}


def test_nothing_is_found_where_nothing_is_or_nothing_was_asked(studio: Studio, tmp_path: Path) -> None:
    assert find_earlier(tmp_path / "nowhere", studio.plate, key_of(studio.plate), SETTINGS) is None
    assert find_earlier(studio.out, studio.plate, None, SETTINGS) is None
    studio.says(studio.record() | {"key": None})
    assert find_earlier(studio.out, studio.plate, None, SETTINGS) is None, (
        "two that are not known are not the same"
    )


def test_another_plate_setting_model_or_version_is_another_result(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(studio.plate)
    other = {
        "settings": key_of(studio.plate, SETTINGS.model_copy(update={"seed": 1})),
        "network": key_of(studio.plate, SETTINGS.model_copy(update={"estimator": "network"})),
        "version": content_key(
            read_plate(studio.plate),
            SETTINGS,
            [],
            schema=SCHEMA_VERSION,
            hints=cat(read_plate(studio.plate)),
            version="9",
        ),
    }
    pixels = cv2.imread(str(studio.plate))
    pixels[0, 0, 0] ^= 1
    assert cv2.imwrite(str(studio.plate), pixels)
    other["pixel"] = key_of(studio.plate)
    assert len({key, *other.values()}) == 5
    for changed in other.values():
        assert find_earlier(studio.out, studio.plate, changed, SETTINGS) is None
    assert find_earlier(studio.out, studio.plate, key, SETTINGS) is not None


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("harm", ["gone", "one byte", "cut", "longer", "empty", "folder", "link", "pipe"])
def test_a_file_that_is_not_as_it_was_written_makes_the_result_none(
    studio: Studio, name: str, harm: str
) -> None:
    path = studio.out / name
    content = path.read_bytes()
    path.unlink()
    changed = {"one byte": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], "cut": content[:-1]}
    changed |= {"longer": content + b"\0", "empty": b""}
    if harm in changed:
        path.write_bytes(changed[harm])
    elif harm == "folder":
        path.mkdir()
    elif harm == "link":
        elsewhere = studio.out.parent / "elsewhere"
        elsewhere.write_bytes(content)
        path.symlink_to(elsewhere)
    elif harm == "pipe":
        os.mkfifo(path)
    assert studio.find() is None


def test_a_file_of_another_size_is_not_even_read(studio: Studio) -> None:
    with (studio.out / OWN[0]).open("r+b") as file:
        file.truncate(1 << 40)
    started = time.monotonic()
    assert studio.find() is None
    assert time.monotonic() - started < 30


def test_a_time_or_a_mode_changes_nothing(studio: Studio) -> None:
    for name in OWN:
        os.utime(studio.out / name, (1, 1))
        (studio.out / name).chmod(0o444)
    assert studio.find() is not None


def listed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Changes the first file that a record lists."""
    return lambda record: record["files"][0].update(changes)


BROKEN: dict[str, Callable[[dict[str, Any]], None]] = {
    "another schema": lambda record: record.update(schema=SCHEMA_VERSION + 1),
    "a field more": lambda record: record.update(more=1),
    "a field less": lambda record: record.pop("seed"),
    "no files": lambda record: record.update(files=[], cryptomatte=None),
    "a file less": lambda record: record["files"].pop(),
    "a file twice": lambda record: record["files"].append(record["files"][0]),
    "a file more": lambda record: record["files"].append(
        record["files"][0] | {"name": "a.exr", "kind": "contact"}
    ),
    "a slot more": lambda record: record["slots"].append(
        record["slots"][0] | {"slot": "sm_dog_01", "png": None}
    ),
    "no slots": lambda record: record.update(slots=[]),
    "another name": listed(name="shot.mattes.1002.exr"),
    "another kind": listed(kind="foreground"),
    "a path up": listed(name="../../etc/passwd.exr"),
    "a path up in another system": listed(name="..\\..\\secret.exr"),
    "a drive": listed(name="C:secret.exr"),
    "an absolute path": listed(name="/etc/passwd.exr"),
    "a path down": listed(name="out/shot.mattes.1001.exr"),
    "the folder": listed(name="."),
    "a NUL": listed(name="shot\0.exr"),
    "a huge number": listed(bytes=10**300),
    "no checksum": listed(sha256=""),
    "a checksum in capitals": listed(sha256="A" * 64),
}


@pytest.mark.parametrize("harm", BROKEN)
def test_a_sidecar_that_is_not_right_is_none(studio: Studio, harm: str) -> None:
    record = studio.record()
    BROKEN[harm](record)
    studio.says(record)
    assert studio.find() is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"schema": 1}',
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"schema": ' + b"9" * 100_000 + b"}",
        b'{"schema": NaN}',
        b'{"key": "\\ud800"}',
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_sidecar_at_all_is_none(studio: Studio, content: bytes) -> None:
    studio.sidecar.write_bytes(content)
    assert read_sidecar(studio.sidecar) is None
    assert studio.find() is None
    assert written_before(studio.out, studio.plate, SETTINGS) == ()


def test_half_a_sidecar_is_none(studio: Studio) -> None:
    content = studio.sidecar.read_bytes()
    for share in range(0, len(content) - 2, 97):
        studio.sidecar.write_bytes(content[:share])
        assert read_sidecar(studio.sidecar) is None


def test_a_huge_sidecar_is_not_read(studio: Studio) -> None:
    content = studio.sidecar.read_bytes()
    studio.sidecar.write_bytes(content + b" " * (LARGEST_SIDECAR - len(content)))
    assert studio.find() is not None
    with studio.sidecar.open("ab") as file:
        file.write(b" ")
    assert studio.find() is None
    with studio.sidecar.open("r+b") as file:
        # It takes no room on the disk; read whole, it would take all memory.
        file.truncate(1 << 40)
    started = time.monotonic()
    assert studio.find() is None
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device"])
def test_a_sidecar_that_is_no_plain_file_is_not_read(studio: Studio, kind: str) -> None:
    moved = studio.sidecar.rename(studio.out.parent / "moved.json")
    if kind == "pipe":
        os.mkfifo(studio.sidecar)
    elif kind == "folder":
        studio.sidecar.mkdir()
    else:
        studio.sidecar.symlink_to("/dev/zero" if kind == "device" else moved)
    assert studio.find() is None
    assert read_sidecar(moved) is not None


def test_links_are_seen_where_the_system_does_not_refuse_them(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier_results, "_CAREFULLY", 0)
    studio.sidecar.symlink_to(studio.sidecar.rename(studio.out.parent / "moved.json"))
    assert read_sidecar(studio.sidecar) is None


def test_a_pipe_is_no_sidecar_even_if_one_comes_out_of_it(studio: Studio) -> None:
    content = studio.sidecar.read_bytes()
    studio.sidecar.unlink()
    os.mkfifo(studio.sidecar)
    pipe = os.open(studio.sidecar, os.O_RDWR)
    try:
        assert os.write(pipe, content) == len(content)
        assert read_sidecar(studio.sidecar) is None
    finally:
        os.close(pipe)


def test_a_plate_whose_name_is_not_unicode_is_done_again(studio: Studio) -> None:
    """Its sidecar has "?" for what JSON can't hold, so that names don't fit: more work, but nothing wrong."""
    odd = studio.plate.with_name(os.fsdecode(b"caf\xe9.png"))
    assert written_before(studio.out, odd, SETTINGS) == ()
    assert find_earlier(studio.out, odd, key_of(studio.plate), SETTINGS) is None


LESS = SETTINGS.model_copy(update={"png": False, "cryptomatte": False})


def test_other_settings_clear_away_what_they_do_not_make(studio: Studio) -> None:
    (studio.out / "shot.sm_dog_01.1001.png").write_bytes(b"somebody's own")
    cleared = run(studio.plate, studio.out, LESS)
    assert [path.name for path in cleared.removed] == ["shot.cryptomatte.1001.exr", "shot.sm_cat_01.1001.png"]
    assert cleared.left == ()
    kept = {"shot.mattes.1001.exr", "shot.contact.1001.png", SIDECAR, "shot.sm_dog_01.1001.png"}
    assert studio.names() == kept
    assert studio.find() is None
    assert studio.find(LESS) is not None
    (sentence,) = cleared.notices
    assert "'shot.cryptomatte.1001.exr', 'shot.sm_cat_01.1001.png'" in sentence


def test_the_same_settings_clear_nothing_away(studio: Studio) -> None:
    before = studio.names()
    assert run(studio.plate, studio.out) == Cleared()
    assert studio.names() == before
    assert studio.find() is not None
    assert Cleared().notices == []


def test_what_was_changed_since_is_left(studio: Studio) -> None:
    painted = studio.out / "shot.sm_cat_01.1001.png"
    painted.write_bytes(painted.read_bytes() + b"\0")
    cleared = run(studio.plate, studio.out, LESS)
    assert [path.name for path in cleared.left] == [painted.name]
    assert painted.exists()
    assert "changed since or in use, and so left: 'shot.sm_cat_01.1001.png'" in cleared.notices[-1]


def test_what_is_gone_already_is_not_spoken_of(studio: Studio) -> None:
    for name in ("shot.sm_cat_01.1001.png", "shot.cryptomatte.1001.exr"):
        (studio.out / name).unlink()
    assert run(studio.plate, studio.out, LESS) == Cleared()


def file_row(path: Path, kind: str, name: str | None = None) -> dict[str, Any]:
    """What a sidecar says of a file, all of it true."""
    content = path.read_bytes()
    return {
        "name": name or path.name,
        "kind": kind,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@pytest.mark.parametrize("kind", ["layers", "cryptomatte", "foreground", "contact", "png"])
@pytest.mark.parametrize("where", ["up", "absolute", "beside", "down", "plate", "linked folder"])
def test_a_hostile_sidecar_removes_nothing(studio: Studio, where: str, kind: str) -> None:
    """It names somebody's files with their true checksums."""
    suffix = "png" if kind == "png" else "exr"
    places = {
        "up": (studio.out.parent / f"victim.{suffix}", f"../victim.{suffix}"),
        "absolute": (studio.out.parent / f"victim.{suffix}", f"{studio.out.parent}/victim.{suffix}"),
        "beside": (studio.out / f"victim.{suffix}", f"victim.{suffix}"),
        "down": (studio.out / "more" / f"victim.{suffix}", f"more/victim.{suffix}"),
        "plate": (studio.out / f"shot.1001.{suffix}", f"shot.1001.{suffix}"),
        "linked folder": (studio.out.parent / f"victim.{suffix}", f"link/victim.{suffix}"),
    }
    victim, name = places[where]
    victim.parent.mkdir(exist_ok=True)
    victim.write_bytes(b"irreplaceable")
    (studio.out / "link").symlink_to(studio.out.parent)
    record = studio.record()
    record["files"] = [row for row in record["files"] if row["kind"] != kind] + [file_row(victim, kind, name)]
    record["foreground"] = {"colour_space": "acescg", "method": "blur_fusion"} if kind == "foreground" else None
    record["slots"][0]["foreground"] = ["a.R", "a.G", "a.B", "a.A"] if kind == "foreground" else None
    record["slots"][0]["png"] = name if kind == "png" else record["slots"][0]["png"]
    studio.says(record)
    before = written_before(studio.out, studio.plate, SETTINGS)
    assert name not in [one.name for one in before]
    run(studio.plate, studio.out, LESS.model_copy(update={"contact_sheet": False}))
    assert victim.read_bytes() == b"irreplaceable"


def test_a_sidecar_can_not_name_a_plate_as_its_result(studio: Studio) -> None:
    """A plate may happen to be called as a result of another one is."""
    plate = studio.plate.rename(studio.out / "shot.contact.1001.png")
    record = studio.record()
    record["files"] = [row for row in record["files"] if row["kind"] != "contact"] + [
        file_row(plate, "contact")
    ]
    studio.says(record)
    before = written_before(studio.out, studio.out / "shot.1001.png", SETTINGS)
    assert plate.name in [one.name for one in before]
    link = studio.out / "the same file"
    os.link(plate, link)
    assert plate not in clear_superseded(studio.out, before, [link]).removed
    assert plate.exists()
    # Without that word it would have been taken for one's own.
    assert plate in clear_superseded(studio.out, before, []).removed


def test_a_link_in_the_place_of_a_file_is_left(studio: Studio) -> None:
    before = written_before(studio.out, studio.plate, SETTINGS)
    result = studio.out / "shot.contact.1001.png"
    moved = result.rename(studio.out.parent / "moved.png")
    result.symlink_to(moved)
    cleared = clear_superseded(studio.out, before, [])
    assert result in cleared.left
    assert moved.exists()
    assert result.is_symlink()


def test_a_file_that_the_system_holds_on_to_is_told(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written_before(studio.out, studio.plate, SETTINGS)

    def refuse(path: Path, *_: Any) -> None:
        """As Windows does with a file that is open."""
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    cleared = clear_superseded(studio.out, before, [])
    assert [path.name for path in cleared.left] == OWN


def test_names_are_plain_even_where_a_record_was_made_by_hand(studio: Studio) -> None:
    """Not only the sidecar's reader sees to that."""
    victim = studio.out.parent / "victim.exr"
    victim.write_bytes(b"irreplaceable")
    row = file_row(victim, "layers", "../victim.exr")
    with pytest.raises(ValueError, match="name"):
        FileRecord(**row)


CODE = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from semantic_matte import engine, jobs
from semantic_matte.content_keys import content_key
from semantic_matte.earlier_results import find_earlier
from semantic_matte.hints import read_hints
from semantic_matte.outputs.sidecar_model import SCHEMA_VERSION
from semantic_matte.planned_models import planned_models
from semantic_matte.plates import read_plate
from semantic_matte.settings import Settings
place, folder = Path({place!r}), Path({folder!r})
settings = Settings(device="cpu", estimator="closed_form", passes=1, png=True)
plate, hints = read_plate(place), read_hints(Path({hint!r}))
models = planned_models(settings, hinted=True)
key = content_key(plate, settings, models, schema=SCHEMA_VERSION, hints=hints)
found = find_earlier(folder, place, key, settings)
print(len(found.files), "torch" in sys.modules)
"""


def test_a_second_run_in_another_process_finds_them_without_torch(studio: Studio) -> None:
    (hint,) = cat(read_plate(studio.plate))
    assert hint.mask is not None
    picture = studio.out.parent / "mask.png"
    assert cv2.imwrite(str(picture), hint.mask.astype(np.uint8) * 255)
    rows = studio.out.parent / "hint.json"
    rows.write_text(json.dumps({"instances": [{"label": "cat", "mask": "mask.png"}]}), encoding="utf-8")
    paths = {"place": str(studio.plate), "folder": str(studio.out), "hint": str(rows)}
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(path=sys.path, **paths)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["5", "False"], done.stderr
