"""Closed-form matting as a layer: the matting Laplacian and its conjugate gradients, in torch alone.

Source: Levin, Lischinski & Weiss, "A Closed-Form Solution to Natural Image Matting", TPAMI 2008. The Laplacian
of 3x3 windows couples a pixel with its 5x5 neighbourhood, so it is kept as the 13 maps of half that stencil;
no sparse matrix is built, and the same lines run on a CPU, on a GPU and in TorchScript. The system is solved
from the coarsest level of an image pyramid to the finest (nested iteration, "cascadic" multigrid, Bornemann &
Deuflhard 1996), with a fixed number of steps on each. From level to level alpha is carried as what the method
takes it for, a linear function of colour in each window (Levin et al., section 5; He & Sun, "Fast Guided
Filter", 2015), so the fine picture gives it back its edges. That is so near to the solution that the finest
level, most of the work, needs few steps or none. All of it is computed in float32, whatever the type of the
input: half precision cannot hold a window's colour covariance.
"""

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-7
"""Regularisation of a window's colour covariance, on the 0..1 scale (PyMatting's default)."""

REACH = 2
"""A pixel is coupled with others at most this far away in x and y."""

CONSTRAINT = 10.0
"""Weight of a wholly known pixel on the levels above the finest, where pixels can be partly known."""

CARRIED_EPSILON = 1e-5
"""Regularisation of the linear functions by which alpha is carried to a finer level, on the 0..1 scale."""

COARSEST = 12
"""No level is smaller than this on its shorter side, in pixels."""


def half_stencil(colour: Tensor, epsilon: float = EPSILON) -> Tensor:
    """The matting Laplacian of an image.

    colour: (N, 3, H, W) float32 display-referred. Returns (N, 13, H, W) float32: map 0 is the diagonal, and
    the others hold L[p, p + o] for the offsets o = (dy, dx) of raster order after (0, 0), at most two away. H
    and W are at least 3.
    """
    count, _, height, width = colour.shape
    rows, columns = height - 2, width - 2
    shifted: list[Tensor] = []
    for dy in range(3):
        for dx in range(3):
            near = colour[:, :, dy : dy + rows, dx : dx + columns]
            shifted.append(near)
    # Twice: the first mean's rounding is as large as the contrast of a flat, bright window.
    centred = _centred(_centred(shifted))
    basis = _orthonormal(centred, epsilon)
    maps = colour.new_zeros((count, 13, height, width))
    for first in range(9):
        top, left = first // 3, first % 3
        for second in range(first, 9):
            dy, dx = second // 3 - top, second % 3 - left
            coupling = (basis[first] * basis[second]).sum(dim=1) + 1.0 / 9.0
            coupling = 1.0 - coupling if first == second else -coupling
            # Offsets after (0, 0) in raster order: dx 1, 2 on the same row, then -2..2 on the two below.
            index = dx if dy == 0 else 3 + (dy - 1) * 5 + dx + 2
            maps[:, index, top : top + rows, left : left + columns] += coupling
    return maps


def _centred(pixels: list[Tensor]) -> list[Tensor]:
    total = pixels[0] + pixels[1]
    for index in range(2, 9):
        total = total + pixels[index]
    mean = total / 9.0
    return [pixel - mean for pixel in pixels]


def _orthonormal(centred: list[Tensor], epsilon: float) -> list[Tensor]:
    """Nine (N, 3, H - 2, W - 2): rows of Q in D = QR for the matrix D of a window's centred colours, extended
    below by sqrt(epsilon) I, by modified Gram-Schmidt.

    D (D^T D + epsilon I)^-1 D^T, which the Laplacian needs, is then Q Q^T of the first nine rows. The inverse
    of the covariance would say the same, but a grey window's has a condition that float32 does not survive.
    """
    root = epsilon**0.5
    columns: list[list[Tensor]] = []
    for channel in range(3):
        column = [pixel[:, channel] for pixel in centred]
        for extra in range(3):
            column.append(torch.full_like(column[0], root if extra == channel else 0.0))
        for done in columns:
            share = _dot(done, column)
            column = [column[row] - share * done[row] for row in range(12)]
        length = _dot(column, column).rsqrt()
        columns.append([value * length for value in column])
    return [torch.stack([columns[0][row], columns[1][row], columns[2][row]], dim=1) for row in range(9)]


