"""`semantic-matte farm-template`: a shot as a job for a render farm; and what that job's sessions call."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semantic_matte.cli_matte import matte
from semantic_matte.cli_options import Device, Json, settings_of
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line
from semantic_matte.settings import Settings

if TYPE_CHECKING:
    from semantic_matte.farm.bundle import Bundle
    from semantic_matte.farm.commands import ShotCommands, StepCommand
    from semantic_matte.farm.shots import FarmShot
    from semantic_matte.shot_sources import Shot

# Of the options of `matte`, those that a job has too, beside the controls.
_OF_MATTE_TOO = ("dilation", "frames", "hint", "colour_space")

NO_CHECK = (
    "The template was not checked, since OpenJD's model is not installed: python -m pip install "
    "'semantic-matte[farm]' brings it, and `openjd` to run the job here."
)


def _with_options_of(command: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator: a function that takes `**given` shows the shell every control's option of another command.

    So a control that `matte` gets, a job gets too.
    """
    signature, hints = inspect.signature(command), typing.get_type_hints(command, include_extras=True)
    taken = {
        name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, parameter in signature.parameters.items()
        if name in Settings.model_fields or name in _OF_MATTE_TOO
    }

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        """Put them in the place of `**given`."""
        own_hints = typing.get_type_hints(function, include_extras=True)
        own = {
            name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own_hints[name])
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        }
        shown = {**own, **{name: one for name, one in taken.items() if name not in own}}
        changed: Any = function
        changed.__signature__ = inspect.Signature(list(shown.values()))
        changed.__annotations__ = {name: one.annotation for name, one in shown.items()}
        return function

    return decorate


Shots = Annotated[
    list[Path], typer.Argument(metavar="SHOT...", help="Frame patterns, films, or all frames' files.")
]
BundleFolder = Annotated[
    Path,
    typer.Option(
        "-o",
        "--bundle",
        metavar="BUNDLE",
        help="Folder for the bundle; of several shots, for one folder each.",
    ),
]
Results = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder that the job writes its results into.")
]
ChunkSize = Annotated[
    int, typer.Option("--chunk-size", min=1, max=100_000, help="Frames that a host mattes in one go.")
]
EngineCommand = Annotated[
    str,
    typer.Option("--engine", metavar="PROGRAM", help="semantic-matte on the farm's hosts: name or path."),
]


@_with_options_of(matte)
def farm_template(
    shots: Shots,
    bundle: BundleFolder,
    out: Results,
    chunk_size: ChunkSize = 10,
    engine: EngineCommand = "semantic-matte",
    as_json: Json = False,
    **given: Any,
) -> None:
    """Write an OpenJD job bundle of each shot, for AWS Deadline Cloud and `openjd run`."""
    hint, colour_space, frames = (given.pop(name, None) for name in ("hint", "colour_space", "frames"))

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Look at the shots, write each one's bundle and tell how to send it."""
        settings = settings_of(**given)
        found = _shots(shots, frames, settings, progress)
        folders = _folders(bundle, found)
        from semantic_matte.farm.bundle import shot_bundle

        commands = shot_commands()
        made = []
        for folder, shot in zip(folders, found, strict=True):
            sent = _farm_shot(
                shot, out=out, hint=hint, colour_space=colour_space, chunk_size=chunk_size, engine=engine
            )
            made.append((shot_bundle(folder, sent, settings, commands), sent.name, sent.frames_text))
        # Nothing is written before all are known to be right.
        for one, _, _ in made:
            one.write()
        if not all(one.checked for one, _, _ in made):
            progress.notice(NO_CHECK)
        return [line for row in made for line in _tell(*row, as_json)]

    run_work(work, as_json)


farm_worker_app = typer.Typer(
    no_args_is_help=True, help="The worker of a farm host's session: called by the job of farm-template."
)


@farm_worker_app.command("start")
def start(device: Device = None) -> None:
    """Start a worker of the session's own, and name its folder to the tasks that follow."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Start it; the line is OpenJD's, which sets a variable for all later actions of the session."""
        from semantic_matte.farm.session_worker import RUNTIME_VARIABLE, start_session_worker

        folder = start_session_worker(device or "auto")
        return [f"openjd_env: {RUNTIME_VARIABLE}={folder}", "The session's worker runs."]

    # A failure is then told to the farm too.
    run_work(work, True)


