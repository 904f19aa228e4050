"""Semantic Matte for Blender's compositor. This file registers the parts, and does nothing else."""

from __future__ import annotations

from . import registering


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    registering.register_all()


def unregister() -> None:
    """Called by Blender when the add-on is disabled."""
    registering.unregister_all()
