"""The table of instances: what stays over results, what feeds each socket, titles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from semantic_matte_client.nodes import instance_table
from semantic_matte_client.nodes.instance_table import Row, TitleRule, feeds, with_title, with_unique_titles

# As Blender has them.
RULE = TitleRule(63, ("Image", "All", "Cryptomatte"))


@dataclass(frozen=True)
class Found:
    slot: str
    label: str = "thing"
    score: float = 0.5
    frames: str = "1"


def rows(*keys: str, **changes: Row) -> list[Row]:
    """Rows whose slots are their keys."""
    return [changes.get(key, Row(key, key, title=key)) for key in keys]


def keys(table: tuple[Row, ...]) -> list[str]:
    return [row.key for row in table]


def renewed(earlier: Sequence[Row], found: Iterable[Found], linked: Collection[str]) -> tuple[Row, ...]:
    return instance_table.renewed(earlier, found, linked, RULE)


def test_a_first_result_gives_a_row_for_each_slot() -> None:
    table = renewed([], [Found("sm_person_01", "person", 0.9, "1-5"), Found("hero")], set())
    assert table[0] == Row("sm_person_01", "sm_person_01", "person", "person_01", 0.9, "1-5")
    assert (table[1].key, table[1].title) == ("hero", "hero")


def test_what_the_artist_set_stays_and_what_was_found_is_new() -> None:
    before = [Row("a", "a", "cat", "Tom", 0.4, "1", False, True, socket="Socket_5")]
    assert renewed(before, [Found("a", "dog", 0.8, "2")], set()) == (
        Row("a", "a", "dog", "Tom", 0.8, "2", False, True, socket="Socket_5"),
    )


def test_order_is_that_of_the_table_with_new_ones_last() -> None:
    table = renewed(rows("b", "a"), [Found("c"), Found("a"), Found("b")], set())
    assert keys(table) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("linked", "into", "expected"),
    [
        (set(), "", ["kept"]),
        ({"gone"}, "", ["gone", "kept"]),
        # Another one is merged into it: its title and its place still mean something.
        (set(), "gone", ["gone", "kept"]),
    ],
)
def test_a_row_that_is_gone_stays_only_if_it_is_needed(
    linked: set[str], into: str, expected: list[str]
) -> None:
    before = [Row("gone", "gone"), Row("kept", "kept", into=into)]
    table = renewed(before, [Found("kept")], linked)
    assert keys(table) == expected
    assert [row.present for row in table] == [key != "gone" for key in expected]


def test_a_row_that_comes_back_is_the_same_row() -> None:
    before = [Row("a", "a", title="Tom", socket="Socket_5")]
    gone = renewed(before, [], {"a"})
    assert not gone[0].present
    back = renewed(gone, [Found("a")], {"a"})
    assert (back[0].title, back[0].socket, back[0].present) == ("Tom", "Socket_5", True)


def test_a_merge_into_what_is_gone_ends() -> None:
    before = [Row("a", "a", into="b"), Row("b", "b", into="c"), Row("c", "c")]
    # Nothing that stays is merged into c: b is gone itself.
    table = renewed(before, [Found("a")], set())
    assert [(row.key, row.into) for row in table] == [("a", "b"), ("b", "")]


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        (["Tom", "Tom", "Tom"], ["Tom", "Tom.001", "Tom.002"]),
        (["Tom.001", "Tom", "Tom"], ["Tom.001", "Tom", "Tom.002"]),
        (["Image", "All", "Cryptomatte"], ["Image.001", "All.001", "Cryptomatte.001"]),
        (["", "  ", "a\nb\t"], ["k0", "k1", "a b"]),
        (["tom", "Tom", "人", "人"], ["tom", "Tom", "人", "人.001"]),
        # 63 bytes of UTF-8, and never a part of a character.
        (["人" * 63] * 2, ["人" * 21, "人" * 19 + ".001"]),
        (["a" * 63] * 2, ["a" * 63, "a" * 59 + ".001"]),
        (["👩‍🚀"], ["👩‍🚀"]),
        (["\ud800x"], ["?x"]),
    ],
)
def test_titles(titles: list[str], expected: list[str]) -> None:
    table = [Row(f"k{number}", f"k{number}", title=title) for number, title in enumerate(titles)]
    assert [row.title for row in with_unique_titles(table, RULE)] == expected


RULES = some.builds(TitleRule, some.integers(8, 200), some.lists(some.text(min_size=1), max_size=4).map(tuple))


@given(some.lists(some.text(max_size=80), max_size=12), RULES)
def test_titles_always_fit_and_differ(titles: list[str], rule: TitleRule) -> None:
    given_rows = [Row(f"k{n}", f"k{n}", title=title) for n, title in enumerate(titles)]
    table = with_unique_titles(given_rows, rule)
    found = [row.title for row in table]
    assert len(set(found)) == len(found)
    assert not set(found) & set(rule.reserved)
    assert all(0 < len(title.encode()) <= rule.size for title in found)
    assert with_unique_titles(table, rule) == table


def test_a_host_that_reserves_nothing_and_has_room_keeps_titles() -> None:
    titles = ["Image", "人" * 63]
    table = with_unique_titles([Row(title, title, title=title) for title in titles], TitleRule(200))
    assert [row.title for row in table] == titles


def test_a_new_title_gives_way_to_those_that_are_there() -> None:
    table = with_title(rows("a", "b"), "a", "b", RULE)
    assert [row.title for row in table] == ["b.001", "b"]
    assert [row.title for row in with_title(table, "a", "b.001", RULE)] == ["b.001", "b"]


def test_each_socket_gives_its_own_slot() -> None:
    result = feeds(rows("a", "b"))
    assert result.sums == {"a": ("a",), "b": ("b",)}
    assert result.targets == {"a": "a", "b": "b"}
    assert result.shown == ("a", "b")
    assert not result.without_socket


A_INTO_B = Row("a", "a", title="a", into="b")


@pytest.mark.parametrize(
    ("table", "sums", "shown"),
    [
        # Disabled and absent ones give nothing.
        (rows("a", "b", a=Row("a", "a", enabled=False)), {"a": (), "b": ("b",)}, ("b",)),
        (rows("a", "b", a=Row("a", "a", present=False)), {"a": (), "b": ("b",)}, ("b",)),
        # Solo changes what is shown, not what sockets give.
        (rows("a", "b", a=Row("a", "a", solo=True)), {"a": ("a",), "b": ("b",)}, ("a",)),
        # Merged ones are summed where they are merged into.
        (rows("a", "b", a=A_INTO_B), {"b": ("b", "a")}, ("b",)),
        (rows("a", "b", a=replace(A_INTO_B, enabled=False)), {"b": ("b",)}, ("b",)),
        (rows("a", "b", a=A_INTO_B, b=Row("b", "b", enabled=False)), {"b": ()}, ()),
        (rows("a", "b", a=A_INTO_B, b=Row("b", "b", present=False)), {"b": ("a",)}, ("b",)),
        (rows("a", "b", "c", a=replace(A_INTO_B, solo=True)), {"b": ("b", "a"), "c": ("c",)}, ("b",)),
        # All soloed ones off: nothing is shown.
        (rows("a", "b", a=Row("a", "a", solo=True, enabled=False)), {"a": (), "b": ("b",)}, ()),
        # Through a second one, into one that is not there, into itself.
        (rows("a", "b", "c", a=A_INTO_B, b=Row("b", "b", into="c")), {"c": ("c", "a", "b")}, ("c",)),
        (rows("a", a=Row("a", "a", into="nowhere")), {"a": ("a",)}, ("a",)),
        (rows("a", a=Row("a", "a", into="a")), {"a": ("a",)}, ("a",)),
    ],
)
def test_what_feeds_sockets(table: list[Row], sums: dict[str, tuple[str, ...]], shown: tuple[str, ...]) -> None:
    result = feeds(table)
    assert result.sums == sums
    assert result.shown == shown
    assert set(result.targets.values()) == set(sums)


def test_a_merged_one_needs_no_socket_and_shows_the_sum_if_it_has_one() -> None:
    result = feeds(rows("a", "b", a=A_INTO_B))
    assert result.without_socket == {"a"}
    assert result.targets["a"] == "b"


def test_a_damaged_ring_of_merges_ends_all_at_one() -> None:
    table = rows("a", "b", "c", a=Row("a", "a", into="b"), b=Row("b", "b", into="c"), c=Row("c", "c", into="b"))
    result = feeds(table)
    assert set(result.targets.values()) == {"b"}
    assert sorted(result.sums["b"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("key", "into", "expected"),
    [
        ("b", "c", ""),
        ("a", "c", ""),
        ("x", "b", "There is no instance 'x': the node has a, b, c."),
        ("b", "x", "There is no instance 'x': the node has a, b, c."),
        ("b", "b", "'b' can't be merged into itself: choose another instance."),
        ("b", "a", "'a' is merged into 'b' already: separate it first."),
    ],
)
def test_what_cannot_be_merged(key: str, into: str, expected: str) -> None:
    assert instance_table.merge_refusal(rows("a", "b", "c", a=A_INTO_B), key, into) == expected


def test_colours_of_the_overlay_are_far_apart() -> None:
    colours = [instance_table.overlay_colour(position) for position in range(8)]
    assert all(0 <= part <= 1 for colour in colours for part in colour)
    distances = [
        max(abs(one - other) for one, other in zip(first, second, strict=True))
        for number, first in enumerate(colours)
        for second in colours[number + 1 :]
    ]
    assert min(distances) > 0.15
