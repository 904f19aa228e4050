"""The published schema: what the models say, what an independent reader makes of it, and what it refuses."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from semantic_matte.outputs import sidecar_model
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.contact_sheet import write_contact_sheet
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.sidecar import describe, file_record, write_json
from semantic_matte.outputs.sidecar_model import SidecarRecord, made_schema_text, schema_text
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Instance, Matte, Plate

# Numbers that count nothing.
WITHOUT_UNIT = {"schema", "seed", "frame"}
PLATE = Plate(np.full((20, 30, 3), 0.25, np.float32), name="Café", data_window=Box(-1, -2, 29, 18), frame=1001)
MODELS = [
    {"name": "starter", "licence": "MIT", "sha256": "0" * 64, "origin": "here"},
    {
        "name": "bound",
        "licence": "?",
        "sha256": "1" * 64,
        "origin": "there",
        "dtype": "float32",
        "config": "COCO",
        "commercial_use": "unclear",
        "licence_accepted": "bound",
    },
]

Record = dict[str, Any]


def refused_by_schema(record: object) -> list[str]:
    """What the independent reader has against a record."""
    schema = json.loads(schema_text())
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(record)]


def refused_by_models(record: object) -> bool:
    try:
        SidecarRecord.model_validate_json(json.dumps(record))
    except ValidationError:
        return True
    return False


def soft_box(box: Box, slot: str, label: str) -> Matte:
    """A matte of half alpha on a box, with a spread."""
    crop = np.full((box.height, box.width), 0.5, np.float32)
    instance = Instance(crop > 0, box, PLATE.size, label, 0.9, slot)
    return Matte(instance, crop, box, crop / 2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of result and its sidecar, `a.matte.json`."""
    folder = tmp_path_factory.mktemp("written")
    controls = Settings(png=True, spread=True, foreground=True, find=["dog", "person:largest"], order=["dog"])
    mattes = [
        soft_box(Box(4, 5, 14, 15), "sm_dog_01", "dog"),
        soft_box(Box(10, 5, 24, 18), "sm_person_01", "person"),
    ]
    write_layers(folder / "a.mattes.exr", PLATE, mattes, {}, spread=True)
    write_cryptomatte(folder / "a.cryptomatte.exr", PLATE, mattes, {})
    parts = [Channel(f"{matte.slot}.{part}", matte.crop, matte.window) for matte in mattes for part in "RGBA"]
    write_exr(folder / "a.foreground.exr", PLATE, parts, {}, window=PLATE.box, what="foregrounds")
    for matte in mattes:
        write_alpha(folder / f"a.{matte.slot}.png", matte.alpha, PLATE)
    write_contact_sheet(folder / "a.contact.png", PLATE, mattes)
    names = {
        "a.mattes.exr": "layers",
        "a.cryptomatte.exr": "cryptomatte",
        "a.foreground.exr": "foreground",
        "a.sm_dog_01.png": "png",
        "a.sm_person_01.png": "png",
        "a.contact.png": "contact",
    }
    record = describe(
        PLATE,
        mattes,
        controls,
        MODELS,
        "cuda:0",
        ["Told."],
        files=[file_record(kind, folder / name) for name, kind in names.items()],
        key="a" * 64,
        estimator_device="cpu",
        read_as="srgb",
        foreground_space="acescg",
    )
    write_json(folder / "a.matte.json", record)
    return folder


@pytest.fixture
def full(written: Path) -> Record:
    """That sidecar's record, to be changed."""
    record: Record = json.loads((written / "a.matte.json").read_text("utf-8"))
    return record


def test_the_published_schema_is_what_the_models_say() -> None:
    assert schema_text() == made_schema_text(), "run python -m semantic_matte.outputs.sidecar_model"


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema.validators.validator_for(schema) is jsonschema.Draft202012Validator
    assert schema["$id"] == f"urn:semantic-matte:schema:sidecar:{sidecar_model.SCHEMA_VERSION}"
    assert (schema["properties"]["schema"]["const"], schema["title"]) == (1, "Semantic Matte sidecar")


def objects(schema: Record) -> Iterator[tuple[str, Record]]:
    """Each object that the schema describes."""
    yield "sidecar", schema
    yield from schema["$defs"].items()


def is_number(field: Record) -> bool:
    """Whether a field is a number, a list of them, or may be one."""
    kinds = [field, *field.get("anyOf", ()), *field.get("prefixItems", ())]
    kinds += [item for kind in field.get("anyOf", ()) for item in kind.get("prefixItems", ())]
    return any(kind.get("type") in ("integer", "number") for kind in kinds)


