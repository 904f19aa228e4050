"""Notices of one frame or shot: passed on, and kept for what is written of it."""

from __future__ import annotations

from semantic_matte.ports import Progress, ProgressEvent


class Noted:
    """Passes everything on, and keeps the notices."""

    def __init__(self, progress: Progress, plate: str = "") -> None:
        """plate: its name, to be said with each notice; "" where they say it themselves."""
        self._progress = progress
        self._before = f"{plate}: " if plate else ""
        self.notices: list[str] = []

    def advance(self, event: ProgressEvent) -> None:
        """Pass on."""
        self._progress.advance(event)

    def notice(self, message: str) -> None:
        """Keep, and pass on; what several files' writers say is said once."""
        if message in self.notices:
            return
        self.notices.append(message)
        self._progress.notice(f"{self._before}{message}")