@farm_worker_app.command("stop")
def stop(device: Device = None) -> None:
    """End the session's worker and show its log. Exit code 0 even if it was gone."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """End it."""
        from semantic_matte.farm.session_worker import stop_session_worker

        return list(stop_session_worker(device or "auto"))

    run_work(work, True)


def shot_commands() -> ShotCommands:
    """What the steps of a job run, read from the shell's own commands: no template names what they lack."""
    from semantic_matte.cli_shot import collect, track
    from semantic_matte.farm.commands import ShotCommands

    return ShotCommands(
        track=_step_command("track", track),
        matte=_step_command("matte", matte),
        collect=_step_command("collect", collect),
    )


def _step_command(name: str, function: Callable[..., None]) -> StepCommand:
    """A command's options, as typer makes them."""
    from semantic_matte.farm.commands import Flags, StepCommand

    application = typer.Typer()
    application.command()(function)
    options = {str(one.name): one for one in typer.main.get_command(application).params}
    controls = {
        control: Flags(options[control].opts[0], next(iter(options[control].secondary_opts), ""))
        for control in Settings.model_fields
        if control in options
    }
    return StepCommand(name, controls, frozenset(options.keys() - controls.keys()))


def _shots(
    paths: Sequence[Path], frames: str | None, settings: Settings, progress: BarProgress | JsonProgress
) -> list[Shot]:
    """The shots that are there. Raises UsageError for a still, PlateError for missing frames unless skipped."""
    from semantic_matte.errors import UsageError
    from semantic_matte.shot_jobs import refuse_missing
    from semantic_matte.shot_sources import sort_plates

    shots, stills = sort_plates(paths, frames)
    if stills:
        raise UsageError(
            f"'{stills[0]}' is one picture, and a farm's job is for shots: give a frame pattern such as "
            "shot.####.exr, or a film."
        )
    for shot in shots:
        refuse_missing(shot, settings, progress)
    return shots


def _folders(bundle: Path, shots: Sequence[Shot]) -> list[Path]:
    """Each shot's bundle: the folder itself for one alone, else one in it for each, called as the shot.

    A farm knows priorities, failures and retries by the job: shots of one job would share them. Raises
    UsageError.
    """
    from semantic_matte.errors import UsageError

    if len(shots) == 1:
        return [bundle]
    names = [shot.name for shot in shots]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"Two shots are named '{twice[0]}' and would overwrite each other's results: send them one by one, "
            "with folders of their own."
        )
    return [bundle / name for name in names]


def _farm_shot(
    shot: Shot, *, out: Path, hint: Path | None, chunk_size: int, engine: str, colour_space: str | None
) -> FarmShot:
    """A shot with all that a farm has to know of it."""
    from semantic_matte.errors import UsageError
    from semantic_matte.farm.shots import FarmShot, farm_frames, plates_of
    from semantic_matte.hints import hint_files, read_hints

    if not engine.strip():
        raise UsageError(
            "--engine is empty: name the program, as in semantic-matte or /opt/bin/semantic-matte."
        )
    results = out.absolute()
    wanted = shot.files if shot.is_film else tuple(shot.path(frame) for frame in shot.frames)
    if hint is not None:
        # A slip in it is told now, and not by every host.
        read_hints(hint)
    hints = [] if hint is None else hint_files(hint)
    tracks = [results / f"{shot.name}.{kind}.json" for kind in ("tracks", "masks")]
    files = (*wanted, *hints, *(path for path in tracks if path.is_file()))
    return FarmShot(
        shot.name,
        plates_of(shot),
        shot.is_film,
        farm_frames(shot),
        tuple(path.absolute() for path in files),
        results,
        chunk_size,
        engine,
        None if hint is None else hint.absolute(),
        colour_space,
    )


def _tell(made: Bundle, name: str, frames: str, as_json: bool) -> list[str]:
    """What was written and how it is sent, for people; or none after the record was written."""
    if as_json:
        write_json_line(
            {
                "event": "result",
                "shot": name,
                "frames": frames,
                "bundle": str(made.folder),
                "files": [str(path) for path in made.files],
                "checked": made.checked,
            }
        )
        return []
    template, values = made.files[0], made.files[-1]
    return [
        f"{made.folder}: {name}, frames {frames}",
        f"  deadline bundle submit {made.folder}",
        f"  openjd run {template} -p file://{values}",
    ]
