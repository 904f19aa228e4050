"""How the foregrounds for training a matting network were made: rendered with Blender's Cycles, alpha exact.

Hair, fur, grass, leaves, feathers, cloth, lace, nets, glass, plastic, smoke and hard things with thin parts,
built from numpy curves and meshes; a third with Cycles' motion blur or defocus. Each is one 16-bit RGBA PNG:
sRGB-encoded straight colour, filled under alpha 0, and linear alpha. The kinds come in turn, so every beginning
of a run is a balanced set. Equal arguments give equal shapes, light and framing; an existing whole file is
skipped. Needs `bpy` 4.5 (Python 3.11) and `opencv-python-headless`.

    python weights/training/render_foregrounds.py --out FOLDER --count 800 \
        [--hdri node_modules/@pmndrs/assets/hdri]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from foregrounds.kinds import KINDS
from foregrounds.picture import (
    encode_srgb,
    expose,
    is_whole_png,
    smooth_premultiplied,
    straight_colour,
    without_fireflies,
    write_png,
)
from foregrounds.plan import Plan, interleaved, plan

if TYPE_CHECKING:
    from foregrounds.stage import Stage


def plans(kinds: list[str], count: int, seed: int) -> list[Plan]:
    """What to render, in order."""
    return [
        plan(kind, number, seed, KINDS[kind].widths, KINDS[kind].roll)
        for kind, number in interleaved(kinds, count)
    ]


def render(stage: Stage, wanted: Plan, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Straight sRGB-encoded colour (S, S, 3) and alpha (S, S), both [0, 1]."""
    kind, rng = KINDS[wanted.kind], wanted.random()
    stage.empty()
    stage.pixel = wanted.width / stage.size
    stage.scene.cycles_curves.shape = "THICK" if kind.round_strands else "RIBBONS"
    target = kind.resolve()(stage, rng, **kind.options)
    stage.light(rng)
    stage.film(wanted, target, rng)
    premultiplied, own_alpha, alpha = stage.render(samples, kind.see_through)
    # Few samples are spent on colour; sheer things have more of its noise, and less detail to lose.
    sigma = 1.6 if kind.see_through else 0.75
    colour = without_fireflies(straight_colour(*smooth_premultiplied(premultiplied, own_alpha, sigma)))
    return encode_srgb(expose(colour, alpha, wanted.exposure)), alpha


def write_index(folder: Path, wanted: list[Plan]) -> None:
    """Write `foregrounds.json`: a row for each plan whose picture is there, and rows of earlier runs."""
    path = folder / "foregrounds.json"
    rows = {row["file"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    rows |= {item.name: item.entry() for item in wanted}
    present = [row for name, row in sorted(rows.items()) if (folder / name).is_file()]
    part = path.with_suffix(".part")
    part.write_text(json.dumps(present, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--samples", type=int, default=112, help="at most so many a pixel for alpha")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--hdri", type=Path, help="folder of .exr, .hdr or .exr.js surroundings")
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=list(KINDS), metavar="KIND")
    return parser.parse_args(arguments)


def main() -> int:
    """Render what is missing; returns the exit code, 1 if any picture failed."""
    given = parse()
    given.out.mkdir(parents=True, exist_ok=True)
    wanted = plans(given.kinds, given.count, given.seed)
    missing = [item for item in wanted if not is_whole_png(given.out / item.name)]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} are there", flush=True)
    from foregrounds.stage import Stage

    stage, failed = Stage(given.size, given.threads, given.hdri), 0
    for turn, item in enumerate(missing):
        start = time.perf_counter()
        try:
            colour, alpha = render(stage, item, given.samples)
        except Exception:  # One bad shape must not end a run of hours.
            traceback.print_exc()
            failed += 1
            continue
        write_png(given.out / item.name, colour, alpha)
        soft = ((alpha > 0.01) & (alpha < 0.99)).mean()
        seconds = time.perf_counter() - start
        print(f"{turn + 1}/{len(missing)} {item.name} {item.blur} soft {soft:.2f} {seconds:.1f} s", flush=True)
        if turn % 10 == 0:
            write_index(given.out, wanted)
    write_index(given.out, wanted)
    return int(failed > 0)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender 4.5 as a module never ends its process by itself.
    os._exit(code)
