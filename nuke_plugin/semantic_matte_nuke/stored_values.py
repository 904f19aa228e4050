"""What a node keeps in its hidden knobs, as JSON in ASCII: the result that it shows, and its instances."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from semantic_matte_client.nodes.frame_spans import FrameSpanError, frames_of, text_of
from semantic_matte_client.nodes.instance_table import Row
from semantic_matte_client.nodes.result_records import Results, SlotFound

from .layer_names import is_layer_name

_ROW_FIELDS = {field.name: type(field.default) for field in fields(Row) if field.name not in ("key", "slot")}


class StoredValueError(Exception):
    """A hidden knob is damaged; the text is a sentence that says what to do."""


@dataclass(frozen=True)
class ShownResults:
    """The result that a node shows.

    folder: of the job, with a folder for each of the views. stem: what files' names begin with. frames: of the
    script, ascending. offset: a file's number less its frame. hold: the one frame stands for every frame.
    size: width and height in pixels. words: by which models, where and when. slots: of all views together.
    """

    folder: str
    views: tuple[str, ...]
    stem: str
    frames: tuple[int, ...]
    offset: int
    hold: bool
    size: tuple[int, int]
    words: str
    slots: tuple[SlotFound, ...]

    def of_view(self, view: str) -> Results:
        """The same for one view. Raises ValueError for a view that it was not made for."""
        if view not in self.views:
            raise ValueError(f"expected one of the views {', '.join(self.views)}, got '{view}'")
        return Results(
            folder=f"{self.folder}/{view}",
            stem=self.stem,
            frames=self.frames,
            offset=self.offset,
            hold=self.hold,
            slots=self.slots,
            size=self.size,
            words=self.words,
        )

    def as_json(self) -> str:
        """The text for the knob; the same result gives the same text."""
        return _text({**asdict(self), "frames": text_of(self.frames)})


def from_json(text: str) -> ShownResults | None:
    """What `as_json` wrote; None of an empty text. Raises StoredValueError."""
    if not text.strip():
        return None
    value = _read(text, dict, "result")
    try:
        shown = ShownResults(
            folder=_of(str, value["folder"]),
            views=tuple(_of(str, one) for one in value["views"]),
            stem=_of(str, value["stem"]),
            frames=frames_of(_of(str, value["frames"])),
            offset=_of(int, value["offset"]),
            hold=_of(bool, value["hold"]),
            size=(_of(int, value["size"][0]), _of(int, value["size"][1])),
            words=_of(str, value["words"]),
            slots=tuple(_slot(one) for one in value["slots"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, FrameSpanError) as reason:
        raise _damaged("result", reason) from None
    if not shown.views or not shown.folder or not shown.stem:
        raise _damaged("result", ValueError("no folder, views or stem"))
    return shown


def rows_json(rows: Sequence[Row]) -> str:
    """The text for the knob of the instances."""
    return _text([asdict(row) for row in rows]) if rows else ""


def rows_from(text: str) -> tuple[Row, ...]:
    """What `rows_json` wrote; none of an empty text. Raises StoredValueError."""
    if not text.strip():
        return ()
    try:
        rows = tuple(_row(one) for one in _read(text, list, "instances"))
    except (KeyError, TypeError, ValueError) as reason:
        raise _damaged("instances", reason) from None
    if len({row.key for row in rows}) != len(rows) or len({row.slot for row in rows}) != len(rows):
        raise _damaged("instances", ValueError("one instance twice"))
    return rows


def _slot(value: Any) -> SlotFound:
    """One slot of a result. Raises ValueError, KeyError or TypeError."""
    return SlotFound(
        slot=_layer(value["slot"]),
        label=_of(str, value["label"]),
        score=float(_of((int, float), value["score"])),
        frames=_of(str, value["frames"]),
    )


def _row(value: Any) -> Row:
    """One instance; fields of another version are left out. Raises ValueError, KeyError or TypeError."""
    rest: dict[str, Any] = {
        name: _of((int, float) if kind is float else kind, value[name])
        for name, kind in _ROW_FIELDS.items()
        if name in value
    }
    return Row(key=_layer(value["key"]), slot=_layer(value["slot"]), **rest)


def _layer(value: Any) -> str:
    """A layer's name: it becomes a part of knobs' names and of expressions. Raises ValueError."""
    name: str = _of(str, value)
    if not is_layer_name(name):
        raise ValueError(f"no layer's name: {name!r}")
    return name


def _of(kind: Any, value: Any) -> Any:
    """The value, which is of that kind. Raises ValueError."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"not what was expected: {value!r}")
    return value


def _read(text: str, kind: type, what: str) -> Any:
    """JSON that is of a kind. Raises StoredValueError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise _damaged(what, reason) from None
    if not isinstance(value, kind):
        raise _damaged(what, ValueError(f"no {kind.__name__}"))
    return value


def _text(value: Any) -> str:
    """JSON in one order, without blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _damaged(what: str, reason: Exception) -> StoredValueError:
    """The error of a knob that holds something else."""
    return StoredValueError(
        f"What the node has stored of its {what} is damaged ({type(reason).__name__}: {reason}): it renders "
        "what its inside has. Generate again, or use Load Results on the Tools tab."
    )
