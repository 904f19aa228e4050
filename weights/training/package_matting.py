"""Put a trained matting network into `weights/`: half-precision safetensors, manifest row, model card.

    python weights/training/package_matting.py RUN

RUN is a folder of `train.py`. The same run gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from conversion import replace_row, sha256_of, write_safetensors
from safetensors.torch import load_file

from semantic_matte.networks.matting import folded

WEIGHTS = Path(__file__).resolve().parents[1]
LARGEST = 20_000_000

_ROW = """  matting:
    file: matting.safetensors
    task: alpha of the unknown pixels of a trimap
    classes: []
    input: >-
      RGB (3, H, W), float in 0..1, display-referred, of any size, normalised by the network itself by
      ImageNet's mean and deviation; and a trimap (H, W) with 0 background, 1 foreground, else unknown
    family: semantic_matte
    size: {size}
    sha256: {sha256}
    licence: Apache-2.0
    commercial_use: "yes"
    authors: the Semantic Matte contributors; encoder initialised from EfficientNet-Lite0 (Apache-2.0)
    origin: trained by weights/training/train.py; see weights/MODELCARD-matting.md
    recipe: weights/training/train.py
"""


def half_precision(path: Path) -> dict[str, torch.Tensor]:
    """The run's best weights, normalisation folded, in half. Raises SystemExit if one does not fit into it."""
    tensors = {}
    for name, value in folded(load_file(path)).items():
        tensors[name] = value.half()
        if not torch.isfinite(tensors[name]).all():
            raise SystemExit(f"{name} does not fit into half precision")
    return tensors


def card(run: Path) -> str:
    """The model card: what it is, what it was trained on and how, what it scored on held-out samples."""
    made = json.loads((run / "run.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    judged = [row for row in rows if "validation" in row]
    # The best of those that were judged by the last validation set, as `best.safetensors` is.
    last = [row for row in judged if row["set"] == judged[-1]["set"]]
    best = min(last, key=lambda row: row["validation"]["sad"])
    listed = yaml.safe_load((Path(__file__).parent / "sources.yaml").read_text(encoding="utf-8"))
    lines = [
        "# Model card: matting.safetensors",
        "",
        "RGB and a trimap to alpha; `core/semantic_matte/networks/matting.py` describes network and inputs.",
        "Written by `weights/training/package_matting.py`. Licence of the weights: Apache-2.0.",
        "",
        "## Training",
        "",
        f"Design `{made['options']['design']}`, {best['step']} steps of {made['options']['batch']} crops of "
        f"{made['options']['size']} pixels on {made['options']['device']}; code at commit {made['commit']}.",
        f"{made['foregrounds']} foregrounds, {made['backgrounds']} backgrounds and {made['outlined']} outlined "
        f"objects in photos at the end; {made['held_out']} foregrounds held out.",
        "",
        "| Setting | Value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in sorted(made["options"].items())),
        "",
        "On held-out samples (synthetic; a checkpoint is chosen by `sad`):",
        "",
        "| Measure | Value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in best["validation"].items()),
        "",
        "## Data",
        "",
        "| Source | What | Licence |",
        "|---|---|---|",
        *(_source(row) for row in [*listed["foregrounds"], *listed["backgrounds"], listed["encoder"]]),
        "",
        "No photo or rendering of these is contained in the weights or in this project.",
        "",
    ]
    return "\n".join(lines)


def _source(row: dict[str, Any]) -> str:
    by = f" By {row['authors'].strip()}." if "authors" in row else f" Recipe: `{row['recipe']}`."
    return f"| {row['name']} | {row['what'].strip()}.{by} | {row['licence']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    file = WEIGHTS / "matting.safetensors"
    write_safetensors(file, half_precision(run / "best.safetensors"), {"format": "pt"})
    if file.stat().st_size > LARGEST:
        raise SystemExit(f"{file.name} has {file.stat().st_size} bytes: expected at most {LARGEST}")
    row = _ROW.format(size=file.stat().st_size, sha256=sha256_of(file))
    replace_row(WEIGHTS / "manifest.yaml", "matting", row)
    (WEIGHTS / "MODELCARD-matting.md").write_text(card(run), encoding="utf-8")
    print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
