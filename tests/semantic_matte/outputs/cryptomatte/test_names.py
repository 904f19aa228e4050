"""Ids, manifest and names: against the specification's own examples and a second MurmurHash3."""

from __future__ import annotations

import json

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.errors import OutputError
from semantic_matte.outputs.cryptomatte_names import header, object_id, object_names
from semantic_matte.outputs.names import slot_names


@pytest.mark.parametrize(
    ("name", "bits", "number"),
    [("torus", 4053562365, -1.54943624832e30), ("равнина", 2518896926, -1.31926312124e-25)],
)
def test_examples_of_the_specification(reader, name: str, bits: int, number: float) -> None:
    assert object_id(name) == reader.murmur(name) == bits
    assert reader.float_of(object_id(name)) == pytest.approx(number, rel=1e-11)


@given(st.text(max_size=50))
def test_two_hashes_agree_and_ids_are_normal_numbers(reader, name: str) -> None:
    assert reader.murmur(name) == mmh3.hash(name.encode(), 0, signed=False)
    assert object_id(name) == reader.id_of(name)
    assert 1 <= object_id(name) >> 23 & 255 <= 254


@pytest.mark.parametrize(("exponent", "becomes"), [(0, 1), (255, 254)])
def test_exponents_that_are_no_numbers_are_moved_by_one(reader, exponent: int, becomes: int) -> None:
    names = (f"sm_object_{number:04d}" for number in range(10_000))
    name = next(name for name in names if reader.murmur(name) >> 23 & 255 == exponent)
    assert object_id(name) >> 23 & 255 == becomes
    assert object_id(name) ^ reader.murmur(name) == 1 << 23


def test_the_header() -> None:
    names = ["sm_person_02", "sm_dog_01", "sm_person_01"]
    attributes = header(names)
    prefix = f"cryptomatte/{object_id('SemanticMatte'):08x}"[:-1]
    manifest = (
        f'{{"sm_dog_01":"{object_id("sm_dog_01"):08x}","sm_person_01":"{object_id("sm_person_01"):08x}",'
        f'"sm_person_02":"{object_id("sm_person_02"):08x}"}}'
    )
    assert attributes == {
        f"{prefix}/name": "SemanticMatte",
        f"{prefix}/hash": "MurmurHash3_32",
        f"{prefix}/conversion": "uint32_to_float32",
        f"{prefix}/manifest": manifest,
    }
    # Old OpenEXR readers take no longer ones.
    assert max(map(len, attributes)) <= 31


def test_a_manifest_keeps_leading_zeros_of_ids() -> None:
    names = (f"sm_object_{number:04d}" for number in range(10_000))
    name = next(name for name in names if object_id(name) < 1 << 28)
    manifest = next(value for key, value in header([name]).items() if key.endswith("/manifest"))
    assert json.loads(manifest)[name] == f"{object_id(name):08x}"
    assert len(json.loads(manifest)[name]) == 8


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_what_slot_names_gives_is_taken_as_it_is(labels: list[str]) -> None:
    slots = slot_names(labels)
    names, notices = object_names(slots)
    assert names == {slot: slot for slot in slots}
    assert list(names) == sorted(slots)
    assert notices == []


@pytest.mark.parametrize("slot", ["", "a.b", "a,b", "a b", "a\nb", 'a"b', "a\\b", "<a>", "a*", "a?", "[a]"])
def test_names_that_hosts_take_apart_are_refused(slot: str) -> None:
    with pytest.raises(OutputError, match="can't be the name of a Cryptomatte's object"):
        object_names(["sm_dog_01", slot])


@pytest.fixture(scope="module")
def twins() -> tuple[str, str]:
    """Two names that really have the same id."""
    known: dict[int, str] = {}
    for number in range(500_000):
        name = f"sm_object_{number:06d}"
        if object_id(name) in known:
            return known[object_id(name)], name
        known[object_id(name)] = name
    raise AssertionError("no two names have the same id")


def test_of_two_names_with_one_id_the_later_takes_a_number(twins: tuple[str, str]) -> None:
    first, second = twins
    names, notices = object_names([second, "sm_dog_01", first])
    assert names == {"sm_dog_01": "sm_dog_01", first: first, second: f"{second}_2"}
    assert len(notices) == 1
    assert all(name in notices[0] for name in (first, second, f"{second}_2"))


def test_the_new_name_is_none_of_the_others(twins: tuple[str, str]) -> None:
    first, second = twins
    names, _ = object_names([first, second, f"{second}_2"])
    assert names[second] == f"{second}_3"
    assert names[f"{second}_2"] == f"{second}_2"
    assert len({object_id(name) for name in names.values()}) == 3
