"""Names of layers: what every host leaves as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.outputs.names import EMPTY_SLOT, SPREAD_SUFFIX, slot_names

SAFE = re.compile(r"sm_[a-z0-9]+(_[a-z0-9]+)*_[0-9]{2,4}")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([], []),
        (["person"], ["sm_person_01"]),
        (["person", "dog", "person"], ["sm_person_01", "sm_dog_01", "sm_person_02"]),
        (["Café au lait"], ["sm_cafe_au_lait_01"]),
        (["Straße", "Łódź", "smørrebrød"], ["sm_strasse_01", "sm_lodz_01", "sm_smorrebrod_01"]),
        (["日本", "☃", "", "object"], [f"sm_object_0{n}" for n in (1, 2, 3, 4)]),
        (["Person", "person ", "PERSON"], [f"sm_person_0{n}" for n in (1, 2, 3)]),
        (["car_2", "car 2", "car"], ["sm_car_2_01", "sm_car_2_02", "sm_car_01"]),
        (["left.A", "kid-a,b"], ["sm_left_a_01", "sm_kid_a_b_01"]),
        (["mask", "face mask"], ["sm_objectmask_01", "sm_facemask_01"]),
        (["none"], ["sm_object_01"]),
        (["x" * 99], ["sm_" + "x" * 25 + "_01"]),
    ],
)
def test_labels_and_their_names(labels: list[str], names: list[str]) -> None:
    assert slot_names(labels) == names


def test_a_hundred_of_one_label_take_three_digits_and_others_two() -> None:
    names = slot_names(["person"] * 100 + ["dog"])
    assert (names[0], names[99], names[100]) == ("sm_person_001", "sm_person_100", "sm_dog_01")


@given(st.lists(st.text(max_size=60), max_size=40))
def test_any_labels_give_safe_unique_names(labels: list[str]) -> None:
    names = slot_names(labels)
    assert len(names) == len(labels)
    layers = [*names, *(name + SPREAD_SUFFIX for name in names), EMPTY_SLOT]
    assert len(set(layers)) == len(layers)
    for name in names:
        assert SAFE.fullmatch(name)
        assert len(name + SPREAD_SUFFIX) <= 40
        assert "_mask" not in name
    assert slot_names(labels) == names


@given(st.lists(st.sampled_from(["a", "b", "_mask", "mask", "é"]), max_size=8).map("".join))
def test_masks_never_come_about(label: str) -> None:
    assert "_mask" not in slot_names([label])[0]


def test_ten_thousand_of_one_label_still_fit() -> None:
    names = slot_names(["x" * 60] * 9999)
    assert len(set(names)) == 9999
    assert max(len(name + SPREAD_SUFFIX) for name in names) <= 40
