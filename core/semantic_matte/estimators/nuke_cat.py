"""The embedded network as TorchScript, for Nuke's CatFileCreator."""

from __future__ import annotations

import io
import warnings

from semantic_matte.estimators.network import MODEL
from semantic_matte.weights import load_network


def scripted_network() -> bytes:
    """A TorchScript archive of `networks.nuke_cat.NukeMatting` with the embedded weights, in float32.

    Scripted, not traced: it works at every size. Nuke's "Optimize" turns it to half precision.
    """
    import torch

    from semantic_matte.networks.matting import MattingNetwork
    from semantic_matte.networks.nuke_cat import NukeMatting

    network = MattingNetwork()
    load_network(network, MODEL, "cpu")
    content = io.BytesIO()
    with warnings.catch_warnings():
        # torch.jit is no longer grown by its makers; it is what Nuke reads.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(NukeMatting(network).eval()), content)
    return content.getvalue()
