"""The same engine from a shell: `semantic-matte matte | segment | refine | export-cat | weights | doctor`.

Exit code 0 is done, 1 is failed work, 2 is bad usage, 130 is ended by the user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from semantic_matte import __version__
from semantic_matte.cli_comp import comp
from semantic_matte.cli_options import (
    AcceptLicence,
    Batch,
    ColourSpace,
    Confidence,
    ContactSheet,
    Coverage,
    Cryptomatte,
    DataWindow,
    Device,
    Dilation,
    DilationInner,
    DilationOuter,
    Estimator,
    Find,
    Foreground,
    ForegroundMethod,
    ForegroundSpace,
    HintFile,
    Json,
    LabelConfidence,
    MaxInstances,
    Merge,
    Order,
    Overlaps,
    Passes,
    Plates,
    Png,
    Reuse,
    Samples,
    Seed,
    Segmenter,
    Smallest,
    Spread,
    Storage,
    settings_of,
)
from semantic_matte.cli_weights import weights_app
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line

if TYPE_CHECKING:
    from semantic_matte.jobs import FrameResult

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Finds every object in a plate and gives each one a soft alpha with a name.",
)
app.add_typer(weights_app, name="weights")


@app.command()
def matte(
    plates: Plates,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    find: Find = None,
    confidence: Confidence = None,
    label_confidence: LabelConfidence = None,
    merge: Merge = None,
    smallest: Smallest = None,
    max_instances: MaxInstances = None,
    segmenter: Segmenter = None,
    hint: HintFile = None,
    trimap: Annotated[Optional[Path], typer.Option(help="Your own trimap of one object.")] = None,
    estimator: Estimator = None,
    passes: Passes = None,
    samples: Samples = None,
    coverage: Coverage = None,
    dilation: Dilation = None,
    dilation_inner: DilationInner = None,
    dilation_outer: DilationOuter = None,
    overlaps: Overlaps = None,
    order: Order = None,
    png: Png = False,
    spread: Spread = False,
    contact_sheet: ContactSheet = None,
    cryptomatte: Cryptomatte = None,
    foreground: Foreground = False,
    foreground_method: ForegroundMethod = None,
    foreground_space: ForegroundSpace = None,
    data_window: DataWindow = None,
    storage: Storage = None,
    reuse: Reuse = None,
    colour_space: ColourSpace = None,
    device: Device = None,
    batch: Batch = None,
    seed: Seed = None,
    accept_licence: AcceptLicence = None,
    as_json: Json = False,
) -> None:
    """Find the objects of each plate and write a soft alpha for each: layers, sidecar, contact sheet."""
    given = dict(locals())
    request = {name: given.pop(name) for name in ("plates", "out", "hint", "trimap", "colour_space")}
    given.pop("as_json")

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load the engine only now, matte every plate and tell of each."""
        settings = settings_of(**given)
        from semantic_matte.engine import Engine
        from semantic_matte.jobs import MatteRequest, matte_files

        wanted = MatteRequest(
            tuple(request["plates"]),
            request["out"],
            request["hint"],
            request["trimap"],
            request["colour_space"],
        )
        results = matte_files(Engine(settings), wanted, progress)
        if not as_json:
            return [line for result in results for line in _result_lines(result)]
        for result in results:
            write_json_line(_result_record(result))
        return []

    run_work(work, as_json)


@app.command()
def segment(
    plates: Plates,
    coco: Annotated[Optional[Path], typer.Option(help="Write COCO results (RLE masks) here.")] = None,
    find: Find = None,
    confidence: Confidence = None,
    label_confidence: LabelConfidence = None,
    merge: Merge = None,
    smallest: Smallest = None,
    max_instances: MaxInstances = None,
    segmenter: Segmenter = None,
    hint: HintFile = None,
    colour_space: ColourSpace = None,
    device: Device = None,
    accept_licence: AcceptLicence = None,
    as_json: Json = False,
) -> None:
    """Find the objects of each plate: names, scores and boxes; masks as COCO results."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load the engine only now, segment every plate and tell of each."""
        lines: list[str] = []
        settings = settings_of(
            find=find,
            confidence=confidence,
            label_confidence=label_confidence,
            merge=merge,
            smallest=smallest,
            max_instances=max_instances,
            segmenter=segmenter,
            device=device,
            accept_licence=accept_licence,
        )
        from semantic_matte.engine import Engine
        from semantic_matte.jobs import segment_files

        found = segment_files(Engine(settings), plates, progress, hint, colour_space, coco)
        for path, instances in found:
            rows = [
                {"slot": i.slot, "label": i.label, "score": round(i.score, 4), "box": i.box.as_list()}
                for i in instances
            ]
            if as_json:
                write_json_line({"event": "result", "plate": str(path), "instances": rows})
            else:
                lines += _row_lines(path, rows)
        return lines

    run_work(work, as_json)