def _dot(first: list[Tensor], second: list[Tensor]) -> Tensor:
    total = first[0] * second[0]
    for index in range(1, len(first)):
        total = total + first[index] * second[index]
    return total


def apply_stencil(maps: Tensor, values: Tensor) -> Tensor:
    """Laplacian times an image.

    maps: (N, 13, H, W) as of `half_stencil`. values, result: (N, H, W) float32.
    """
    height, width = values.shape[1], values.shape[2]
    result = maps[:, 0] * values
    for index in range(1, 13):
        dy = 0 if index < 3 else (index - 3) // 5 + 1
        dx = index if index < 3 else (index - 3) % 5 - 2
        # p runs over the pixels whose neighbour p + o lies inside; its row is the map at p, the mirrored
        # coupling acts at p + o.
        left, right = max(0, -dx), min(width, width - dx)
        here = maps[:, index, : height - dy, left:right]
        near = values[:, dy:, left + dx : right + dx]
        result[:, : height - dy, left:right].addcmul_(here, near)
        result[:, dy:, left + dx : right + dx].addcmul_(here, values[:, : height - dy, left:right])
    return result


def solve(
    colour: Tensor,
    known: Tensor,
    values: Tensor,
    steps_finest: int,
    steps: int,
    epsilon: float = EPSILON,
    constraint: float = CONSTRAINT,
    coarsest: int = COARSEST,
) -> Tensor:
    """Alpha that is smooth in colour and keeps what is known.

    colour: (N, 3, H, W) float32 display-referred. known: (N, H, W) float32, how much of a pixel is known, 1
    or 0 on the finest level. values: (N, H, W) float32 alpha there (0 elsewhere). steps_finest, steps:
    conjugate gradient steps on the finest level, and on the one of half its size; each coarser level has
    twice as many, at most one a pixel of its longer side. Returns (N, H, W) float32, not clamped, equal to
    `values` where `known` is 1.
    """
    colours = [colour]
    knowns = [known]
    sums = [values * known]
    while min(colours[-1].shape[2], colours[-1].shape[3]) >= 2 * coarsest:
        colours.append(functional.avg_pool2d(colours[-1], 2, ceil_mode=True))
        knowns.append(functional.avg_pool2d(knowns[-1].unsqueeze(1), 2, ceil_mode=True).squeeze(1))
        sums.append(functional.avg_pool2d(sums[-1].unsqueeze(1), 2, ceil_mode=True).squeeze(1))
    alpha = sums[-1] / knowns[-1].clamp(min=1e-6)
    alpha = torch.where(knowns[-1] > 0, alpha, torch.full_like(alpha, 0.5))
    coarser = len(colours) - 1
    for turn in range(coarser):
        level = coarser - turn
        if turn > 0:
            alpha = carried(alpha, colours[level + 1], colours[level])
        # Word passes a pixel or two a step: as many steps as pixels along a side cross a small level.
        enough = min(steps * int(2 ** (level - 1)), max(alpha.shape[1], alpha.shape[2]))
        weight, target = knowns[level] * constraint, sums[level] * constraint
        maps = half_stencil(colours[level], epsilon)
        alpha = _relax(maps, torch.ones_like(alpha[:1, :1, :1]), weight, target, alpha, enough)
    if coarser > 0:
        alpha = carried(alpha, colours[1], colour)
    free, nothing = 1.0 - known, torch.zeros_like(alpha[:1, :1, :1])
    alpha = alpha * free + sums[0]
    # A picture too small for a coarser level is solved here alone.
    steps_here = steps_finest if coarser > 0 else max(steps_finest, steps)
    if steps_here > 0:
        alpha = _relax(half_stencil(colour, epsilon), free, nothing, nothing, alpha, steps_here)
    return alpha


