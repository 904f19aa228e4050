"""Train the network that draws an object's mask inside its box, on a CPU or a GPU.

    PYTHONPATH=core python weights/training/train_masks.py --coco FOLDER... --out RUN \
        --shapes weights/class_shapes.safetensors --encoder efficientnet-lite0-57934424.pth [--steps 6000]

Writes to RUN: `checkpoint.pt` (`--resume` goes on from it), `best.safetensors` (moving average with the best
held-out IoU), `run.json`, `log.jsonl`, `validation.png`. Crops are drawn from the seed and the step.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from conversion import write_safetensors
from encoder import imagenet_weights
from mask_crops import MaskCrop, MaskCrops, read_photos
from PIL import Image
from runs import MovingAverage, append_line, commit, learning_rate, save_whole
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from semantic_matte.networks.box_mask import UNKNOWN_CLASS, BoxMask

# Sides of crops; a batch has one.
SIZES = (64, 96, 128, 128, 160, 192)
VALIDATION_SIZE = 128
LOG_EVERY = 20
GRADIENT_NORM = 1.0
# Share of crops whose class is not told.
UNTOLD = 0.1
# How much more pixels near an outline count.
RIM_WEIGHT = 2.0

Batch = dict[str, Tensor]


class Batches(Dataset[Batch]):
    """Batches first..first + count, made whole by a worker."""

    def __init__(self, crops: MaskCrops, batch: int, first: int, count: int) -> None:
        self._crops, self._batch, self._first, self._count = crops, batch, first, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Batch:
        number = self._first + index
        random = np.random.default_rng((7, number))
        size = int(random.choice(SIZES))
        made = [self._crops.crop(number * self._batch + place, size) for place in range(self._batch)]
        batch = stacked(made)
        batch["label"][torch.from_numpy(random.random(self._batch) < UNTOLD)] = UNKNOWN_CLASS
        return batch


def stacked(crops: list[MaskCrop]) -> Batch:
    """Crops of one size as tensors, first axis the crop."""
    fields = ("colour", "prompts", "mask", "counted")
    batch = {name: torch.from_numpy(np.stack([getattr(one, name) for one in crops])) for name in fields}
    batch["label"] = torch.tensor([one.label for one in crops])
    return batch


def mask_loss(odds: Tensor, mask: Tensor, counted: Tensor) -> dict[str, Tensor]:
    """Cross-entropy, more along the outline, and one minus the soft IoU. All (N, 1, H, W)."""
    inside = functional.max_pool2d(mask, 5, 1, 2) - (-functional.max_pool2d(-mask, 5, 1, 2))
    weight = counted * (1 + RIM_WEIGHT * inside)
    entropy = functional.binary_cross_entropy_with_logits(odds, mask, reduction="none")
    cross = (entropy * weight).sum() / weight.sum().clamp_min(1)
    found = torch.sigmoid(odds) * counted
    truth = mask * counted
    shared = (found * truth).sum((1, 2, 3))
    union = (found + truth).sum((1, 2, 3)) - shared
    apart = 1 - ((shared + 1) / (union + 1)).mean()
    return {"cross_entropy": cross, "iou": apart, "total": cross + apart}


class MaskTraining:
    """A run: network, optimiser, data, and where it stands."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.device = torch.device(options.device)
        self.network = BoxMask(normalised=True)
        if options.encoder:
            stem = self.network.encoder.stem.in_channels
            self.network.encoder.load_state_dict(imagenet_weights(options.encoder, stem))
        self.network.to(self.device, memory_format=torch.channels_last)
        named = list(self.network.named_parameters())
        inherited = [value for name, value in named if name.startswith("encoder.")]
        fresh = [value for name, value in named if not name.startswith("encoder.")]
        self.optimiser = torch.optim.AdamW(
            [{"params": inherited, "share": options.encoder_rate}, {"params": fresh, "share": 1.0}],
            lr=options.rate,
            weight_decay=0.01,
        )
        self.average = MovingAverage(self.network)
        self.step = 0
        self.best = 0.0
        shapes = load_file(options.shapes)["shapes"].float().numpy()
        train, held_out = read_photos(options.coco)
        self.crops = MaskCrops(train, shapes, options.seed)
        judges = MaskCrops(held_out, shapes, 1_000_003, plain=True)
        self.judged = [judges.crop(index, VALIDATION_SIZE) for index in range(len(judges.objects))]
        options.out.mkdir(parents=True, exist_ok=True)
        self._write_record(len(train), len(held_out))

    def _write_record(self, train: int, held_out: int) -> None:
        """Say in run.json what the run is made of; folders by their names alone."""
        options = {
            name: [path.name for path in value] if isinstance(value, list) else value
            for name, value in vars(self.options).items()
            if name not in ("out", "resume", "minutes")
        }
        options |= {name: options[name].name for name in ("encoder", "shapes") if options[name]}
        record = {
            "commit": commit(),
            "options": options,
            "photos": train,
            "objects": len(self.crops.objects),
            "held_out_photos": held_out,
            "held_out_objects": len(self.judged),
        }
        (self.options.out / "run.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
        print(json.dumps(record), flush=True)

    def run(self) -> None:
        """Train to the last step, or until the minutes are over."""
        end = time.monotonic() + 60 * self.options.minutes
        while self.step < self.options.steps and time.monotonic() < end:
            for batch in self._batches(min(self.options.every, self.options.steps - self.step)):
                self._train(batch)
                if time.monotonic() > end:
                    break
            self._validate()
            self.save()

    def _batches(self, count: int) -> Iterator[Batch]:
        workers = self.options.workers
        yield from DataLoader(
            Batches(self.crops, self.options.batch, self.step, count),
            batch_size=None,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
        )

    def _train(self, batch: Batch) -> None:
        on = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate(self.step, self.options.steps, self.options.rate)
        self.network.train()
        colour = on["colour"].contiguous(memory_format=torch.channels_last)
        # bfloat16 has float32's range, so no loss scaling is needed.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            odds = self.network(colour, on["prompts"], on["label"])
        terms = mask_loss(odds.float(), on["mask"], on["counted"])
        self.optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.average.update(self.network, self.step)
        self.step += 1
        if self.step % LOG_EVERY == 0:
            row = {name: round(value.item(), 5) for name, value in terms.items()}
            append_line(self.options.out / "log.jsonl", {"step": self.step, **row})

    @torch.no_grad()
    def _validate(self) -> None:
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average.state)
        self.network.eval()
        found = []
        for start in range(0, len(self.judged), 32):
            batch = stacked(self.judged[start : start + 32])
            on = {name: value.to(self.device) for name, value in batch.items()}
            found.append(torch.sigmoid(self.network(on["colour"], on["prompts"], on["label"])).cpu())
        self.network.load_state_dict(own)
        masks = torch.cat(found).numpy()
        errors = score(self.judged, masks)
        append_line(self.options.out / "log.jsonl", {"step": self.step, "validation": errors})
        sheet(self.judged, masks).save(self.options.out / "validation.png")
        if errors["iou"] > self.best:
            self.best = errors["iou"]
            tensors = {name: value.detach().cpu().contiguous() for name, value in self.average.state.items()}
            write_safetensors(self.options.out / "best.safetensors", tensors, {"step": str(self.step)})

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
        }
        save_whole(self.options.out / "checkpoint.pt", state)

    def resume(self) -> None:
        """Go on from the checkpoint of the same folder, if there is one."""
        path = self.options.out / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.state = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best = state["step"], state["best"]


