"""A small renderer of Nuke's graphs: behind the fake host's ``execute`` and its questions about a stream.

It asks live nodes for their knobs and inputs and nothing else, and knows neither the plugin nor the engine.
"""

from __future__ import annotations

from .picture import Picture, RenderError
from .rendering import describe, render, write

__all__ = ["Picture", "RenderError", "describe", "render", "write"]
