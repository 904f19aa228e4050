"""The table of instances: what a new result makes of it, what feeds each socket, which titles are free.

A row keeps its key for as long as its socket may be linked, so that links survive a result with other objects.
"""

from __future__ import annotations

import colorsys
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

_SLOT_PREFIX = "sm_"
# A key's length where it has to give way to another one of the same slot.
_KEY_BYTES = 63


@dataclass(frozen=True)
class TitleRule:
    """Which titles a host's node can show.

    size: the most bytes of UTF-8. reserved: what else is shown beside the instances, from which one of the same
    name could not be told.
    """

    size: int
    reserved: tuple[str, ...] = ()


class Found(Protocol):
    """A slot of a result (see `result_records.SlotFound`)."""

    @property
    def slot(self) -> str:
        """The layer's name."""

    @property
    def label(self) -> str:
        """What it is."""

    @property
    def score(self) -> float:
        """How sure that is, 0 to 1."""

    @property
    def frames(self) -> str:
        """The scene's frames in which it is seen."""


@dataclass(frozen=True)
class Row:
    """One instance of a node.

    key: stays the same while the row lives. slot: the layer of the result. socket: the identifier of the
    group's output, "" where it has none. into: the key of the instance that this one is merged into, or "".
    present: whether the newest result has the slot.
    """

    key: str
    slot: str
    label: str = ""
    title: str = ""
    score: float = 0.0
    frames: str = ""
    enabled: bool = True
    solo: bool = False
    into: str = ""
    present: bool = True
    socket: str = ""


@dataclass(frozen=True)
class Feeds:
    """What feeds the node's outputs.

    sums: key -> slots whose alphas are added (none: 0), one entry for each instance that is not merged into
    another. targets: key -> the key of `sums` that its socket shows. shown: the keys of `sums` that All and
    Image are made of. without_socket: keys whose socket goes once nothing is linked to it.
    """

    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    without_socket: frozenset[str] = frozenset()


def default_title(slot: str) -> str:
    """What a slot is called until the artist renames it: `sm_person_01` is person_01."""
    return slot.removeprefix(_SLOT_PREFIX) or slot


def renewed(
    earlier: Sequence[Row], found: Iterable[Found], linked: Collection[str], rule: TitleRule
) -> tuple[Row, ...]:
    """The rows after a new result: those that it has again keep their key, title and switches.

    linked: keys whose socket leads somewhere. A row that the result lacks stays (present=False) if it is linked
    or if another one is merged into it, else it goes. New ones come last, in the result's order.
    """
    of_slot = {one.slot: one for one in found}
    kept = [_refreshed(row, of_slot.get(row.slot)) for row in earlier]
    targets = {row.into for row in kept if row.into and (row.present or row.key in linked)}
    kept = [row for row in kept if row.present or row.key in linked or row.key in targets]
    keys = {row.key for row in kept}
    kept = [row if row.into in keys else replace(row, into="") for row in kept]
    for slot in [slot for slot in of_slot if slot not in {row.slot for row in kept}]:
        key = _free(slot, keys, _KEY_BYTES)
        keys.add(key)
        kept.append(_refreshed(Row(key, slot, title=default_title(slot)), of_slot[slot]))
    return with_unique_titles(kept, rule)


def with_unique_titles(rows: Sequence[Row], rule: TitleRule) -> tuple[Row, ...]:
    """The rows with titles that keep to the rule and of which no two are the same; earlier rows win.

    An empty title becomes the slot's own; a second `hero` becomes `hero.001`.
    """
    taken = set(rule.reserved)
    # Titles that are right as they are have the first choice: setting one never renames another row.
    titles: list[str] = []
    for row in rows:
        title = _free(_cut(_clean(row.title) or default_title(row.slot), rule.size), taken, rule.size)
        taken.add(title)
        titles.append(title)
    return tuple(
        row if row.title == titles[index] else replace(row, title=titles[index])
        for index, row in enumerate(rows)
    )


def with_title(rows: Sequence[Row], key: str, title: str, rule: TitleRule) -> tuple[Row, ...]:
    """The rows with one of them renamed; it is that one which gives way where the title is taken."""
    others = [row for row in rows if row.key != key]
    renamed = [replace(row, title=title) for row in rows if row.key == key]
    of_key = {row.key: row for row in with_unique_titles([*others, *renamed], rule)}
    return tuple(of_key[row.key] for row in rows)


def merge_refusal(rows: Sequence[Row], key: str, into: str) -> str:
    """Why `key` can't be merged into `into`; "" if it can. What is merged itself hands on to its own target."""
    keys = {row.key for row in rows}
    for one in (key, into):
        if one not in keys:
            return f"There is no instance '{one}': the node has {', '.join(sorted(keys)) or 'none'}."
    if into == key:
        return f"'{_title(rows, key)}' can't be merged into itself: choose another instance."
    if _end(rows, into) == key:
        return f"'{_title(rows, into)}' is merged into '{_title(rows, key)}' already: separate it first."
    return ""


def feeds(rows: Sequence[Row]) -> Feeds:
    """What feeds each socket: merged ones are summed, disabled and absent ones give nothing, solo hides others.

    A disabled instance gives 0 with all that is merged into it.
    """
    ends = {row.key: _end(rows, row.key) for row in rows}
    enabled = {row.key for row in rows if row.enabled}
    sums: dict[str, list[str]] = {ends[row.key]: [] for row in rows}
    for row in sorted(rows, key=lambda row: row.key != ends[row.key]):
        if row.present and row.enabled and ends[row.key] in enabled:
            sums[ends[row.key]].append(row.slot)
    soloed = {ends[row.key] for row in rows if row.solo}
    shown = tuple(key for key, slots in sums.items() if slots and (key in soloed or not soloed))
    return Feeds(
        {key: tuple(slots) for key, slots in sums.items()},
        ends,
        shown,
        frozenset(key for key, end in ends.items() if key != end),
    )


def overlay_colour(position: int) -> tuple[float, float, float]:
    """The colour of the row at this position in the overlay, scene-linear: neighbours differ much in hue."""
    golden = 0.6180339887498949
    return colorsys.hsv_to_rgb((0.02 + position * golden) % 1.0, 0.85, 0.9)


def _refreshed(row: Row, found: Found | None) -> Row:
    """The row with what the newest result says of its slot."""
    if found is None:
        return replace(row, present=False)
    return replace(row, label=found.label, score=found.score, frames=found.frames, present=True)


def _end(rows: Sequence[Row], key: str) -> str:
    """Where merging leads from this key: itself if it is merged into nothing that is there, or in a ring."""
    into = {row.key: row.into for row in rows}
    seen = [key]
    while into.get(seen[-1]) in into:
        following = into[seen[-1]]
        if following in seen:
            # A ring can only come from a damaged file: every member of it must end at the same one.
            return min(seen[seen.index(following) :])
        seen.append(following)
    return seen[-1]


def _title(rows: Sequence[Row], key: str) -> str:
    """The title of the row of this key."""
    return next(row.title for row in rows if row.key == key)


def _clean(title: str) -> str:
    """One line without control characters, and without blanks around it."""
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in title).strip()


def _cut(text: str, size: int) -> str:
    """At most so many bytes of UTF-8, ending with a whole character that is no blank."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").rstrip()


def _free(text: str, taken: Collection[str], size: int) -> str:
    """The text, or the text with the first number that makes it none of those taken, in so many bytes."""
    free, number = text, 0
    while free in taken:
        number += 1
        end = f".{number:03d}"
        free = _cut(text, size - len(end)) + end
    return free
