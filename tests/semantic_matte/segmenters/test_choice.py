"""The names that an artist types."""

from __future__ import annotations

import pytest

import semantic_matte as sm
from semantic_matte.errors import UnknownNameError
from semantic_matte.segmenters import SEGMENTERS, create_segmenter
from semantic_matte.segmenters.choice import resolve_names
from semantic_matte.segmenters.coco import ALIASES, COCO_IDS, COCO_NAMES


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ((), None),
        (("person",), {"person"}),
        (("Person", "PEOPLE", "man"), {"person"}),
        (("plant",), {"potted plant"}),
        (("plants",), {"potted plant"}),
        (("dogs", "cat"), {"dog", "cat"}),
        (("potted_plant", "  wine   glass "), {"potted plant", "wine glass"}),
        # These end in "s" by themselves.
        (("scissors", "skis"), {"scissors", "skis"}),
        (("Bikes", "sofa", "TV"), {"bicycle", "couch", "tv"}),
        (("tennis rackets",), {"tennis racket"}),
    ],
)
def test_names_are_understood(asked: tuple[str, ...], kept: set[str] | None) -> None:
    assert resolve_names(asked, COCO_NAMES, ALIASES) == kept


@pytest.mark.parametrize(
    ("asked", "closest"),
    [("persn", "person"), ("Zebbra", "zebra"), ("tedy bear", "teddy bear"), ("laptpo", "laptop")],
)
def test_a_slip_is_offered_the_closest_name(asked: str, closest: str) -> None:
    with pytest.raises(UnknownNameError) as raised:
        resolve_names(["dog", asked], COCO_NAMES, ALIASES)
    assert raised.value.closest[0] == closest
    assert f"Unknown object name '{asked}'. Did you mean '{closest}'" in str(raised.value)
    assert "toothbrush" in str(raised.value)


@pytest.mark.parametrize("asked", ["", "s", "quaternion", "猫"])
def test_what_is_like_nothing_known_is_told_the_known_ones(asked: str) -> None:
    with pytest.raises(UnknownNameError, match="Known: person, bicycle"):
        resolve_names([asked], COCO_NAMES, ALIASES)


def test_an_alias_of_what_a_segmenter_lacks_is_unknown() -> None:
    with pytest.raises(UnknownNameError):
        resolve_names(["sofa"], ["person"], ALIASES)


def test_every_alias_leads_to_a_coco_name() -> None:
    assert set(ALIASES.values()) <= set(COCO_NAMES)
    assert not set(ALIASES) & set(COCO_NAMES)


def test_coco_ids_are_cocos_own() -> None:
    assert len(COCO_IDS) == len(COCO_NAMES) == 80
    # As in instances_val2017.json.
    known = {"person": 1, "stop sign": 13, "bird": 16, "backpack": 27, "potted plant": 64, "toothbrush": 90}
    assert {name: COCO_IDS[name] for name in known} == known


def test_an_unknown_segmenter_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Known: starter, hint") as raised:
        create_segmenter(sm.Settings(segmenter="startr"), "cpu")
    assert raised.value.closest == ["starter"]


def test_segmenters_bear_the_names_that_they_are_known_by() -> None:
    assert create_segmenter(sm.Settings(), "cpu").name == "starter"
    assert set(SEGMENTERS) >= {"starter", "hint"}
