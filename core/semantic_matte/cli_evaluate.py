"""Mattes measured from a shell: `semantic-matte evaluate RESULTS --masks DIR | --alphas DIR | --plates DIR`.

Exit codes as of `cli`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from semantic_matte.cli_options import ColourSpace, Json
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line

if TYPE_CHECKING:
    from semantic_matte.evaluating import Evaluation

# Each measure with its words, how it is written, and whether more of it is worse.
MEASURES: dict[str, tuple[str, str, bool]] = {
    "j": ("J, the object's mask on the true one (IoU, mean over frames)", ".4f", False),
    "main_slot_kept": ("main slot: share of the object's frames in which it is this slot", ".1%", False),
    "main_slot_share": ("the same where their overlap is at least .5", ".1%", False),
    "purity": (
        "purity: of the frames in which this slot is a true object, those in which it is this one",
        ".1%",
        False,
    ),
    "identity_switches": ("identity switches", ".0f", True),
    "sad": ("SAD, in thousands", ".3f", True),
    "mse": ("MSE", ".5f", True),
    "gradient": ("gradient error, in thousands", ".4f", True),
    "connectivity": ("connectivity error, in thousands", ".4f", True),
    "dtssd": ("dtSSD, times 100", ".4f", True),
    "warped_error": ("error against the alpha before, carried along the motion", ".5f", True),
}
# How many frames are named.
WORST = 3


def evaluate(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS", help="Folder of results, NAME.mattes.exr, or a pattern NAME.mattes.####.exr."
        ),
    ],
    masks: Annotated[
        Optional[Path],
        typer.Option(metavar="DIR", help="True masks, a picture a frame: what is not black is the object."),
    ] = None,
    alphas: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="True alphas, a picture a frame.")
    ] = None,
    trimaps: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR",
            help="Where alphas are compared: where these are unknown. (default: around the truth's edges)",
        ),
    ] = None,
    plates: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR", help="The plates: how steady the matte is along their motion, without truth."
        ),
    ] = None,
    slot: Annotated[
        Optional[str],
        typer.Option(metavar="NAME", help="The object. (default: the one that the truth shows most often)"),
    ] = None,
    colour_space: ColourSpace = None,
    as_json: Json = False,
) -> None:
    """Measure mattes of a shot or a still against true masks, true alphas, or the plates' own motion."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load what measures only now, and tell all figures."""
        from semantic_matte.evaluating import EvaluationRequest
        from semantic_matte.evaluating import evaluate as measure

        request = EvaluationRequest(results, masks, alphas, trimaps, plates, slot, colour_space)
        found = measure(request, progress)
        if not as_json:
            return _lines(found)
        for frame in found.frames:
            write_json_line({"event": "frame", "frame": frame.number, **frame.values})
        write_json_line({"event": "result", "slot": found.slot, "frames": len(found.frames), **found.values})
        return []

    run_work(work, as_json)


def _lines(found: Evaluation) -> list[str]:
    """The object, every measure with its value, and the frames that are worst by it."""
    count = len(found.frames)
    lines = [f"{found.slot}: {count} frame{'s' if count != 1 else ''}"]
    for name, (words, style, more_is_worse) in MEASURES.items():
        if name not in found.values:
            continue
        rows = [frame for frame in found.frames if name in frame.values and frame.number is not None]
        rows.sort(key=lambda frame: frame.values[name], reverse=more_is_worse)
        worst = ", ".join(f"{frame.number} ({frame.values[name]:{style}})" for frame in rows[:WORST])
        lines.append(f"  {format(found.values[name], style):>10}  {words}")
        if worst and count > 1:
            lines.append(f"{'':14}worst: {worst}")
    return lines
