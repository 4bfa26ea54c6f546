"""VGG-19 up to relu5_1 with batch normalisation, and the heads that train it.

Simonyan & Zisserman, Very deep convolutional networks (2015), configuration E, cut
behind the first convolution of its fifth block. Deviations: batch normalisation
between convolution and ReLU while training (folded away afterwards, see ``fold``), and
`LANES` channels fewer in every layer, which are put to another use (see ``lanes``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train_features.winograd import convolve_winograd

BLOCKS: tuple[tuple[int, int], ...] = ((2, 64), (2, 128), (4, 256), (4, 512), (1, 512))
"""Convolutions and channels of each block; a 2x2 max pool lies between blocks."""

LANES = 24
"""Channels of every layer, the last ones, that are not trained but carry colour."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def conv_table(*, spared: int = 0) -> list[tuple[str, int, int]]:
    """List the convolutions as ("1_1", channels in, channels out), with so many spared."""
    table, width = [], 3
    for block, (count, channels) in enumerate(BLOCKS, 1):
        for index in range(1, count + 1):
            table.append((f"{block}_{index}", width, channels - spared))
            width = channels - spared
    return table


def normalise(pictures: Tensor) -> Tensor:
    """Turn RGB in [0, 1], shape (n, 3, H, W), into the network's input."""
    mean, std = pictures.new_tensor(MEAN), pictures.new_tensor(STD)
    return (pictures - mean[:, None, None]) / std[:, None, None]


def convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Apply a 3x3 convolution the way that trains fastest; the values are the same.

    On a CPU in float32 that is Winograd's. In bfloat16 it is oneDNN's, around two pits: its
    weight gradient takes 10 to 50 times the forward pass for 3 input channels and for
    pictures of some 2 x 2 positions; the first goes the contiguous way, the second through
    a matrix product.
    """
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        return conv(x)
    if x.shape[1] > 3 and not torch.is_autocast_enabled("cpu"):
        return convolve_winograd(x, conv.weight)
    if x.shape[1] == 3:
        y = F.conv2d(x.contiguous(), conv.weight.contiguous(), padding=1)
        return y.contiguous(memory_format=torch.channels_last)
    if x.shape[-1] <= 3:
        h, w = x.shape[2:]
        nhwc = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        columns = [nhwc[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
        weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)
        return (torch.cat(columns, -1) @ weight).permute(0, 3, 1, 2)
    return conv(x)


class Trunk(nn.Module):
    """The convolutions with batch normalisation; every ReLU is a tap."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.ModuleDict()
        self.norm = nn.ModuleDict()
        for name, width_in, width_out in conv_table(spared=LANES):
            self.conv[name] = nn.Conv2d(width_in, width_out, 3, padding=1, bias=False)
            self.norm[name] = nn.BatchNorm2d(width_out)
            nn.init.kaiming_normal_(self.conv[name].weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the taps "1_1" ... "5_1" of a normalised input, shape (n, 3, H, W)."""
        taps, block = {}, "1"
        for name, conv in self.conv.items():
            if name[0] != block:
                x, block = F.max_pool2d(x, 2), name[0]
            x = taps[name] = F.relu(self.norm[name](convolve(conv, x)))
        return taps


def region_means(features: Tensor, mask: Tensor) -> Tensor:
    """Average features, shape (n, c, h, w), inside and outside of a mask.

    The mask has shape (n, 1, H, W), the result (2, n, c).
    """
    inside = F.adaptive_avg_pool2d(mask, features.shape[-2:]).flatten(1)
    weight = torch.stack([inside, 1 - inside], 1)
    weight = weight / (weight.sum(2, keepdim=True) + 1e-3)
    return (weight @ features.permute(0, 2, 3, 1).flatten(1, 2)).transpose(0, 1)


class Learner(nn.Module):
    """Trunk and heads: name each region's texture, and redraw the picture.

    The texture heads see only averages over a region, so that their taps become
    texture statistics; the drawing head sees each position of relu4_2 alone, so that
    this tap, the usual content layer, keeps where things are.
    """

    NAMING = ("2_1", "3_3", "4_3", "5_1")
    DRAWING = "4_2"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.trunk = Trunk()
        widths = {name: width for name, _, width in conv_table(spared=LANES)}
        self.naming = nn.ModuleDict(
            {
                tap: nn.Sequential(nn.BatchNorm1d(widths[tap]), nn.Linear(widths[tap], classes))
                for tap in self.NAMING
            }
        )
        for head in self.naming.values():
            nn.init.constant_(head[0].weight, 0.5)
        self.drawing = nn.Conv2d(widths[self.DRAWING], 18, 1)

    def forward(self, pictures: Tensor, mask: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Name the textures inside and outside of a mask.

        Parameters
        ----------
        pictures : Tensor, shape (n, 3, H, W), RGB in [0, 1]
        mask : Tensor, shape (n, 1, H, W), values in [0, 1]
        keep : Tensor of int64, shape (k,)
            Which of the n insides and, counted on, the n outsides are large enough to be named.

        Returns
        -------
        logits : Tensor, shape (taps, k, classes)
        drawing : Tensor, shape (n, 18, H / 8, W / 8)
            Lightness of the 4 x 4 subcells of each position of relu4_2, and its two chromas.
        """
        taps = self.trunk(normalise(pictures))
        regions = [region_means(taps[tap], mask).flatten(0, 1)[keep] for tap in self.naming]
        logits = [head(means) for head, means in zip(self.naming.values(), regions, strict=True)]
        return torch.stack(logits), self.drawing(taps[self.DRAWING])
