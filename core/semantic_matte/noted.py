"""One frame's notices: passed on with its name, and kept for its sidecar."""

from __future__ import annotations

from semantic_matte.ports import Progress, ProgressEvent


class Noted:
    """Passes everything on, and keeps one frame's notices for its sidecar."""

    def __init__(self, progress: Progress, plate: str) -> None:
        self._progress = progress
        self._plate = plate
        self.notices: list[str] = []

    def advance(self, event: ProgressEvent) -> None:
        """Pass on."""
        self._progress.advance(event)

    def notice(self, message: str) -> None:
        """Keep, and pass on with the plate's name; what several files' writers say is said once."""
        if message in self.notices:
            return
        self.notices.append(message)
        self._progress.notice(f"{self._plate}: {message}")
