"""`semantic-matte matte | segment | refine`: in this process, or in the worker that hosts use too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from semantic_matte.cli_options import (
    AcceptLicence,
    Batch,
    Carry,
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
    Frames,
    HintFile,
    Json,
    LabelConfidence,
    MaxInstances,
    Merge,
    MissingFrames,
    Order,
    Overlaps,
    Passes,
    Plates,
    Png,
    Reuse,
    Samples,
    Seed,
    Segmenter,
    ShortestTrack,
    Smallest,
    Spread,
    Steadiness,
    Storage,
    Track,
    Tracker,
    Worker,
    settings_of,
)
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line
from semantic_matte.errors import UsageError

if TYPE_CHECKING:
    from semantic_matte.job_requests import MatteRequest
    from semantic_matte.settings import Settings

# What is told of a plate.
FRAME_FIELDS = ("plate", "files", "reused", "key", "instances")


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
    frames: Frames = None,
    chunk: Annotated[
        Optional[str],
        typer.Option(
            metavar="RANGE",
            help="Matte these frames of the shot alone, as a farm does, after 'track' and before 'collect'.",
        ),
    ] = None,
    track: Track = None,
    tracker: Tracker = None,
    shortest_track: ShortestTrack = None,
    carry: Carry = None,
    steadiness: Steadiness = None,
    missing_frames: MissingFrames = None,
    estimator: Estimator = None,
    passes: Passes = None,
    samples: Samples = None,
    coverage: Coverage = None,
    dilation: Dilation = None,
    dilation_inner: DilationInner = None,
    dilation_outer: DilationOuter = None,
    overlaps: Overlaps = None,
    order: Order = None,
    png: Png = None,
    spread: Spread = None,
    contact_sheet: ContactSheet = None,
    cryptomatte: Cryptomatte = None,
    foreground: Foreground = None,
    foreground_method: ForegroundMethod = None,
    foreground_space: ForegroundSpace = None,
    data_window: DataWindow = None,
    storage: Storage = None,
    reuse: Reuse = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what was interrupted: the default, unless --no-reuse."),
    ] = False,
    colour_space: ColourSpace = None,
    device: Device = None,
    batch: Batch = None,
    seed: Seed = None,
    accept_licence: AcceptLicence = None,
    worker: Worker = False,
    as_json: Json = False,
) -> None:
    """Find the objects of each plate and write a soft alpha for each: layers, sidecar, contact sheet.

    Frames of one name, and films, are shots: objects keep their layers, edges are steadied.
    """
    given = dict(locals())
    for name in ("plates", "out", "hint", "trimap", "frames", "chunk", "resume"):
        given.pop(name)
    for name in ("colour_space", "worker", "as_json"):
        given.pop(name)

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load the engine only now, matte every plate and tell of each."""
        if resume and reuse is False:
            raise UsageError("--resume keeps what is there and --no-reuse works on it again: give one of them.")
        settings = settings_of(**given)
        from semantic_matte.job_requests import MatteRequest

        asked = MatteRequest(tuple(plates), out, hint, trimap, colour_space, frames, chunk)
        told = _matte_in_worker(settings, asked, progress) if worker else _matte(settings, asked, progress)
        if not as_json:
            return [line for frame in told for line in _frame_lines(frame)]
        for frame in told:
            write_json_line({"event": "result", **frame})
        return []

    run_work(work, as_json)


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
    worker: Worker = False,
    as_json: Json = False,
) -> None:
    """Find the objects of each plate: names, scores and boxes; masks as COCO results."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load the engine only now, segment every plate and tell of each."""
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
        how = _segment_in_worker if worker else _segment
        lines: list[str] = []
        for path, found in how(settings, plates, progress, hint, colour_space, coco):
            rows = [
                {**{name: row[name] for name in ("slot", "label", "box")}, "score": round(row["score"], 4)}
                for row in found
            ]
            if as_json:
                write_json_line({"event": "result", "plate": path, "instances": rows})
            else:
                lines += _row_lines(path, rows)
        return lines

    run_work(work, as_json)


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
    worker: Worker = False,
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
        if worker:
            from semantic_matte.worker.shell import run_in_worker

            run_in_worker(
                "refine", [plate], settings, progress, out=out, trimap=trimap, colour_space=colour_space
            )
        else:
            from semantic_matte.engine import Engine
            from semantic_matte.jobs import refine_file

            refine_file(Engine(settings), plate, trimap, out, progress, colour_space)
        if as_json:
            write_json_line({"event": "result", "alpha": str(out)})
        else:
            typer.echo(f"{out}")

    run_work(work, as_json)


def _matte(
    settings: Settings, asked: MatteRequest, progress: BarProgress | JsonProgress
) -> list[dict[str, Any]]:
    """What came of each plate, made in this process."""
    from semantic_matte.engine import Engine
    from semantic_matte.jobs import matte_files

    return [result.told() for result in matte_files(Engine(settings), asked, progress)]


def _matte_in_worker(
    settings: Settings, asked: MatteRequest, progress: BarProgress | JsonProgress
) -> list[dict[str, Any]]:
    """The same, made by the worker."""
    from semantic_matte.worker.shell import run_in_worker

    frames = run_in_worker(
        "matte",
        asked.plates,
        settings,
        progress,
        out=asked.folder,
        hint=asked.hint,
        trimap=asked.trimap,
        colour_space=asked.colour_space,
        frames=asked.frames,
        chunk=asked.chunk,
    )
    return [{name: frame[name] for name in FRAME_FIELDS} for frame in frames]


def _segment(
    settings: Settings,
    plates: Sequence[Path],
    progress: BarProgress | JsonProgress,
    hint: Path | None,
    colour_space: str | None,
    coco: Path | None,
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The objects of each plate, found in this process."""
    from semantic_matte.engine import Engine
    from semantic_matte.jobs import object_row, segment_files

    found = segment_files(Engine(settings), plates, progress, hint, colour_space, coco)
    return [(str(path), list(map(object_row, instances))) for path, instances in found]


def _segment_in_worker(
    settings: Settings,
    plates: Sequence[Path],
    progress: BarProgress | JsonProgress,
    hint: Path | None,
    colour_space: str | None,
    coco: Path | None,
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The same, found by the worker."""
    from semantic_matte.worker.shell import run_in_worker

    frames = run_in_worker(
        "segment", plates, settings, progress, out=coco, hint=hint, colour_space=colour_space
    )
    return [(frame["plate"], frame["instances"]) for frame in frames]


def _frame_lines(frame: Mapping[str, Any]) -> list[str]:
    return [*_row_lines(frame["plate"], frame["instances"]), *(f"  {path}" for path in frame["files"])]


def _row_lines(path: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"{path}: {len(rows)} object{'s' if len(rows) != 1 else ''}"]
    for row in rows:
        box = ", ".join(str(value) for value in row["box"])
        lines.append(f"  {row['slot']:<28} {row['label']:<16} {row['score']:>4.0%}  box {box}")
    return lines
