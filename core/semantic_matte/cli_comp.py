"""Composites from a shell: `semantic-matte comp PLATE MATTES --over BACKGROUND -o PICTURE`.

Exit codes as of `cli`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from semantic_matte.cli_options import Json
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line
from semantic_matte.settings import split_terms


def comp(
    plate: Annotated[Path, typer.Argument(metavar="PLATE", help="The picture that the mattes were made of.")],
    mattes: Annotated[
        Path, typer.Argument(metavar="MATTES", help="NAME.mattes.exr, or any picture of one alpha.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            help="Picture to write. .exr: half, unclamped light in the plate's own linear space and windows. "
            ".png and .tif (16 bits), .jpg: sRGB, clipped at black and white.",
        ),
    ],
    over: Annotated[
        Optional[str],
        typer.Option(
            metavar="BACKGROUND",
            help="A picture, scaled to cover the frame if it has another size; or a colour: black, white, or "
            "three numbers of linear light as in 0.18,0.2,0.25. Without: the cut-out alone, RGBA, "
            "premultiplied in an .exr and not in a .png or .tif.",
        ),
    ] = None,
    slots: Annotated[
        Optional[str],
        typer.Option(
            metavar="NAME,NAME", help="Which objects: slots (sm_dog_01) or labels (person). (default: all)"
        ),
    ] = None,
    foreground: Annotated[
        Optional[Path],
        typer.Option(
            help="The objects' own colours: NAME.foreground.exr. (default: the one beside the mattes if it is "
            "of the same result, else the plate's colours are unmixed here)"
        ),
    ] = None,
    plate_colours: Annotated[
        bool,
        typer.Option(
            "--plate-colours", help="Take the plate's colours as they are, with what shows through soft edges."
        ),
    ] = False,
    colour_space: Annotated[
        Optional[str], typer.Option(help="The plate's colour space, where the file does not tell it.")
    ] = None,
    background_colour_space: Annotated[
        Optional[str], typer.Option(help="The background's colour space, where the file does not tell it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a plate's objects over a new background, in linear light."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Load what composites only now, and tell what was written."""
        from semantic_matte.composites import CompositeRequest, compose_file

        names = tuple(term for term in split_terms(slots or "", ",") if term)
        request = CompositeRequest(
            plate, mattes, out, over, names, foreground, plate_colours, colour_space, background_colour_space
        )
        done = compose_file(request, progress)
        if as_json:
            write_json_line(
                {
                    "event": "result",
                    "composite": str(done.result),
                    "slots": list(done.slots),
                    "colours": done.colours,
                    "colour_space": done.colour_space,
                }
            )
        return [] if as_json else [f"{done.result}"]

    run_work(work, as_json)