@app.command()
def refine(
    plate: Annotated[Path, typer.Argument(metavar="PLATE")],
    trimap: Annotated[Path, typer.Argument(metavar="TRIMAP")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Alpha to write: .exr, .png or .tif.")],
    estimator: Estimator = None,
    samples: Samples = None,
    coverage: Coverage = None,
    colour_space: ColourSpace = None,
    device: Device = None,
    batch: Batch = None,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Matting alone: solve a trimap (black background, white foreground, anything else unknown)."""

    def work(progress: BarProgress | JsonProgress) -> None:
        """Load the engine only now and solve the trimap."""
        settings = settings_of(
            estimator=estimator,
            samples=samples,
            coverage=coverage,
            device=device,
            batch=batch,
            seed=seed,
        )
        from semantic_matte.engine import Engine
        from semantic_matte.jobs import refine_file

        refine_file(Engine(settings), plate, trimap, out, progress, colour_space)
        if as_json:
            write_json_line({"event": "result", "alpha": str(out)})
        else:
            typer.echo(f"{out}")

    run_work(work, as_json)


app.command("comp")(comp)


@app.command("export-cat")
def export_cat(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")],
    as_json: Json = False,
) -> None:
    """Write the matting network for Nuke's own Inference node: TorchScript, a CatFileCreator, cat.json."""

    def work(_progress: BarProgress | JsonProgress) -> None:
        """Load the exporter only now, and name the files that it wrote."""
        from semantic_matte.exports import export_cat as export

        files = export(out)
        if as_json:
            write_json_line({"event": "result", "files": [str(path) for path in files]})
        else:
            for path in files:
                typer.echo(f"{path}")

    run_work(work, as_json)


@app.command()
def schema() -> None:
    """Print the JSON Schema that every sidecar NAME.matte.json keeps to."""
    from semantic_matte.outputs.sidecar_model import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check what runs where: Python, torch, device, models, versions, colour configuration."""
    from semantic_matte.doctor import examine

    rows = examine()
    if as_json:
        typer.echo(json.dumps([row.as_dict() for row in rows], indent=2))
    else:
        colours = {"ok": "green", "warning": "yellow", "error": "red"}
        table = Table(box=None, show_header=False, pad_edge=False)
        for row in rows:
            # Brackets are the text's own: semantic-matte[onnx].
            table.add_row(f"[{colours[row.status]}]{row.status}[/]", escape(row.what), escape(row.found))
        Console().print(table, highlight=False)
    if any(row.status == "error" for row in rows):
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Answer `--version` without a command."""
    if show:
        typer.echo(f"semantic-matte {__version__}")
        raise typer.Exit(0)


def _result_record(result: FrameResult) -> dict[str, Any]:
    fields = ("slot", "label", "score", "passes")
    return {
        "event": "result",
        "plate": str(result.plate),
        "files": [str(path) for path in result.files],
        "reused": result.reused,
        "key": result.record["key"],
        "instances": [{name: slot[name] for name in fields} for slot in result.record["slots"]],
    }


def _result_lines(result: FrameResult) -> list[str]:
    return [*_row_lines(result.plate, result.record["slots"]), *(f"  {path}" for path in result.files)]


def _row_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"{path}: {len(rows)} object{'s' if len(rows) != 1 else ''}"]
    for row in rows:
        box = ", ".join(str(value) for value in row["box"])
        lines.append(f"  {row['slot']:<28} {row['label']:<16} {row['score']:>4.0%}  box {box}")
    return lines
