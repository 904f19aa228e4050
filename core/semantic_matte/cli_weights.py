"""Models from a shell: `semantic-matte weights list | pull | verify | path`.

Exit codes as of `cli`; `verify` ends with 1 if a file is not what it should be.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table

from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line

if TYPE_CHECKING:
    from semantic_matte.weights import ModelFile

weights_app = typer.Typer(
    no_args_is_help=True,
    help="Lists the models, fetches those that do not travel with the package, and checks them.",
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON in place of text and bar.")]
INTERRUPTED = "Ended before it was done; what came so far is kept, and the next pull goes on from there."


@weights_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Every model: what it does, its licence, whether commercial use is allowed, and where it is."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Load the manifest only now."""
        from semantic_matte.pulls import every_model

        rows = [_row(model) for model in every_model().values()]
        return [json.dumps(rows, indent=2, ensure_ascii=False)] if as_json else _table(rows)

    run_work(work, as_json)


@weights_app.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models, as `list` names them.")],
    accept_licence: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="NAME", help="Take a model's terms where they forbid commercial use or leave it unclear."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch models into the weights folder; an interrupted pull goes on where it ended."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load what fetches only now, and name the files that are here."""
        from semantic_matte.pulls import pull as pull_one
        from semantic_matte.weights import allowed, find_model, how_checked

        accepted = [find_model(name).name for name in accept_licence or ()]
        rows = [find_model(name) for name in names]
        for row in rows:
            allowed(row, accepted)
        lines = []
        for row in rows:
            found = pull_one(row.name, accepted, progress)
            how = how_checked(row, found.path)
            if as_json:
                write_json_line({"event": "result", **_file(found), "sha256": found.sha256, "checked": how})
            else:
                lines += [str(found.path), f"  {how}; sha256 {found.sha256}"]
        return lines

    run_work(work, as_json, of_bytes=True, interrupted=INTERRUPTED)


@weights_app.command()
def verify(as_json: AsJson = False) -> None:
    """Check every model file that is here, embedded or pulled; exit code 1 if one is bad."""
    bad: list[Path] = []

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load what checks only now."""
        from semantic_matte.pulls import check_all

        files = check_all(progress)
        bad.extend(file.path for file in files if file.complaint)
        lines = []
        for file in files:
            row = {"name": file.model.name, "path": str(file.path), "good": not file.complaint}
            if as_json:
                write_json_line({"event": "result", **row, "found": file.complaint or file.how})
            else:
                lines += [f"{'bad ' if file.complaint else 'good'}  {file.model.name}: {file.path}"]
                lines += [f"      {file.complaint or file.how}"]
        return lines

    run_work(work, as_json)
    if bad:
        raise typer.Exit(1)


@weights_app.command()
def path(
    name: Annotated[
        Optional[str], typer.Argument(metavar="[NAME]", help="A model; without, the folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the folder that pulls go to, or where a model's file is."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Load the manifest only now."""
        from semantic_matte.weights import find_model, located
        from semantic_matte.weights_folders import search_folders

        place = located(find_model(name)) if name is not None else search_folders()[0]
        if as_json:
            write_json_line({"event": "result", "path": str(place)})
        return [] if as_json else [str(place)]

    run_work(work, as_json)


def _row(model: ModelFile) -> dict[str, Any]:
    """A model of the manifest as plain values. where: embedded, in cache, not here, or the folder's path."""
    from semantic_matte.weights import how_checked, present
    from semantic_matte.weights_folders import cache_folder

    place = present(model)
    where = "not here"
    if place is not None and not model.url:
        where = "embedded"
    elif place is not None:
        where = "in cache" if place.parent == cache_folder() else f"in {place.parent}"
    return {
        "name": model.name,
        "task": model.task,
        "classes": model.classes if isinstance(model.classes, str) else list(model.classes),
        "input": model.input,
        "family": model.family,
        "licence": model.licence,
        "commercial_use": model.commercial_use,
        "terms": model.terms,
        "size": place.stat().st_size if place is not None else model.size,
        "checksums": model.checksums,
        "checked": how_checked(model),
        "url": model.url,
        "origin": model.origin,
        "where": where,
        "path": str(place) if place is not None else None,
    }


def _file(model: ModelFile) -> dict[str, Any]:
    """A model that is here, as plain values."""
    return {"name": model.name, "path": str(model.path), "size": model.size}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """The table of `list`, which fits 80 columns: task, classes and checksum stand beneath a model's name."""
    table = Table(box=None, pad_edge=False)
    table.add_column("name\n  task; classes; checksum", min_width=max(len(row["name"]) for row in rows))
    table.add_column("licence", no_wrap=True)
    table.add_column("commercial\nuse", no_wrap=True)
    table.add_column("size", no_wrap=True, justify="right")
    table.add_column("where", overflow="fold", min_width=len("embedded"))
    for row in rows:
        classes = row["classes"] if isinstance(row["classes"], str) else ", ".join(row["classes"])
        what = "; ".join(part for part in (row["task"], classes, row["checked"]) if part)
        size = "?" if row["size"] is None else f"{row['size'] / 1e6:.1f} MB"
        named = Group(row["name"], Padding(what, (0, 0, 0, 2)))
        table.add_row(named, row["licence"], row["commercial_use"], size, row["where"])
    console = Console()
    with console.capture() as captured:
        console.print(table, highlight=False)
    return captured.get().splitlines()
