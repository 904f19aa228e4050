"""How good a network is on samples that it was not trained on."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
import torch
from compose import Sample
from PIL import Image

ROWS = 12


@dataclasses.dataclass(frozen=True)
class ValidationScore:
    """errors: "sad" (mean of the samples' sums over unknown pixels, in thousands), "mse" (mean), and, where
    the network corrects a solver, the same of that solver. picture: colour, trimap, alpha, truth of some."""

    errors: dict[str, float]
    picture: Image.Image


class Validation:
    """Fixed samples. fingerprint: tells one set of them from another; scores compare within one only."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples
        self.fingerprint = 0
        for sample in samples:
            self.fingerprint = zlib.crc32(sample.trimap, zlib.crc32(sample.colour, self.fingerprint))

    @torch.no_grad()
    def run(self, network: torch.nn.Module, device: torch.device) -> ValidationScore:
        """Score a network in its own precision, sample by sample."""
        rows: list[dict[str, float]] = []
        strips = []
        for sample in self._samples:
            colour = torch.from_numpy(sample.colour)[None].to(device)
            trimap = torch.from_numpy(sample.trimap)[None, None].to(device).float() / 255
            trimap = torch.where((trimap > 0.25) & (trimap < 0.75), torch.full_like(trimap, 0.5), trimap)
            start = network.start(colour, (trimap > 0.75).float(), (trimap < 0.25).float())
            alpha = network(colour, trimap)[0, 0].float().cpu().numpy()
            row = _errors(alpha, sample, "")
            if getattr(network, "solver", False):
                row |= _errors(start[0, -1].float().cpu().numpy(), sample, "solver_")
            rows.append(row)
            if len(strips) < ROWS:
                strips.append(_strip(sample, alpha))
        errors = {name: round(float(np.mean([row[name] for row in rows])), 5) for name in rows[0]}
        return ValidationScore(errors, Image.fromarray(np.concatenate(strips)))


def _errors(alpha: np.ndarray, sample: Sample, prefix: str) -> dict[str, float]:
    unknown = (sample.trimap == 128) & (sample.sure > 0)
    difference = (alpha - sample.alpha)[unknown]
    return {
        f"{prefix}sad": float(np.abs(difference).sum()) / 1000,
        f"{prefix}mse": float(np.square(difference).mean()),
    }


def _strip(sample: Sample, alpha: np.ndarray) -> np.ndarray:
    grey = [sample.trimap, np.round(alpha * 255), np.round(sample.alpha * 255)]
    cells = [np.round(sample.colour.transpose(1, 2, 0) * 255)]
    cells += [np.repeat(picture[..., None], 3, axis=2) for picture in grey]
    return np.concatenate(cells, axis=1).astype(np.uint8)
