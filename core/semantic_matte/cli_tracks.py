"""A shot's objects from a shell: `semantic-matte tracks show | rename | merge | split | drop | reassign...`.

Each edit is written at the end of the list in NAME.tracks.json, which is then made anew from it and from
NAME.masks.json beside it. Exit codes as of `cli`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line
from semantic_matte.errors import TracksError, UsageError

if TYPE_CHECKING:
    from semantic_matte.shot_types import Track
    from semantic_matte.shots.tracks_model import Edit, MasksRecord, TracksRecord

tracks_app = typer.Typer(
    no_args_is_help=True,
    help="Shows what was found in a shot, and edits it: the edits survive when the shot is done again.",
)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="NAME.tracks.json, as `track` and `matte` write it.")
]
Slot = Annotated[str, typer.Argument(metavar="SLOT", help="The object, as `show` names it.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON in place of text.")]


@tracks_app.command()
def show(file: File, as_json: AsJson = False) -> None:
    """The objects of a shot, in which frames they are, and the edits so far."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Read it, and nothing else."""
        return _told(_read(file)[0], as_json)

    run_work(work, as_json)


@tracks_app.command()
def rename(
    file: File,
    slot: Slot,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    as_json: AsJson = False,
) -> None:
    """Give an object another name."""

    def edits(tracks: Sequence[Track]) -> Edit:
        """One edit."""
        from semantic_matte.shots.edits import renaming

        return renaming(tracks, slot, _slot(name))

    _edit(file, [edits], as_json)


@tracks_app.command()
def merge(
    file: File,
    slot: Slot,
    others: Annotated[list[str], typer.Argument(metavar="OTHER...", help="Objects that become part of it.")],
    as_json: AsJson = False,
) -> None:
    """Make one object of several: a horse and its rider, or one that was found as two."""

    def edit_with(other: str) -> Callable[[Sequence[Track]], Edit]:
        """The edit for one of them."""

        def edit(tracks: Sequence[Track]) -> Edit:
            """One edit, on what those before it gave."""
            from semantic_matte.shots.edits import merging

            return merging(tracks, slot, other)

        return edit

    _edit(file, [edit_with(other) for other in others], as_json)


