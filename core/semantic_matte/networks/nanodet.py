"""NanoDet-g: one-stage, anchor-free detector of the 80 COCO classes.

Architecture: NanoDet by RangiLyu (https://github.com/RangiLyu/nanodet, Apache-2.0), configuration
``nanodet-g``: cross-stage-partial backbone, path aggregation network, generalised-focal-loss head
(Li et al. 2020, https://arxiv.org/abs/2006.04388). Module names follow upstream, so state
dictionary keys do as well; batch normalisation is folded into the convolutions.

Images are BGR (as upstream trained them), normalised by :data:`MEAN` and :data:`STD` on the
0..255 display-referred (sRGB) scale. Axis order is (N, C, H, W), all tensors are float32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUT_SIZE = 416
"""Height and width in pixels that the network was trained at; any multiple of 32 works."""

MEAN = (103.53, 116.28, 123.675)
"""Mean of each channel, order B, G, R, on the 0..255 scale."""

STD = (57.375, 57.12, 58.395)
"""Standard deviation of each channel, order B, G, R, on the 0..255 scale."""

STRIDES = (8, 16, 32)
"""Input pixels per cell of each feature level, in the order in which anchors are listed."""

CLASS_COUNT = 80
"""COCO's 80 classes in ascending order of their category id."""

DISTANCE_BINS = 11
"""Bins of the distribution of each box side's distance: 0, 1, ..., 10 strides."""

_NEGATIVE_SLOPE = 0.1