def test_every_field_is_described_and_every_number_has_its_unit() -> None:
    for title, described in objects(json.loads(schema_text())):
        assert described["description"], title
        assert described["additionalProperties"] is False, title
        for name, field in described["properties"].items():
            assert len(field["description"]) > 5, f"{title}.{name}"
            assert bool(field.get("unit")) == (is_number(field) and name not in WITHOUT_UNIT), f"{title}.{name}"


def test_what_a_record_always_has_is_required() -> None:
    """A reader may rely on every field but those that models have by turns."""
    for title, described in objects(json.loads(schema_text())):
        optional = set(described["properties"]) - set(described["required"])
        expected = (
            {"dtype", "config", "commercial_use", "licence_accepted"} if title == "ModelRecord" else set()
        )
        assert optional == expected, title


def test_real_records_keep_to_it(full: Record) -> None:
    assert refused_by_schema(full) == []
    assert not refused_by_models(full)
    for mattes in ([], [soft_box(Box(4, 5, 14, 15), "sm_dog_01", "dog")]):
        least = describe(PLATE, mattes, Settings(), [], "cpu", [])
        assert refused_by_schema(least) == []
    without_frame = describe(Plate(PLATE.pixels), [], Settings(), MODELS, "cpu", [])
    assert without_frame["plate"]["frame"] is None
    assert refused_by_schema(without_frame) == []


def test_channels_and_ids_are_those_of_the_files(full: Record, written: Path) -> None:
    """A reader finds each layer by what the record says, without guessing."""
    by_kind = {file["kind"]: file["name"] for file in full["files"]}
    headers = {}
    for kind in ("layers", "foreground", "cryptomatte"):
        with OpenEXR.File(str(written / by_kind[kind]), separate_channels=True) as file:
            headers[kind] = file.header() | {"names": set(file.channels())}
    slots = full["slots"]
    assert {name for slot in slots for name in (slot["alpha"], slot["spread"])} == headers["layers"]["names"]
    assert {name for slot in slots for name in slot["foreground"]} == headers["foreground"]["names"]
    said = {
        key.rpartition("/")[2]: value for key, value in headers["cryptomatte"].items() if "cryptomatte/" in key
    }
    assert said["name"] == full["cryptomatte"]["name"]
    assert all(name.startswith(said["name"]) for name in headers["cryptomatte"]["names"])
    assert json.loads(said["manifest"]) == {
        slot["cryptomatte"]["name"]: slot["cryptomatte"]["id"] for slot in slots
    }
    assert {slot["png"] for slot in slots} == {file["name"] for file in full["files"] if file["kind"] == "png"}


def test_an_id_is_the_float_in_the_pixels(full: Record, written: Path) -> None:
    with OpenEXR.File(str(written / "a.cryptomatte.exr"), separate_channels=True) as file:
        pixels = file.channels()["SemanticMatte00.R"].pixels
    (first,) = struct.unpack(">f", bytes.fromhex(full["slots"][0]["cryptomatte"]["id"]))
    assert np.float32(first) in pixels


def at(record: Record, way: Iterable[str | int]) -> Any:
    """What lies there."""
    place: Any = record
    for step in way:
        place = place[step]
    return place


def changed(path: str, value: Any) -> Callable[[Record], None]:
    """Sets what lies at a path of keys and numbers."""

    def change(record: Record) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        at(record, way)[last] = value

    return change


BAD: list[tuple[str, Any]] = [
    ("schema", 2),
    ("schema", "1"),
    ("key", ""),
    ("key", "A" * 64),
    ("key", "a" * 65),
    ("settings_hash", None),
    ("more", 1),
    ("plate/more", 1),
    ("plate/size", [30]),
    ("plate/size", [30, 20, 3]),
    ("plate/size", [0, 20]),
    ("plate/data_window", [-1, -2, 29.5, 18]),
    ("plate/data_window", [-1, -2, 29, 2**40]),
    ("plate/pixel_aspect", 0),
    ("plate/pixel_aspect", "1"),
    ("plate/frame", "1001"),
    ("plate/frame", 1.5),
    ("plate/name", None),
    ("slots", {}),
    ("slots/0/slot", "Sm_Dog"),
    ("slots/0/slot", "sm/dog"),
    ("slots/0/slot", "s" * 41),
    ("slots/0/score", 1.01),
    ("slots/0/score", True),
    ("slots/0/area", -1),
    ("slots/0/alpha_area", -1),
    ("slots/0/passes", -1),
    ("slots/0/source", "guessed"),
    ("slots/0/flicker", 1.5),
    ("slots/0/foreground", ["a.R", "a.G", "a.B"]),
    ("slots/0/cryptomatte/id", "12AB34CD"),
    ("slots/0/cryptomatte/id", "1234567"),
    ("slots/0/png", "../a.png"),
    ("files/0/name", "../a.exr"),
    ("files/0/name", ".."),
    ("files/0/name", "."),
    ("files/0/name", ""),
    ("files/0/name", "/etc/a.exr"),
    ("files/0/name", "b/a.exr"),
    ("files/0/name", "a\0.exr"),
    ("files/0/name", "a.exe"),
    ("files/0/name", "a" * 252 + ".exr"),
    ("files/0/kind", "sidecar"),
    ("files/0/bytes", 0),
    ("files/0/bytes", 1.5),
    ("files/0/bytes", "1"),
    ("files/0/bytes", 10**30),
    ("files/0/sha256", "0" * 63),
    ("settings/passes", None),
    ("settings/find", [1]),
    ("settings/find", {"a": 1}),
    ("models/0/sha256", "bf2d0c1e"),
    ("models/0/more", ""),
    ("models/0/licence", ""),
    ("versions/numpy", 2),
    ("seed", -1),
    ("device", ""),
    ("estimator_device", None),
    ("notices", "told"),
    ("notices/0", 1),
]


