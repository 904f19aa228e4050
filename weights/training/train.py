"""Train a matting network, from nothing to a checkpoint, on a CPU or a GPU.

    python weights/training/train.py --foregrounds FOLDER... --backgrounds FOLDER... --coco FOLDER... \
        --encoder efficientnet-lite0-57934424.pth --out RUN [--steps 20000] [--device cuda]

Writes to RUN: `checkpoint.pt` (weights, moving average, optimiser, step; `--resume` goes on from it),
`best.safetensors` (moving average with the lowest validation error), `run.json` (settings, commit, what it was
trained on), `log.jsonl`, `validation.png`. Samples are
drawn from the seed and the step, so a run that was cut off and resumed sees what an undisturbed one does.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sources
import torch
from compose import Composer
from designs import create_network
from encoder import imagenet_weights
from losses import matting_loss
from photos import OutlinedPhoto, outlined_photos
from runs import MovingAverage, append_line, commit, learning_rate, save_whole
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from validation import Validation, ValidationScore

from semantic_matte.networks.deep_image_matting_checkpoints import load_vgg16

LOG_EVERY = 20
GRADIENT_NORM = 1.0


class Samples(Dataset[dict[str, np.ndarray[Any, Any]]]):
    """Samples first..first + count of a composer."""

    def __init__(self, composer: Composer, first: int, count: int) -> None:
        self._composer, self._first, self._count = composer, first, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, np.ndarray[Any, Any]]:
        made = self._composer.sample(self._first + index)
        return {
            "colour": made.colour,
            "trimap": made.trimap[None],
            "alpha": made.alpha[None],
            "contrast": made.contrast[None],
            "sure": made.sure[None],
        }


class Training:
    """A run: network, optimiser, data, and where it stands."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.device = torch.device(options.device)
        self.network = create_network(options.design).to(self.device)
        if options.encoder:
            self._inherit(options.encoder)
        self.network.to(memory_format=torch.channels_last)
        inherited = [value for name, value in self.network.named_parameters() if name.startswith("encoder.")]
        fresh = [value for name, value in self.network.named_parameters() if not name.startswith("encoder.")]
        self.optimiser = torch.optim.AdamW(
            [{"params": inherited, "share": options.encoder_rate}, {"params": fresh, "share": 1.0}],
            lr=options.rate,
            weight_decay=1e-4,
        )
        self.average = MovingAverage(self.network)
        self.step = 0
        self.best = math.inf
        # Which validation set that was; a resumed run may have another, when more was rendered meanwhile.
        self.best_of = 0
        self.seconds = 0.0
        self._foregrounds: tuple[list[sources.Foreground], list[sources.Foreground]] = ([], [])
        self._backgrounds: list[sources.ByteArray] = []
        self._outlined: tuple[list[OutlinedPhoto], list[OutlinedPhoto]] = ([], [])
        self.validation: Validation | None = None
        options.out.mkdir(parents=True, exist_ok=True)

    def _inherit(self, path: Path) -> None:
        """ImageNet's weights for the encoder: EfficientNet-Lite0's, or for Deep Image Matting VGG16's."""
        encoder = self.network.encoder
        if encoder is not None:
            encoder.load_state_dict(imagenet_weights(path, encoder.stem.in_channels))
        else:
            load_vgg16(self.network.network, torch.load(path, map_location="cpu", weights_only=True))

    def run(self) -> None:
        """Train to the last step, or until the minutes are over."""
        end = time.monotonic() + 60 * self.options.minutes
        self._read_sources()
        while self.step < self.options.steps and time.monotonic() < end:
            count = min(self.options.every, self.options.steps - self.step)
            for batch in self._batches(count):
                self._train(batch)
                if time.monotonic() > end:
                    break
            self._validate()
            self.save()
            self._read_sources()

    def _read_sources(self) -> None:
        """Read what is there; a folder that is still being filled is read again each round."""
        options = self.options
        if not self._backgrounds:
            photos = sources.backgrounds(options.backgrounds, options.coco)
            # Every twelfth is held out.
            self._held_out_backgrounds = photos[11::12]
            self._backgrounds = [photo for number, photo in enumerate(photos) if number % 12 != 11]
            self._outlined = outlined_photos(options.coco)
        if self.validation is None or options.growing:
            self._foregrounds = sources.foregrounds(options.foregrounds)
            self._write_record()
        if self.validation is None:
            held_out = Composer(
                self._foregrounds[1], self._held_out_backgrounds, options.size, 1_000_003, self._outlined[1]
            )
            self.validation = Validation([held_out.sample(index) for index in range(options.validation)])

    def _write_record(self) -> None:
        """Say in run.json what the run is made of; folders by their names alone."""
        options = {
            name: [path.name for path in value] if isinstance(value, list) else value
            for name, value in vars(self.options).items()
            if name not in ("out", "resume", "growing", "minutes")
        }
        if self.options.encoder:
            options["encoder"] = self.options.encoder.name
        record = {
            "commit": commit(),
            "options": options,
            "foregrounds": len(self._foregrounds[0]),
            "held_out": len(self._foregrounds[1]),
            "backgrounds": len(self._backgrounds),
            "outlined": len(self._outlined[0]),
        }
        (self.options.out / "run.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
        print(json.dumps(record), flush=True)

    def _batches(self, count: int) -> Iterator[dict[str, Tensor]]:
        options = self.options
        composer = Composer(
            self._foregrounds[0], self._backgrounds, options.size, options.seed, self._outlined[0]
        )
        data = Samples(composer, self.step * options.batch, count * options.batch)
        yield from DataLoader(
            data,
            batch_size=options.batch,
            num_workers=options.workers,
            pin_memory=self.device.type == "cuda",
            multiprocessing_context="fork" if options.workers else None,
        )

    def _train(self, batch: dict[str, Tensor]) -> None:
        start = time.monotonic()
        on = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate(self.step, self.options.steps, self.options.rate)
        self.network.train()
        terms = self._loss(on)
        self.optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.average.update(self.network, self.step)
        self.step += 1
        self.seconds += time.monotonic() - start
        if self.step % LOG_EVERY == 0:
            self._log({name: round(value.item(), 5) for name, value in terms.items()})

    def _loss(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        colour = batch["colour"].contiguous(memory_format=torch.channels_last)
        foreground = (batch["trimap"] == 255).float()
        background = (batch["trimap"] == 0).float()
        with torch.no_grad():
            start = self.network.start(colour, foreground, background)
        # bfloat16 has float32's range, so no loss scaling is needed.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            alpha = self.network.correct(colour, foreground, background, start)
        counted = (batch["trimap"] == 128).float() * batch["sure"]
        return matting_loss(alpha.float(), batch["alpha"], counted, batch["contrast"])

    def _validate(self) -> None:
        assert self.validation is not None
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average.state)
        score: ValidationScore = self.validation.run(self.network.eval(), self.device)
        self.network.load_state_dict(own)
        judge = self.validation.fingerprint
        self._log({"validation": score.errors, "set": judge, "seconds": round(self.seconds, 1)})
        score.picture.save(self.options.out / "validation.png")
        if judge != self.best_of or score.errors["sad"] < self.best:
            self.best, self.best_of = score.errors["sad"], judge
            from conversion import write_safetensors

            tensors = {name: value.detach().cpu().contiguous() for name, value in self.average.state.items()}
            write_safetensors(self.options.out / "best.safetensors", tensors, {"step": str(self.step)})

    def _log(self, row: dict[str, Any]) -> None:
        append_line(self.options.out / "log.jsonl", {"step": self.step, **row})

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
            "best_of": self.best_of,
            "seconds": self.seconds,
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
        self.step, self.seconds = state["step"], state["seconds"]
        self.best, self.best_of = state["best"], state["best_of"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--foregrounds", type=Path, nargs="+", required=True)
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[])
    parser.add_argument("--coco", type=Path, nargs="*", default=[])
    parser.add_argument("--encoder", type=Path, help="ImageNet weights to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--design", default="corrector")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this long")
    parser.add_argument("--every", type=int, default=250, help="steps between validations")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=320, help="side of a sample in pixels")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--encoder-rate", type=float, default=0.3, help="share of the rate for the encoder")
    parser.add_argument("--validation", type=int, default=64, help="samples held out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--growing", action="store_true", help="foregrounds are still rendered: look again")
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


def main() -> None:
    # Denormals slow a CPU down tenfold, and the solver makes them once it has settled.
    torch.set_flush_denormal(True)
    run = Training(arguments())
    if run.options.resume:
        run.resume()
    run.run()


if __name__ == "__main__":
    main()
