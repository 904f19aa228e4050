"""Titles as an artist writes them, and the layers that they become."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte_nuke import layer_names


@pytest.mark.parametrize(
    ("title", "slot", "layer"),
    [
        ("person_01", "sm_person_01", "sm_person_01"),
        ("Anna", "sm_person_01", "sm_anna"),
        ("Anna, the hero", "sm_person_01", "sm_anna_the_hero"),
        ("Žoë  N°3", "sm_person_01", "sm_zoe_n3"),
        ("安娜", "sm_person_01", "sm_person_01"),
        ("  -- ", "sm_person_01", "sm_person_01"),
        ("2 dogs", "sm_dog_01", "sm_2_dogs"),
        ("a" * 90, "sm_person_01", "sm_" + "a" * 37),
    ],
)
def test_a_layer_has_its_title(title: str, slot: str, layer: str) -> None:
    assert layer_names.layer_of(title, slot, ()) == layer


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert layer_names.layer_of("Anna", "sm_person_01", {"sm_anna"}) == "sm_anna_2"
    assert layer_names.layer_of("Anna", "sm_person_01", {"sm_anna", "sm_anna_2"}) == "sm_anna_3"
    assert layer_names.layer_of("person_01", "sm_person_01", {"sm_person_01"}) == "sm_person_01_2"
    long = layer_names.layer_of("a" * 90, "sm_a", {"sm_" + "a" * 37})
    assert long == "sm_" + "a" * 35 + "_2"


@settings(max_examples=500)
@given(st.lists(st.text(max_size=60), max_size=12))
def test_any_titles_give_layers_that_nuke_takes_and_that_differ(titles: list[str]) -> None:
    taken: set[str] = {"left", "right"}
    for number, title in enumerate(titles):
        layer = layer_names.layer_of(title, f"sm_person_{number:02d}", taken)
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,39}", layer)
        assert layer_names.is_layer_name(layer)
        assert layer not in taken
        taken.add(layer)


@pytest.mark.parametrize("there", ["sm_a.alpha", "sm_a.A", "sm_a.a"])
def test_the_channel_is_what_nuke_found_in_the_file(there: str) -> None:
    assert layer_names.channel_in("sm_a", {"rgba.red", there, "sm_b.alpha"}) == there


def test_a_channel_that_is_not_there_has_the_usual_name() -> None:
    assert layer_names.channel_in("sm_a", {"sm_b.alpha"}) == "sm_a.alpha"
    assert layer_names.layers_in({"rgba.red", "rgba.green", "sm_b.alpha"}) == {"rgba", "sm_b"}
