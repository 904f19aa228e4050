"""The client's jobs of a computation: one for each view, with folders of its name for plates and results."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Callable, Tuple

from .job_thread import NamedJob

if TYPE_CHECKING:
    from .capture import Captured
    from .compute_plan import Plan

_PLATES = "plate.####.exr"


def jobs_of(plan: Plan, captured: Captured) -> Tuple[NamedJob, ...]:
    """What is to be done, in the order of the views; nothing is begun."""
    return tuple(
        NamedJob(f"View {view}" if len(plan.views) > 1 else "", _starter(plan, captured, view))
        for view in plan.views
    )


def _starter(plan: Plan, captured: Captured, view: str) -> Callable[[], Any]:
    """What starts the job of a view; called in the thread that hears of it."""
    import semantic_matte_client

    plates = captured.plates[view]
    return functools.partial(
        semantic_matte_client.start,
        "matte",
        plates[0] if plan.is_still else plates[0].parent / _PLATES,
        plan.folder / view,
        hint=captured.hint.get(view),
        colour_space=plan.colour_space,
        ocio=plan.ocio,
        frames=None if plan.is_still else plan.file_numbers,
        **plan.settings,
    )