def score(crops: list[MaskCrop], masks: np.ndarray) -> dict[str, float]:
    """Mean IoU of masks (N, 1, S, S) in [0, 1] with the truth: of all, of small and large boxes, and of the
    class's mean shape alone."""
    truth = np.stack([one.mask for one in crops]) > 0.5
    counted = np.stack([one.counted for one in crops]) > 0.5
    shapes = np.stack([one.prompts[1:2] for one in crops])
    sides = np.array([one.side for one in crops])
    ious = _iou(masks > 0.5, truth, counted)
    groups = {
        "iou": ious,
        "iou_small": ious[sides < 48],
        "iou_large": ious[sides >= 96],
        "shape_iou": _iou(shapes > 0.5, truth, counted),
    }
    return {name: round(float(group.mean()), 5) for name, group in groups.items() if group.size}


def _iou(found: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
    shared = (found & truth & counted).sum((1, 2, 3))
    union = ((found | truth) & counted).sum((1, 2, 3))
    return shared / np.maximum(union, 1)


def sheet(crops: list[MaskCrop], masks: np.ndarray) -> Image.Image:
    """Some of the crops: colour with the box, what was found, the truth."""
    large = [index for index, one in enumerate(crops) if one.side >= 64] or range(len(crops))
    shown = large[:: max(1, len(large) // 48)][:48]
    cells = []
    for index in shown:
        one = crops[index]
        colour = one.colour.transpose(1, 2, 0) * (0.7 + 0.3 * one.prompts[0][..., None])
        grey = [np.repeat(picture.transpose(1, 2, 0), 3, axis=2) for picture in (masks[index], one.mask)]
        cells.append(np.concatenate([colour, *grey], axis=1))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % 4)
    rows = [np.concatenate(cells[start : start + 4], axis=1) for start in range(0, len(cells), 4)]
    return Image.fromarray(np.round(np.concatenate(rows) * 255).astype(np.uint8))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coco", type=Path, nargs="+", required=True)
    parser.add_argument("--shapes", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, help="ImageNet weights to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this long")
    parser.add_argument("--every", type=int, default=250, help="steps between validations")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--encoder-rate", type=float, default=0.3, help="share of the rate for the encoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


def main() -> None:
    torch.set_flush_denormal(True)
    run = MaskTraining(arguments())
    if run.options.resume:
        run.resume()
    run.run()


if __name__ == "__main__":
    main()
