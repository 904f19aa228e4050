"""Models taken out of the package for hosts that run them by themselves."""

from __future__ import annotations

from pathlib import Path

from semantic_matte import __version__
from semantic_matte.outputs import nuke_cat


def export_cat(folder: Path) -> tuple[Path, ...]:
    """The matting network as TorchScript with what NukeX needs to make a .cat of it.

    Returns the files written. Raises OutputError where the folder can't be written, WeightsError if the
    embedded weights can't be read.
    """
    from semantic_matte.estimators.nuke_cat import scripted_network

    return nuke_cat.write_cat(folder, scripted_network(), __version__)