@pytest.mark.parametrize(("path", "value"), BAD, ids=lambda given: repr(given)[:40])
def test_a_bad_record_is_refused_by_both(full: Record, path: str, value: Any) -> None:
    changed(path, value)(full)
    assert refused_by_schema(full)
    assert refused_by_models(full)


def paths(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Ways to every field that a record must have: not to controls and versions, which are free."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield (*way, name)
            if name not in ("settings", "versions"):
                yield from paths(part, (*way, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from paths(part, (*way, number))


def test_a_record_that_lacks_a_field_is_refused_by_both(full: Record) -> None:
    optional = {"dtype", "config", "commercial_use", "licence_accepted"}
    ways = list(paths(full))
    assert len(ways) > 80
    for *way, name in ways:
        record = copy.deepcopy(full)
        del at(record, way)[name]
        assert bool(refused_by_schema(record)) == (name not in optional), (*way, name)
        assert refused_by_models(record) == (name not in optional), (*way, name)


# What only the models see: a schema can't compare one field with another.
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("plate/size", [30, 21]),
        ("plate/display_window", [5, 0, 5, 9]),
        ("slots/0/box", [4, 5, 4, 15]),
        ("slots/1/slot", "sm_dog_01"),
        ("slots/0/foreground", None),
        ("slots/0/cryptomatte", None),
        ("slots/0/png", None),
        ("slots/0/png", "other.png"),
        ("files/1/name", "A.MATTES.exr"),
        ("files/1/kind", "layers"),
        ("files/2/kind", "contact"),
        ("files/5/kind", "layers"),
        ("foreground", None),
        ("cryptomatte", None),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_a_record_that_contradicts_itself_is_refused(full: Record, path: str, value: Any) -> None:
    changed(path, value)(full)
    assert refused_by_models(full)


@pytest.mark.parametrize("kind", ["foreground", "cryptomatte"])
def test_a_file_without_objects_is_told_all_the_same(full: Record, kind: str) -> None:
    full["slots"] = []
    full["files"] = [file for file in full["files"] if file["kind"] != "png"]
    assert not refused_by_models(full)
    full[kind] = None
    assert refused_by_models(full)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@settings(max_examples=200)
@given(st.data())
def test_both_readers_agree_on_any_single_change(data: st.DataObject) -> None:
    """Only in one way: what the models take, the schema takes, so that no valid sidecar is called invalid."""
    record = describe(PLATE, [], Settings(), MODELS, "cpu", ["Told."], read_as="srgb")
    ways = list(paths(record))
    # What stands elsewhere in the record is more often taken than what is made up.
    value = data.draw(st.sampled_from(ways).map(lambda way: copy.deepcopy(at(record, way))) | anything)
    *way, name = data.draw(st.sampled_from(ways))
    at(record, way)[name] = value
    if not refused_by_models(record):
        assert refused_by_schema(record) == []


@pytest.mark.parametrize("path", ["slots/0/area", "slots/0/passes"])
def test_an_object_that_is_there_has_an_area_and_passes(full: Record, path: str) -> None:
    """Which a schema can't say; an absent one has neither, and no box."""
    changed(path, 0)(full)
    assert refused_by_models(full)
    assert not refused_by_schema(full)
    absent = {"source": "absent", "box": None, "area": 0, "passes": 0}
    for name, value in absent.items():
        changed(f"slots/0/{name}", value)(full)
    assert not refused_by_models(full)
    assert not refused_by_schema(full)