class ConvModule(nn.Module):
    """Convolution that keeps the size at stride 1, followed by LeakyReLU unless told otherwise."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        *,
        activate: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2)
        self.activate = activate

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        convolved: Tensor = self.conv(features)
        return functional.leaky_relu(convolved, _NEGATIVE_SLOPE) if self.activate else convolved


class TinyResBlock(nn.Module):
    """Two convolutions of half the channels each, joined by concatenation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.in_conv = ConvModule(channels, channels // 2, 3)
        self.mid_conv = ConvModule(channels // 2, channels // 2, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        entered = self.in_conv(features)
        return torch.cat((self.mid_conv(entered), entered), dim=1)


class CspBlock(nn.Module):
    """Cross-stage-partial block: a chain of residual blocks beside a shortcut; doubles channels."""

    def __init__(self, channels: int, residual_count: int, stride: int) -> None:
        super().__init__()
        self.in_conv = ConvModule(channels, channels, 3, stride)
        self.res_blocks = nn.Sequential(*(TinyResBlock(channels) for _ in range(residual_count)))
        self.res_out_conv = ConvModule(channels, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 2 * channels, H / stride, W / stride)."""
        entered = self.in_conv(features)
        return torch.cat((self.res_out_conv(self.res_blocks(entered)), entered), dim=1)


class CustomCspNet(nn.Module):
    """Backbone: a stem and four cross-stage-partial blocks."""

    out_channels = (128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            (
                ConvModule(3, 32, 3, stride=2),
                nn.MaxPool2d(3, stride=2, padding=1),
                CspBlock(32, residual_count=1, stride=1),
                CspBlock(64, residual_count=2, stride=2),
                CspBlock(128, residual_count=2, stride=2),
                CspBlock(256, residual_count=3, stride=2),
            )
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to features of 128, 256 and 512 channels at strides 8, 16 and 32."""
        features = images
        levels = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index >= len(self.stages) - len(STRIDES):
                levels.append(features)
        return levels


class PathAggregationNetwork(nn.Module):
    """Neck: adds coarse levels to fine ones, then fine to coarse (Liu et al. 2018).

    Unlike the paper, no convolution follows an addition and both directions are plain bilinear
    resizes without antialiasing, as in upstream's light version.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, out_channels, 1, activate=False) for channels in in_channels
        )

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Map features, fine to coarse, to features of equal channels and unchanged sizes."""
        merged = [lateral(level) for lateral, level in zip(self.lateral_convs, levels, strict=True)]
        for fine in reversed(range(len(merged) - 1)):
            merged[fine] = merged[fine] + _resize_like(merged[fine + 1], merged[fine])
        for coarse in range(1, len(merged)):
            merged[coarse] = merged[coarse] + _resize_like(merged[coarse - 1], merged[coarse])
        return merged


class NanoDetHead(nn.Module):
    """One convolution and one linear prediction for each level; classes and sides share it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cls_convs = nn.ModuleList(nn.Sequential(ConvModule(channels, channels, 3)) for _ in STRIDES)
        self.gfl_cls = nn.ModuleList(nn.Conv2d(channels, CLASS_COUNT + 4 * DISTANCE_BINS, 1) for _ in STRIDES)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Map features, fine to coarse, to (N, A, 80 + 44) logits; A runs level, row, column."""
        predictions = [
            predict(convolve(level)).flatten(2).transpose(1, 2)
            for convolve, predict, level in zip(self.cls_convs, self.gfl_cls, levels, strict=True)
        ]
        return torch.cat(predictions, dim=1)


class NanoDet(nn.Module):
    """Detector of COCO objects."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = CustomCspNet()
        self.fpn = PathAggregationNetwork(CustomCspNet.out_channels, 128)
        self.head = NanoDetHead(128)

    def raw_outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of the original graph.

        Args:
            images: (N, 3, H, W), normalised BGR; H and W multiples of 32.

        Returns:
            Scores, (N, A, 80) in [0, 1], and logits of the distance distributions, (N, A, 44):
            left, top, right, bottom, 11 bins each. A runs level (fine first), row, column.

        Raises:
            ValueError: the shape of ``images`` is not as above.
        """
        _check_images(images)
        logits = self.head(self.fpn(self.backbone(images)))
        class_logits, distance_logits = logits.split((CLASS_COUNT, 4 * DISTANCE_BINS), dim=2)
        return class_logits.sigmoid(), distance_logits

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Score every class and measure a box at every anchor.

        Args:
            images: (N, 3, H, W), normalised BGR; H and W multiples of 32.

        Returns:
            Scores, (N, A, 80) in [0, 1], each class on its own (they need not sum to one), and
            boxes, (N, A, 4) as x0, y0, x1, y1 in pixels of ``images``: see
            :func:`boxes_from_distances`. A = H * W * (1/64 + 1/256 + 1/1024). Boxes are not
            clipped to the image, and duplicates are not suppressed.

        Raises:
            ValueError: the shape of ``images`` is not as above.
        """
        scores, distance_logits = self.raw_outputs(images)
        height, width = images.shape[2:]
        distances = expected_distances(distance_logits, height, width)
        return scores, boxes_from_distances(distances, height, width)


def anchor_centres(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the points that distances are measured from, and the stride of each.

    A point is the centre of its cell, ((column + 0.5) * stride, (row + 0.5) * stride), with
    x = 0 and y = 0 at the outer corner of the top left pixel.

    Args:
        height: of the image in pixels, a multiple of 32.
        width: of the image in pixels, a multiple of 32.

    Returns:
        Points, (A, 2) float32 as x, y in pixels, and strides, (A,) float32 in pixels. A runs
        level (fine first), row, column.
    """
    points = []
    strides = []
    for stride in STRIDES:
        centre_x = (torch.arange(width // stride, dtype=torch.float32) + 0.5) * stride
        centre_y = (torch.arange(height // stride, dtype=torch.float32) + 0.5) * stride
        grid_y, grid_x = torch.meshgrid(centre_y, centre_x, indexing="ij")
        points.append(torch.stack((grid_x.flatten(), grid_y.flatten()), dim=1))
        strides.append(torch.full((grid_x.numel(),), float(stride)))
    return torch.cat(points), torch.cat(strides)


def expected_distances(distance_logits: Tensor, height: int, width: int) -> Tensor:
    """Return the mean of each distance distribution (the "integral" of generalised focal loss).

    Args:
        distance_logits: (N, A, 44), for each of left, top, right, bottom 11 bins.
        height: of the image in pixels, a multiple of 32.
        width: of the image in pixels, a multiple of 32.

    Returns:
        (N, A, 4) float32, 0 to 10 strides, in pixels: left, top, right, bottom.
    """
    _, strides = anchor_centres(height, width)
    count, anchors = distance_logits.shape[:2]
    distributions = distance_logits.reshape(count, anchors, 4, DISTANCE_BINS).softmax(dim=3)
    bins = torch.arange(DISTANCE_BINS, dtype=torch.float32, device=distance_logits.device)
    return (distributions @ bins) * strides.to(distance_logits.device)[:, None]


def boxes_from_distances(distances: Tensor, height: int, width: int) -> Tensor:
    """Return boxes from the distances of their sides to the anchors' centres.

    Args:
        distances: (N, A, 4), left, top, right, bottom in pixels.
        height: of the image in pixels, a multiple of 32.
        width: of the image in pixels, a multiple of 32.

    Returns:
        (N, A, 4) float32, x0, y0, x1, y1 in pixels; x1 and y1 are exclusive edges, so a box over
        the whole image is (0, 0, width, height). Not clipped.
    """
    points, _ = anchor_centres(height, width)
    points = points.to(distances.device)
    return torch.cat((points - distances[..., :2], points + distances[..., 2:]), dim=2)


def _resize_like(features: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(features, size=like.shape[2:], mode="bilinear", align_corners=False)


def _check_images(images: Tensor) -> None:
    multiple = STRIDES[-1]
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"expected images of shape (N, 3, H, W), got {tuple(images.shape)}")
    if images.shape[2] % multiple or images.shape[3] % multiple:
        raise ValueError(f"expected height and width in multiples of {multiple}, got {tuple(images.shape[2:])}")