def carried(alpha: Tensor, colour: Tensor, finer: Tensor, epsilon: float = CARRIED_EPSILON) -> Tensor:
    """Alpha at twice the size, with the edges of the finer picture.

    alpha: (N, H, W). colour: (N, 3, H, W). finer: (N, 3, h, w) of sides twice as long, or one less. In each 3x3
    window alpha is fitted as a linear function of colour; what the windows of a pixel say of it is averaged,
    raised and applied to the finer colours. Returns (N, h, w) float32, not clamped.
    """
    linear = _window_mean(_fitted(alpha, colour, epsilon))
    linear = functional.interpolate(linear, scale_factor=2.0, mode="bilinear", align_corners=False)
    linear = linear[:, :, : finer.shape[2], : finer.shape[3]]
    return (linear[:, :3] * finer).sum(dim=1) + linear[:, 3]


def _fitted(alpha: Tensor, colour: Tensor, epsilon: float) -> Tensor:
    """(N, 4, H, W): factors of red, green and blue, and what is added, by which each window's alpha is nearest
    to a linear function of its colour."""
    shared = torch.cat((colour, alpha.unsqueeze(1)), dim=1)
    means = _window_mean(shared)
    # Red by red, green, blue and alpha; green by green, blue, alpha; blue by blue, alpha.
    products = [colour[:, first : first + 1] * shared[:, first:] for first in range(3)]
    moments = _window_mean(torch.cat(products, dim=1))
    red, green, blue = means[:, 0], means[:, 1], means[:, 2]
    # Covariances of colours, and of each with alpha.
    rr = moments[:, 0] - red * red + epsilon
    rg, rb, ra = moments[:, 1] - red * green, moments[:, 2] - red * blue, moments[:, 3] - red * means[:, 3]
    gg = moments[:, 4] - green * green + epsilon
    gb, ga = moments[:, 5] - green * blue, moments[:, 6] - green * means[:, 3]
    bb, ba = moments[:, 7] - blue * blue + epsilon, moments[:, 8] - blue * means[:, 3]
    # Solved as L D L^T: the inverse by cofactors loses a grey window's small eigenvalues in float32.
    first_pivot = rr.clamp(min=0.5 * epsilon)
    g_r, b_r = rg / first_pivot, rb / first_pivot
    second_pivot = (gg - g_r * rg).clamp(min=0.5 * epsilon)
    rest = gb - b_r * rg
    b_g = rest / second_pivot
    third_pivot = (bb - b_r * rb - b_g * rest).clamp(min=0.5 * epsilon)
    ga = ga - g_r * ra
    by_blue = (ba - b_r * ra - b_g * ga) / third_pivot
    by_green = ga / second_pivot - b_g * by_blue
    by_red = ra / first_pivot - g_r * by_green - b_r * by_blue
    offset = means[:, 3] - by_red * red - by_green * green - by_blue * blue
    return torch.stack((by_red, by_green, by_blue, offset), dim=1)


def _window_mean(maps: Tensor) -> Tensor:
    return functional.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)


def _relax(maps: Tensor, free: Tensor, weight: Tensor, target: Tensor, start: Tensor, steps: int) -> Tensor:
    """(free L + weight) alpha = target by conjugate gradients, scaled by the diagonal.

    free: 1 where alpha may move, else 0. weight: how firmly it is held to `target`, which is weighted already.
    """
    scale = free / (maps[:, 0] + weight).clamp(min=1e-6)
    alpha = start
    residual = target - free * apply_stencil(maps, alpha) - weight * alpha
    direction = scale * residual
    energy = _product(residual, direction)
    for _ in range(steps):
        moved = free * apply_stencil(maps, direction) + weight * direction
        length = energy / _product(direction, moved).clamp(min=1e-20)
        alpha = alpha + length * direction
        residual = residual - length * moved
        scaled = scale * residual
        after = _product(residual, scaled)
        direction = scaled + after / energy.clamp(min=1e-20) * direction
        energy = after
    return alpha


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Inner product of each image, (N, 1, 1).

    Summed in float64 where the device has it: in float32 the order of the sum, and with it the number of
    threads, would show in the alpha, as conjugate gradients enlarge what rounding leaves.
    """
    exact = torch.float32 if first.device.type == "mps" else torch.float64
    return (first * second).sum(dim=(1, 2), keepdim=True, dtype=exact).to(first.dtype)
