"""What the training runs share: averaged weights, the learning rate's course, logs and whole checkpoints."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import torch

AVERAGE_OVER = 400
WARM_UP = 60


class MovingAverage:
    """Exponential moving average of a network's weights; slow only once there is something to average."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: torch.nn.Module, step: int) -> None:
        """Take in the weights after a step."""
        keep = min(1 - 1 / AVERAGE_OVER, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - keep)
            else:
                self.state[name].copy_(value)


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < WARM_UP:
        return highest * (step + 1) / WARM_UP
    share = min(1.0, (step - WARM_UP) / max(1, steps - WARM_UP))
    return highest * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def commit() -> str:
    """The code's commit, with a mark if it was changed since."""
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Print a row and add it to a log of JSON lines."""
    line = json.dumps(row)
    print(line, flush=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def save_whole(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
