"""Closed-form matting: the reference that needs no weights.

Source: Levin, Lischinski & Weiss, "A Closed-Form Solution to Natural Image Matting", TPAMI 2008, by PyMatting
(Germer et al. 2020): matting Laplacian of the unknown pixels, conjugate gradients with a thresholded
incomplete Cholesky factor as preconditioner.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.types import FOREGROUND, UNKNOWN, ByteArray, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

DoubleArray = npt.NDArray[np.float64]

# PyMatting's own default, so that figures compare.
EPSILON = 1e-7
# PyMatting goes on to 1e-7, which takes longer and moves the mean error by less than 0.1%.
TOLERANCE = 1e-6
MOST_ITERATIONS = 2000
# Non-zeros that the Cholesky factor may have per unknown pixel before it is made coarser.
FILL = 400


class ClosedForm:
    """Solves each connected part of the band whole, on the CPU, in double precision."""

    name = "closed_form"
    device = "cpu"
    patch_size = 800
    widest_band = 96
    solves_regions = True
    models: Sequence[Mapping[str, str]] = ()

    def estimate(self, colour: Tensor, trimap: Tensor, progress: Progress) -> Tensor:
        """See `ports.MatteEstimator`. A solver that does not converge gives what it has, with a notice."""
        import torch

        alphas = [
            _solve(picture.permute(1, 2, 0).numpy(), levels.numpy(), progress)
            for picture, levels in zip(colour, trimap, strict=True)
        ]
        return torch.from_numpy(np.stack(alphas))


def _solve(colour: FloatArray, levels: ByteArray, progress: Progress) -> FloatArray:
    """One region: colour (h, w, 3) display-referred, levels (h, w) -> alpha (h, w) float32."""
    unknown = levels == UNKNOWN
    foreground = levels == FOREGROUND
    alpha = foreground.astype(np.float64)
    if unknown.any():
        if not foreground.any() or not (~unknown & ~foreground).any():
            # Nothing to tell apart: the one kind that is known goes on; with none, the answer is even.
            alpha[unknown] = 1.0 if foreground.any() else 0.5 if unknown.all() else 0.0
        else:
            alpha[unknown] = _solve_unknown(colour.astype(np.float64), unknown, foreground, progress)
    result: FloatArray = np.clip(alpha, 0.0, 1.0).astype(np.float32)
    return result


def _solve_unknown(colour: DoubleArray, unknown: Any, foreground: Any, progress: Progress) -> DoubleArray:
    """Alpha of the unknown pixels, in raster order: L_U x = -R m (Grady et al. 2005)."""
    from pymatting.laplacian.cf_laplacian import cf_laplacian
    from pymatting.solver.cg import cg

    known = ~unknown
    laplacian = cf_laplacian(colour, epsilon=EPSILON, is_known=known)
    rows = laplacian[unknown.ravel()]
    system = rows[:, unknown.ravel()]
    target = -rows[:, known.ravel()].dot(foreground[known].astype(np.float64))
    del laplacian, rows
    if not target.any():
        return np.zeros(system.shape[0])
    precondition = _preconditioner(system, progress)
    latest: list[DoubleArray] = []

    def watch(_a: Any, x: DoubleArray, *_rest: Any) -> None:
        latest[:] = [x]
        # Lets a cancel through: a large region takes seconds.
        progress.advance(ProgressEvent("solving", 0, 0))

    try:
        solved: DoubleArray = cg(
            system,
            target,
            M=precondition,
            rtol=TOLERANCE,
            maxiter=MOST_ITERATIONS,
            callback=watch,
        )
    except ValueError:
        progress.notice(
            f"The closed-form solver did not settle within {MOST_ITERATIONS} steps on a region of "
            f"{system.shape[0]} pixels; its last state is used. A tighter band or more passes may help."
        )
        solved = latest[0]
    if np.isfinite(solved).all():
        return solved
    progress.notice("The closed-form solver broke down on a region; unsolved pixels are left empty.")
    return np.nan_to_num(solved, nan=0.0, posinf=1.0, neginf=0.0)


def _preconditioner(system: Any, progress: Progress) -> Any:
    """Incomplete Cholesky; coarser where it would fill memory; plain scaling where it fails."""
    from pymatting.preconditioner.ichol import ichol
    from pymatting.preconditioner.jacobi import jacobi

    for threshold in (1e-4, 1e-3, 1e-2):
        # PyMatting prints hints about shifts; they would end up in the middle of a shell's JSON.
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                return ichol(system, discard_threshold=threshold, max_nnz=FILL * system.shape[0] + 1024)
            except ValueError:
                continue
    progress.notice("The closed-form solver works without its preconditioner here, which is slower.")
    return jacobi(system)
