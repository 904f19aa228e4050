"""What is seen of two colours mixed by alpha, and what each of them most likely is.

Source: the Gaussian model of Chuang, Curless, Salesin & Szeliski, "A Bayesian Approach to Digital Matting",
CVPR 2001, with one variance for all channels, and with an error of alpha in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# The least variance of a colour, as a share of the squares of both: what grain makes of an even surface.
LEAST_VARIANCE = 3e-4
# The error of alpha: its standard deviation at alpha 0.5, as it is taken to be before a picture has told.
ALPHA_ERROR = 0.06
# A pixel tells no more of it than if it were off by twice what is expected.
CREDIBLE = 4.0
# Nearly clear and nearly solid pixels tell nothing of it.
TELLING = 0.05
# A correction leaves at least this share of the mean's light in each channel, give or take that of the
# brightest one, and is shortened as a whole for it: where alpha is too low in front of something bright,
# colours would fall below black, one channel after the other.
LEAST_LIGHT, GIVE = 0.25, 0.1
# Keeps divisions of 0 by 0 finite.
TINY = 1e-12


@dataclass(frozen=True)
class Mixture:
    """Pixels seen, and what averages of foreground and background make of them.

    light: (3, h, w), linear. alpha, rest: (1, h, w) in [0, 1], and 1 - alpha. foreground, background: (3, h,
    w), mean colours nearby. own, others: (1, h, w), their variances, summed over channels. unexplained: (3, h,
    w), what the means leave of the light. variance: (1, h, w), what is expected of its square if alpha is
    right. by_alpha: (1, h, w), what is expected beyond that for each unit of alpha's variance at 0.5.
    """

    light: Tensor
    alpha: Tensor
    rest: Tensor
    foreground: Tensor
    background: Tensor
    own: Tensor
    others: Tensor
    unexplained: Tensor
    variance: Tensor
    by_alpha: Tensor

    @classmethod
    def of(cls, light: Tensor, alpha: Tensor, averages: Tensor) -> Mixture:
        """light: (3, h, w). alpha: (1, h, w). averages: (8, h, w): mean colour and variance of the foreground,
        then of the background."""
        foreground, background, rest = averages[:3], averages[4:7], 1 - alpha
        least = LEAST_VARIANCE * (square(foreground) + square(background)) + TINY
        own, others = averages[3:4] + least, averages[7:] + least
        return cls(
            light,
            alpha,
            rest,
            foreground,
            background,
            own,
            others,
            unexplained=light - alpha * foreground - rest * background,
            variance=alpha * alpha * own + rest * rest * others,
            by_alpha=4 * alpha * rest * square(foreground - background),
        )

    def settled(self, alpha_variance: Tensor, darkest: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely colours of foreground and background, (3, h, w) each.

        alpha_variance: (), at 0.5. darkest: (3, 1, 1), what no light of this plate is below.

        What is unexplained goes to both, and to an error of alpha, by their shares in what is expected. Where
        alpha is 1 or 0, the light is the one or the other.
        """
        import torch

        unit = self.unexplained / (self.variance + alpha_variance * self.by_alpha)
        foreground = self._corrected(self.alpha * self.own * unit, darkest)
        background = self.background + self.rest * self.others * unit
        return torch.where(self.alpha == 1, self.light, foreground), background

    def _corrected(self, correction: Tensor, darkest: Tensor) -> Tensor:
        """(3, h, w): the foreground's mean and as much of its correction (3, h, w) as leaves it enough
        light."""
        import torch

        light = (self.foreground - darkest).clamp(min=0)
        room = (1 - LEAST_LIGHT) * light + GIVE * light.amax(dim=0, keepdim=True)
        part = (room / (-correction).clamp(min=TINY)).amin(dim=0, keepdim=True).clamp(max=1)
        return torch.maximum(self.foreground + part * correction, darkest)

    def signs_of_error(self) -> Tensor:
        """(2,): sums over the pixels whose quotient is alpha's variance at 0.5.

        It is told by light that the variances of both colours do not explain. Pixels weigh less the more is
        expected of them, and none tells of more than twice the deviation that is.
        """
        import torch

        expected = self.variance + ALPHA_ERROR**2 * self.by_alpha + TINY
        seen = torch.minimum(square(self.unexplained), CREDIBLE * expected)
        telling = ((self.alpha > TELLING) & (self.alpha < 1 - TELLING)) / expected
        return torch.stack([((seen - self.variance) * telling).sum(), (self.by_alpha * telling).sum()])


def square(colour: Tensor) -> Tensor:
    """(1, h, w): squares of (3, h, w), summed over channels."""
    return (colour * colour).sum(dim=0, keepdim=True)
