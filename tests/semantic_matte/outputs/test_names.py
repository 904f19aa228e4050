"""Names of layers: what every host leaves as it is, by models of how hosts read channel names."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semantic_matte.outputs.names import EMPTY_SLOT, SPREAD_SUFFIX, slot_names

SAFE = re.compile(r"sm_[a-z0-9]+(_[a-z0-9]+)*_[0-9]{2,4}")

# Words that meet the rules' edges, and any Unicode.
EDGES = [
    "mask",
    "_mask",
    "none",
    "left",
    "main",
    "rgba",
    "depth",
    "01",
    ".",
    ",",
    "_",
    "-",
    "é",
    "ß",
    "日",
    "\0",
]
LABELS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(EDGES), max_size=6).map("".join))


# --- How Nuke reads the name of an EXR channel, by Foundry's published mapping.

NUKE_CHANNELS = {"r": "red", "g": "green", "b": "blue", "a": "alpha", "z": "Z"}
NUKE_RESERVED = {
    "rgba", "rgb", "alpha", "depth", "forward", "backward", "motion", "deep", "mask", "other", "none", "all",
    "disparity", "disparityl", "disparityr",
}  # fmt: skip


def nuke_reads(name: str, views: tuple[str, ...] = ()) -> tuple[str, str, str]:
    """(view, layer, channel). Layers lose digits at their start, and what is neither letter, digit nor _
    becomes one; a part that loses everything leaves a _ at the channel. A channel of digits alone is none."""
    *parts, channel = name.split(".")
    view = next((part for part in parts if part in views), "")
    parts = [part for part in parts if part != view]
    if parts and channel.isdigit():
        return view, "", parts[-1]
    legal = [re.sub(r"[^A-Za-z0-9_]", "_", part).lstrip("0123456789") for part in parts]
    known = NUKE_CHANNELS.get(channel.lower(), channel.lower())
    if legal and not legal[-1]:
        known, legal = f"_{channel}", legal[:-1]
    return view, "_".join(legal) or "rgba", known


@pytest.mark.parametrize(
    ("name", "views", "read"),
    [
        ("person_01.A", (), ("", "person_01", "alpha")),
        ("01_person.A", (), ("", "_person", "alpha")),
        ("matte.person.01.A", (), ("", "matte_person", "_A")),
        ("left.A", ("left", "right"), ("left", "rgba", "alpha")),
        ("kid-a.alpha", (), ("", "kid_a", "alpha")),
        ("person.01", (), ("", "", "person")),
    ],
)
def test_the_model_of_nuke_gives_the_published_examples(
    name: str, views: tuple[str, ...], read: tuple[str, str, str]
) -> None:
    assert nuke_reads(name, views) == read


# --- How Blender does it: imb_exr_split_channel_name of its openexr_api.cpp, 4.2 to 5.2.

BLENDER_LONGEST = 63
BLENDER_LONGEST_KEY = 80


def blender_reads(name: str, view: str = "") -> tuple[str, str, str]:
    """(layer, pass, channel): from the right, channel, then pass, and all that is left is the layer."""
    if len(name) == 1:
        return "", "Combined", name.upper()
    rest, _, channel = name.rpartition(".")
    layer, _, combined_pass = rest.rpartition(".")
    if view:
        combined_pass = f"{combined_pass}.{view}"
    return layer[:BLENDER_LONGEST], combined_pass[:BLENDER_LONGEST], channel.upper()


# --- How OpenEXR itself finds a view: viewFromChannelName of ImfMultiView.cpp.


def openexr_view(name: str, views: tuple[str, ...]) -> str:
    parts = name.split(".")
    if len(parts) == 1:
        return views[0]
    return parts[-2] if parts[-2] in views else ""


# --- The names.


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
        (["x" * 24 + " yz"], ["sm_" + "x" * 24 + "_01"]),
    ],
)
def test_labels_and_their_names(labels: list[str], names: list[str]) -> None:
    assert slot_names(labels) == names


def test_the_hundredth_object_renames_none_before_it() -> None:
    names = slot_names(["person"] * 101 + ["dog"])
    assert names[:99] == [f"sm_person_{number:02d}" for number in range(1, 100)]
    assert names[99:] == ["sm_person_100", "sm_person_101", "sm_dog_01"]


@given(st.lists(LABELS, max_size=40))
@example(["a"] * 150)
def test_any_labels_give_safe_unique_names(labels: list[str]) -> None:
    names = slot_names(labels)
    assert len(names) == len(labels)
    layers = [*names, *(name + SPREAD_SUFFIX for name in names), EMPTY_SLOT]
    assert len(set(layers)) == len(layers)
    for name in names:
        assert SAFE.fullmatch(name)
        assert len(name + SPREAD_SUFFIX) <= 40
    assert slot_names(labels) == names


@given(st.lists(LABELS, max_size=120), LABELS, st.sets(st.sampled_from(["sm_object_01", "sm_left_02"])))
def test_one_more_object_renames_none_before_it(labels: list[str], another: str, views: set[str]) -> None:
    assert slot_names([*labels, another], views)[:-1] == slot_names(labels, views)


@given(st.lists(LABELS, max_size=30), st.lists(st.text("lr_ab", min_size=1, max_size=9), max_size=3))
def test_hosts_read_each_layer_as_it_was_meant(labels: list[str], extra_views: list[str]) -> None:
    # Views of a script, some of them named as layers are: the first names given without them.
    views = ("left", "right", "main", "A", "a", *extra_views, *slot_names(labels)[:3])
    names = slot_names(labels, views)
    layers = [*names, *(name + SPREAD_SUFFIX for name in names)]
    assert not set(layers) & set(views)
    for layer in layers:
        channel = f"{layer}.A"
        assert nuke_reads(channel, views) == ("", layer, "alpha")
        assert openexr_view(channel, views) == ""
        assert blender_reads(channel) == ("", layer, "A")
        assert layer not in NUKE_RESERVED
        assert "_mask" not in layer
        assert not layer.startswith("mask")
        assert channel.count(".") == 1
        assert "," not in channel
        assert len(layer) <= 40
        assert len(f"{channel}.right") <= BLENDER_LONGEST_KEY


@given(st.lists(LABELS, max_size=30), st.text("lr", min_size=1, max_size=BLENDER_LONGEST))
def test_blender_tells_them_apart_with_a_view_at_their_end(labels: list[str], view: str) -> None:
    """It cuts pass and view together, so a name must come before the cut."""
    names = slot_names(labels)
    layers = [*names, *(name + SPREAD_SUFFIX for name in names)]
    passes = [blender_reads(f"{layer}.A", view)[1] for layer in layers]
    assert len(set(passes)) == len(layers)
    assert all(read.startswith(f"{layer}.") for read, layer in zip(passes, layers, strict=True))


@given(st.sampled_from(["person", "Kid A", "x" * 40]), st.integers(1, 99))
def test_sockets_sorted_by_name_lie_in_the_order_of_objects(label: str, count: int) -> None:
    names = slot_names([label] * count)
    assert sorted(names) == names


@pytest.mark.parametrize("view", ["sm_person_02", "SM_Person_02", "sm_person_02_spread", "Sm_Person_02_Spread"])
def test_a_view_is_passed_over_whatever_its_case(view: str) -> None:
    assert slot_names(["person"] * 3, [view, "left"]) == ["sm_person_01", "sm_person_03", "sm_person_04"]


@given(st.lists(st.sampled_from(["a", "b", "_mask", "mask", "é"]), max_size=8).map("".join))
def test_masks_never_come_about(label: str) -> None:
    assert "_mask" not in slot_names([label])[0]


def test_ten_thousand_of_one_label_still_fit() -> None:
    names = slot_names(["x" * 60] * 9999)
    assert len(set(names)) == 9999
    assert max(len(name + SPREAD_SUFFIX) for name in names) <= 40