@tracks_app.command()
def split(
    file: File,
    slot: Slot,
    frame: Annotated[int, typer.Argument(metavar="FRAME", help="The first frame of the new object.")],
    to: Annotated[
        Optional[str], typer.Option("--to", metavar="NAME", help="The new object's name; else the next number.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an object another one from a frame on."""

    def edit(tracks: Sequence[Track]) -> Edit:
        """One edit."""
        from semantic_matte.shots.edits import splitting

        return splitting(tracks, slot, frame, None if to is None else _slot(to))

    _edit(file, [edit], as_json)


@tracks_app.command()
def drop(
    file: File,
    slots: Annotated[list[str], typer.Argument(metavar="SLOT...", help="Objects to leave out.")],
    as_json: AsJson = False,
) -> None:
    """Leave objects out."""

    def edit_of(slot: str) -> Callable[[Sequence[Track]], Edit]:
        """The edit for one of them."""

        def edit(tracks: Sequence[Track]) -> Edit:
            """One edit, on what those before it gave."""
            from semantic_matte.shots.edits import dropping

            return dropping(tracks, slot)

        return edit

    _edit(file, [edit_of(slot) for slot in slots], as_json)


@tracks_app.command()
def reassign(
    file: File,
    slot: Slot,
    frames: Annotated[str, typer.Argument(metavar="FRAMES", help="As in 1001-1010,1015.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="The object that they belong to, new or known.")],
    as_json: AsJson = False,
) -> None:
    """Give some frames of an object to another one; where both are seen, the two are exchanged."""

    def edit(tracks: Sequence[Track]) -> Edit:
        """One edit."""
        from semantic_matte.shots.edits import reassigning

        return reassigning(tracks, slot, frames, _slot(to))

    _edit(file, [edit], as_json)


@tracks_app.command()
def undo(file: File, as_json: AsJson = False) -> None:
    """Take the last edit back."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Write the file as it was before."""
        record, masks, text = _read(file)
        if not record.edits:
            raise UsageError(f"'{file}' has no edit that could be taken back.")
        return _told(_written(file, masks, record.edits[:-1], text), as_json)

    run_work(work, as_json)


def _edit(file: Path, edits: Sequence[Callable[[Sequence[Track]], Edit]], as_json: bool) -> None:
    """Add edits, each made from the tracks that those before it gave; all of them or none."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Load what edits only now."""
        from semantic_matte.shots.edits import apply_edits

        record, masks, text = _read(file)
        automatic = masks.as_tracks()
        made = list(record.edits)
        for edit in edits:
            made.append(edit(apply_edits(automatic, made).tracks))
        return _told(_written(file, masks, made, text), as_json)

    run_work(work, as_json)


def _slot(text: str) -> str:
    """A valid slot's name out of what was typed."""
    from semantic_matte.outputs.names import label_word
    from semantic_matte.shots.edits import slot_from_text

    return slot_from_text(text, label_word)


def _read(file: Path) -> tuple[TracksRecord, MasksRecord, str]:
    """Both files of a shot's tracks, and the text of the artist's. Raises TracksError or UsageError."""
    from semantic_matte.result_files import MASKS_ENDING, TRACKS_ENDING
    from semantic_matte.shots.tracks_model import read_masks, read_tracks

    if not file.name.endswith(TRACKS_ENDING):
        raise UsageError(f"'{file}' is no shot's tracks: expected a file called NAME{TRACKS_ENDING}.")
    beside = file.with_name(file.name.removesuffix(TRACKS_ENDING) + MASKS_ENDING)
    text = _text(file, "Find and tie the shot's objects first: `semantic-matte track`.")
    masks = _text(beside, "It belongs to the tracks: find and tie the shot's objects again; edits are kept.")
    return read_tracks(text, file.name), read_masks(masks, beside.name), text


def _text(file: Path, what_to_do: str) -> str:
    """A file's text. Raises TracksError."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TracksError(f"There is no '{file}'. {what_to_do}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TracksError(f"'{file}' can't be read: {reason}.") from None


def _written(file: Path, masks: MasksRecord, edits: Sequence[Edit], read: str) -> TracksRecord:
    """The file made anew with these edits. read: its text as the edits were made from; an edit that another
    program wrote since must not be lost."""
    from semantic_matte.outputs.atomic import replacing
    from semantic_matte.shots.edits import tracks_record
    from semantic_matte.shots.tracks_model import canonical

    record = tracks_record(masks, edits)
    with replacing(file) as temporary:
        temporary.write_text(canonical(record), encoding="utf-8", newline="\n")
        if _text(file, "") != read:
            raise TracksError(f"'{file}' was changed by another program meanwhile: look at it and edit again.")
    return record


def _told(record: TracksRecord, as_json: bool) -> list[str]:
    """What the user sees of a shot's tracks."""
    if as_json:
        write_json_line({"event": "result", **record.model_dump(mode="json", by_alias=True)})
        return []
    lines = _table(record)
    if record.cuts:
        lines.append(f"New scenes begin at: {', '.join(str(cut) for cut in record.cuts)}.")
    lines += [f"{number}. {_sentence(edit)}" for number, edit in enumerate(record.edits, start=1)]
    return [*lines, *record.edit_notices]


def _sentence(edit: Edit) -> str:
    """An edit in words."""
    match edit.do:
        case "rename":
            return f"{edit.slot} is called {edit.to}"
        case "merge":
            return f"{edit.other} is part of {edit.slot}"
        case "split":
            return f"{edit.slot} is {edit.to} from frame {edit.at} on"
        case "drop":
            return f"{edit.slot} is left out"
        case "reassign":
            return f"{edit.slot} is {edit.to} in frames {edit.frames}"


def _table(record: TracksRecord) -> list[str]:
    """The objects, a row each; wide enough for any list of frames."""
    table = Table(
        box=None, pad_edge=False, title=f"{record.shot}, frames {record.frames}", title_justify="left"
    )
    for column in ("slot", "label"):
        table.add_column(column, no_wrap=True)
    for column in ("score", "area"):
        table.add_column(column, no_wrap=True, justify="right")
    table.add_column("found")
    table.add_column("carried")
    for one in record.tracks:
        table.add_row(one.slot, one.label, f"{one.score:.2f}", f"{one.mean_area:.0f}", one.found, one.carried)
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()
