"""What is said of computations: their error, and the sentences for the ways they end."""

from __future__ import annotations

CANCELLED = (
    "Cancelled: the node shows what it showed before. Frames that were done are kept, and generating again "
    "goes on from there."
)
GONE = (
    "The node is not in the script any more, so what was computed for it is not shown; frames that were done "
    "are kept."
)
FOUND = (
    "These mattes were computed before, here or on a farm, and nothing has changed since: generate once more "
    "to have the plates themselves compared."
)
FAULT = "This is a fault of the plugin, please report it with what Copy Log gives: "
WAITING = (
    "Waiting for mattes would stop Nuke's window, and with it the computation: look at .state from time to "
    "time, or use generate(node, wait=True)."
)

_PACKAGES = ("semantic_matte_nuke", "semantic_matte_client")


class ComputationError(Exception):
    """There are no mattes; its text is a sentence that says why. exit_code: what a shell or a farm returns."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        """exit_code: 2 for a wrong call, 130 where it was cancelled."""
        super().__init__(sentence)
        self.exit_code = exit_code


def is_sentence(reason: Exception) -> bool:
    """Whether it is an error that is raised on purpose, whose text is a sentence for the artist."""
    return type(reason).__module__.partition(".")[0] in _PACKAGES
