"""Put a trained mask network into `weights/`: half-precision safetensors, manifest row, model card.

    PYTHONPATH=core python weights/training/package_masks.py RUN

RUN is a folder of `train_masks.py`. The same run gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from conversion import replace_row, sha256_of, write_safetensors
from package_matting import half_precision

WEIGHTS = Path(__file__).resolve().parents[1]

_ROW = """  box_mask:
    file: box_mask.safetensors
    task: mask of the object in a box
    size: {size}
    sha256: {sha256}
    licence: Apache-2.0
    commercial_use: "yes"
    authors: the Semantic Matte contributors; encoder initialised from EfficientNet-Lite0 (Apache-2.0)
    origin: trained by weights/training/train_masks.py; see weights/MODELCARD-masks.md
    classes: coco80
    input: >-
      RGB, display-referred in 0..1, of a box with a fifth of its sides around it, sides multiples of 32; box,
      class shape and neighbours' boxes as three more channels
    family: semantic_matte
    recipe: weights/training/train_masks.py
"""


def card(run: Path) -> str:
    """The model card: what it is, what it was trained on and how, what it scored on held-out photos."""
    made = json.loads((run / "run.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    best = max((row for row in rows if "validation" in row), key=lambda row: row["validation"]["iou"])
    lines = [
        "# Model card: box_mask.safetensors",
        "",
        "A crop around a detected box to the mask of the object in it;",
        "`core/semantic_matte/networks/box_mask.py` describes network and inputs. Written by",
        "`weights/training/package_masks.py`. Licence of the weights: Apache-2.0.",
        "",
        "## Training",
        "",
        f"{best['step']} steps of {made['options']['batch']} crops of 64 to 192 pixels on "
        f"{made['options']['device']}; code at commit {made['commit']}. {made['objects']} objects in "
        f"{made['photos']} photos; {made['held_out_objects']} in {made['held_out_photos']} held out.",
        "",
        "| Setting | Value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in sorted(made["options"].items())),
        "",
        "Mean IoU with the outlines of the held-out objects, in boxes that are off as a detector's are;",
        "`shape_iou` is that of the class's mean shape alone; small: boxes under 48 pixels, large: from 96 on.",
        "",
        "| Measure | Value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in best["validation"].items()),
        "",
        "## Data",
        "",
        "| Source | What | Licence |",
        "|---|---|---|",
        "| COCO train2017 | outlines of objects in a subset of 1,394 photos | annotations CC-BY-4.0 (COCO "
        "Consortium); photos by their photographers on Flickr, each under the terms that COCO lists for it, "
        "for training only |",
        "| EfficientNet-Lite0 | ImageNet-1k classification weights that the encoder starts from | Apache-2.0 |",
        "",
        "No photo of these is contained in the weights or in this project.",
        "",
        "## Limits",
        "",
        "COCO's 80 classes. Masks are as coarse as a crop's pixel (1/128 of an object's box with its",
        "margin); outlines in COCO are polygons drawn by hand, and these look like them. The matting step",
        "finds the real edge.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    file = WEIGHTS / "box_mask.safetensors"
    write_safetensors(file, half_precision(run / "best.safetensors"), {"format": "pt"})
    row = _ROW.format(size=file.stat().st_size, sha256=sha256_of(file))
    replace_row(WEIGHTS / "manifest.yaml", "box_mask", row)
    (WEIGHTS / "MODELCARD-masks.md").write_text(card(run), encoding="utf-8")
    print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
