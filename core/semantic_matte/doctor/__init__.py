"""What runs where: one row a check, each with what was found and, where needed, what to do."""

from __future__ import annotations

from semantic_matte import __version__
from semantic_matte.doctor.finding import Finding, guarded

__all__ = ["Finding", "examine", "try_worker"]


def examine() -> list[Finding]:
    """Every check but the trial, in the order in which a run needs them. Never raises for what it finds."""
    # Loaded here: whoever only wants a Finding needs none of it.
    from semantic_matte.doctor import folders, hosts, machine, models, packages, worker

    checks = (
        ("Python", machine.python),
        ("packages", packages.packages),
        ("device", machine.device),
        ("memory", machine.memory),
        ("models", models.models),
        ("pulled models", models.pulled_models),
        ("brought models", models.brought_models),
        ("OCIO", folders.colour),
        ("folders", folders.folders),
        ("installed hosts", hosts.hosts),
        ("worker", worker.running),
    )
    rows = (row for what, check in checks for row in guarded(what, check))
    return [Finding("semantic-matte", "ok", __version__), *rows]


def try_worker() -> list[Finding]:
    """Start a worker of its own, let it matte a tiny plate, check the alpha, end it and leave nothing behind.

    Takes seconds. Never raises for what it finds.
    """
    from semantic_matte.doctor import worker

    return guarded("worker trial", worker.trial)
