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
from semantic_matte.types import FOREGROUND, UNKNOWN, BoolArray, ByteArray, FloatArray

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
# PyMatting's Laplacian takes some 500 bytes a pixel, unknown or not: it is made of this many pixels at a time.
STRIP_PIXELS = 16384
# A 3x3 window couples a pixel with others at most this far away in x and y.
COUPLED = 2


class ClosedForm:
    """Solves each connected part of the band whole, on the CPU, in double precision."""

    name = "closed_form"
    device = "cpu"
    patch_size = 800
    # From coarse masks of 14 dev photos four passes had a mean SAD of 14.4 with 96, 14.1 with 32, 14.5 with 24.
    widest_band = 32
    solves_regions = True
    whole_area = 0
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
            alpha[unknown] = _solve_unknown(colour, unknown, foreground, progress)
    result: FloatArray = np.clip(alpha, 0.0, 1.0).astype(np.float32)
    return result


def _solve_unknown(
    colour: FloatArray, unknown: BoolArray, foreground: BoolArray, progress: Progress
) -> DoubleArray:
    """Alpha of the unknown pixels, in raster order: L_U x = -R m (Grady et al. 2005)."""
    from pymatting.solver.cg import cg

    system, target = _system(colour, unknown, foreground)
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


def _system(colour: FloatArray, unknown: BoolArray, foreground: BoolArray) -> tuple[Any, DoubleArray]:
    """L_U, sparse (n, n), and -R m (n,) of the n unknown pixels in raster order.

    Made of strips of rows, of which only those of unknown pixels are kept: the same numbers as in one go, but
    memory follows the band and not the box around it.
    """
    import scipy.sparse
    from pymatting.laplacian.cf_laplacian import cf_laplacian

    above = np.concatenate(([0], np.cumsum(np.count_nonzero(unknown, axis=1))))
    count = int(above[-1])
    most = (2 * COUPLED + 1) ** 2 * count
    values, columns = np.empty(most), np.empty(most, dtype=np.int32)
    ends, target = np.zeros(count + 1, dtype=np.int32), np.empty(count)
    filled = 0
    height = max(1, STRIP_PIXELS // unknown.shape[1])
    for top in range(0, len(unknown), height):
        bottom = min(top + height, len(unknown))
        if above[top] == above[bottom]:
            continue
        low = max(0, top - COUPLED)
        near = np.flatnonzero(unknown[low : bottom + COUPLED].any(axis=0))
        around = slice(low, bottom + COUPLED), slice(max(0, near[0] - COUPLED), near[-1] + 1 + COUPLED)
        free, solid = unknown[around], foreground[around].astype(np.float64)
        own = free.copy()
        own[: top - low], own[bottom - low :] = False, False
        laplacian = cf_laplacian(colour[around].astype(np.float64), epsilon=EPSILON, is_known=~free)
        rows = laplacian[own.ravel()]
        inner = rows[:, free.ravel()]
        here, until = slice(above[top], above[bottom]), filled + inner.nnz
        values[filled:until], columns[filled:until] = inner.data, inner.indices + above[low]
        ends[1:][here] = inner.indptr[1:] + filled
        target[here] = -rows[:, ~free.ravel()].dot(solid[~free])
        filled = until
    return scipy.sparse.csr_matrix((values[:filled], columns[:filled], ends), (count, count)), target


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
