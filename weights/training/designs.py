"""The networks that `train.py` can train, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from semantic_matte.networks.matting import MattingNetwork

DESIGNS: dict[str, Callable[[], nn.Module]] = {
    # RGB and trimap alone.
    "plain": lambda: MattingNetwork(carried=False, solver=False),
    # With the known colours carried into the band.
    "carried": lambda: MattingNetwork(carried=True, solver=False),
    # With those and the closed-form alpha, which it corrects.
    "corrector": lambda: MattingNetwork(carried=True, solver=True),
}


def create_network(name: str) -> nn.Module:
    """Raises SystemExit for an unknown name."""
    if name not in DESIGNS:
        raise SystemExit(f"unknown design '{name}': expected one of {', '.join(DESIGNS)}")
    return DESIGNS[name]()
