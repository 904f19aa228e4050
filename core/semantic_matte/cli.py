"""The same engine from a shell: `semantic-matte matte | segment | refine | comp | worker | weights | doctor`...

Exit code 0 is done, 1 is failed work, 2 is bad usage, 130 is ended by the user.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from semantic_matte import __version__
from semantic_matte.cli_comp import comp
from semantic_matte.cli_doctor import doctor
from semantic_matte.cli_evaluate import evaluate
from semantic_matte.cli_farm import farm_template, farm_worker_app
from semantic_matte.cli_install import install
from semantic_matte.cli_matte import matte, refine, segment
from semantic_matte.cli_options import Json
from semantic_matte.cli_report import report
from semantic_matte.cli_shot import collect, track
from semantic_matte.cli_tracks import tracks_app
from semantic_matte.cli_weights import weights_app
from semantic_matte.cli_worker import worker_app
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line


class Schemas(str, enum.Enum):
    """The files that have a published schema."""

    FRAME = "frame"
    SHOT = "shot"
    TRACKS = "tracks"


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Finds every object in a plate and gives each one a soft alpha with a name.",
)
app.add_typer(weights_app, name="weights")
app.add_typer(worker_app, name="worker")
app.add_typer(tracks_app, name="tracks")
app.add_typer(farm_worker_app, name="farm-worker", hidden=True)


app.command("matte")(matte)
app.command("segment")(segment)
app.command("refine")(refine)
app.command("comp")(comp)
app.command("track")(track)
app.command("collect")(collect)
app.command("report")(report)
app.command("evaluate")(evaluate)
app.command("farm-template")(farm_template)


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
def schema(
    of: Annotated[
        Schemas,
        typer.Argument(
            help="frame: a plate's or a frame's NAME.matte.json. shot: a shot's. tracks: NAME.tracks.json."
        ),
    ] = Schemas.FRAME,
) -> None:
    """Print the JSON Schema that a file keeps to: the sidecar's, a shot's record's, or that of its tracks."""
    from semantic_matte.outputs import shot_record_model, sidecar_model
    from semantic_matte.shots import tracks_model

    text = {
        Schemas.FRAME: sidecar_model.schema_text,
        Schemas.SHOT: shot_record_model.shot_schema_text,
        Schemas.TRACKS: tracks_model.schema_text,
    }[of]
    typer.echo(text(), nl=False)


app.command("install")(install)
app.command("doctor")(doctor)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Answer `--version` without a command."""
    if show:
        typer.echo(f"semantic-matte {__version__}")
        raise typer.Exit(0)
