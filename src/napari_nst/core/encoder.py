"""The frozen VGG-19 as a chain with a hand-written backward pass.

The network never learns, so general autograd does work that nobody needs. Here no gradient
is taken of weights; the backward of a 3x3 convolution is the convolution with the weights
transposed and flipped; ReLU is done in place and undone by the sign of its output; only what
the backward pass reads is kept. In bfloat16 the picture enters as a rounded part and the rest, six
channels in all, so that the small changes that an optimiser makes are seen.

Feeds (PRESETS.md, section on inputs), for RGB in [0, 1]:

- torchvision: ``(rgb - (.485, .456, .406)) / (.229, .224, .225)``
- caffe: BGR of ``255 rgb - (123.68, 116.779, 103.939)``
- bytes: ``255 rgb - (123.675, 116.28, 103.53)``, in RGB order
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.config import Padding, Pooling
from napari_nst.core.vgg import CONVS, convolutions_to, tap_geometry
from napari_nst.errors import ImageError, WeightsError

FeedKind = Literal["torchvision", "caffe", "bytes"]
Pullback = Callable[[str, Tensor, Tensor | None], Tensor]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_BYTE_MEAN = (123.675, 116.28, 103.53)
_POOL_GAIN = {"average": 1.0, "average_x2": 2.0, "l2": 0.78}

aten = torch.ops.aten


@dataclass
class Tape:
    """What one forward pass leaves for the losses and for the backward pass.

    Parameters
    ----------
    features
        Per tap, Tensor of shape (1, N, h, w), channels last.
    outputs
        Per convolution, its activation after the ReLU.
    pooled
        Per block, what its pooling's backward reads.
    """

    features: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    pooled: dict[str, tuple[Tensor, ...]] = field(default_factory=dict)


class Encoder:
    """VGG-19, cut behind the deepest tap in use.

    Parameters
    ----------
    tensors
        "conv1_1.weight" of shape (out, in, 3, 3), "conv1_1.bias" of shape (out,), ...
    feed
        How the network wants its input.
    taps
        Where features are read.
    pooling, padding
        As in StyleConfig.
    device, dtype
        Where, and in which precision, the convolutions run.

    Raises
    ------
    WeightsError
        If the weights end before the deepest tap.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        feed: FeedKind,
        taps: tuple[str, ...],
        pooling: Pooling = "max",
        padding: Padding = "zeros",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.taps = tuple(dict.fromkeys(taps))
        self.dtype = dtype
        self.device = torch.device(device)
        self._pooling = pooling
        self._padding = padding
        self._names = convolutions_to(self.taps)
        self._check_depth(tensors)
        self._gain, self._offset = _affine(feed, self.device)
        self._weights: dict[str, Tensor] = {}
        self._flipped: dict[str, Tensor] = {}
        self._biases: dict[str, Tensor] = {}
        for name in self._names:
            self._load(name, tensors, bgr=feed == "caffe")

    @property
    def smallest_side_px(self) -> int:
        """The smallest picture side that still has one position at the deepest tap."""
        return max(tap_geometry(tap).stride_px for tap in self.taps)

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Read the taps of a picture of shape (1, 3, H, W), keeping nothing for a backward."""
        return self._forward(picture, Tape(), keep=False).features

    def forward(self, picture: Tensor) -> Tape:
        """Read the taps and keep what `backward` needs.

        Parameters
        ----------
        picture : Tensor, shape (1, 3, H, W), nominally in [0, 1]

        Raises
        ------
        ImageError
            If the picture is too small for the deepest tap.
        """
        return self._forward(picture, Tape(), keep=True)

    def backward(self, tape: Tape, pullback: Pullback) -> Tensor:
        """Carry the losses' gradient from the taps to the picture, using up the tape.

        Parameters
        ----------
        tape
            Of `forward`; its tensors are released on the way.
        pullback
            ``pullback(tap, features, gradient)`` adds the loss's gradient at a tap to the
            gradient from deeper layers (None at the deepest), in place where it can.

        Returns
        -------
        Tensor, shape (1, 3, H, W), float32 or float64
        """
        gradient: Tensor | None = None
        for position in range(len(self._names) - 1, -1, -1):
            name = self._names[position]
            if self._ends_block(position):
                assert gradient is not None
                gradient = self._unpool(tape.pooled.pop(name[4]), gradient)
            gradient = self._through_convolution(name, tape, pullback, gradient)
        assert gradient is not None
        return self._to_picture(gradient)

    def _forward(self, picture: Tensor, tape: Tape, *, keep: bool) -> Tape:
        self._check_size(picture)
        flow = self._from_picture(picture)
        for position, name in enumerate(self._names):
            if position == 0 and self._padding == "replicate":
                flow = functional.pad(flow, (1, 1, 1, 1), mode="replicate")
            flow = self._convolve(name, flow, padded=position == 0 and self._padding != "zeros")
            flow = self._activate(name, flow, tape, keep=keep)
            if self._ends_block(position):
                flow, saved = self._pool(flow)
                if keep:
                    tape.pooled[name[4]] = saved
        return tape

    def _convolve(self, name: str, flow: Tensor, *, padded: bool) -> Tensor:
        edge = 0 if padded else 1
        return functional.conv2d(flow, self._weights[name], self._biases[name], padding=edge)

    def _activate(self, name: str, flow: Tensor, tape: Tape, *, keep: bool) -> Tensor:
        before, after = f"conv{name[4:]}", f"relu{name[4:]}"
        if before in self.taps:
            tape.features[before] = flow
            flow = torch.relu(flow)
        else:
            flow = torch.relu_(flow)
        if after in self.taps:
            tape.features[after] = flow
        if keep:
            tape.outputs[name] = flow
        return flow

    def _through_convolution(
        self, name: str, tape: Tape, pullback: Pullback, gradient: Tensor | None
    ) -> Tensor:
        before, after = f"conv{name[4:]}", f"relu{name[4:]}"
        output = tape.outputs.pop(name)
        if after in self.taps:
            gradient = pullback(after, tape.features.pop(after), gradient)
        if gradient is not None:
            gradient = aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)
        if before in self.taps:
            gradient = pullback(before, tape.features.pop(before), gradient)
        assert gradient is not None
        edge = 2 if name == "conv1_1" and self._padding == "replicate" else 1
        return functional.conv2d(gradient, self._flipped[name], padding=edge)

    def _pool(self, flow: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        if self._pooling == "max":
            pooled, indices = aten.max_pool2d_with_indices(flow, [2, 2], [2, 2])
            return pooled, (flow, indices)
        gain = _POOL_GAIN[self._pooling]
        if self._pooling == "l2":
            energy = functional.avg_pool2d(flow.square(), 2)
            return (4 * energy).sqrt_().mul_(gain), (flow, energy)
        return functional.avg_pool2d(flow, 2).mul_(gain), (flow,)

    def _unpool(self, saved: tuple[Tensor, ...], gradient: Tensor) -> Tensor:
        flow = saved[0]
        if self._pooling == "max":
            unpooled: Tensor = aten.max_pool2d_with_indices_backward(
                gradient, flow, [2, 2], [2, 2], [0, 0], [1, 1], False, saved[1]
            )
            return unpooled
        gain = _POOL_GAIN[self._pooling]
        if self._pooling == "l2":
            energy = saved[1]
            slope = gradient.mul_(2 * gain) / energy.sqrt()
            slope.masked_fill_(energy == 0, 0)
            return _spread(slope, flow).mul_(flow)
        return _spread(gradient, flow).mul_(gain)

    def _from_picture(self, picture: Tensor) -> Tensor:
        fed = picture * self._gain.to(picture.dtype) + self._offset.to(picture.dtype)
        if self.dtype == torch.bfloat16:
            rounded = fed.to(self.dtype)
            fed = torch.cat([rounded, (fed - rounded).to(self.dtype)], dim=1)
        return fed.to(self.dtype).contiguous(memory_format=torch.channels_last)

    def _to_picture(self, gradient: Tensor) -> Tensor:
        if self._padding == "replicate":
            gradient = _fold_border(gradient)
        wide = gradient.to(torch.float64 if self.dtype == torch.float64 else torch.float32)
        return (wide * self._gain.to(wide.dtype)).contiguous()

    def _ends_block(self, position: int) -> bool:
        following = self._names[position + 1 : position + 2]
        return bool(following) and following[0][4] != self._names[position][4]

    def _load(self, name: str, tensors: Mapping[str, Tensor], *, bgr: bool) -> None:
        weight = tensors[f"{name}.weight"]
        if name == "conv1_1" and bgr:
            weight = weight.flip(1)
        weight = weight.to(self.device, self.dtype)
        last = torch.channels_last
        self._flipped[name] = weight.transpose(0, 1).flip(2, 3).contiguous(memory_format=last)
        if name == "conv1_1" and self.dtype == torch.bfloat16:
            weight = torch.cat([weight, weight], dim=1)
        self._weights[name] = weight.contiguous(memory_format=last)
        self._biases[name] = tensors[f"{name}.bias"].to(self.device, self.dtype)

    def _check_depth(self, tensors: Mapping[str, Tensor]) -> None:
        present = [name for name in CONVS if f"{name}.weight" in tensors]
        if missing := [name for name in self._names if name not in present]:
            raise WeightsError(
                f"these weights end at {present[-1] if present else 'nothing'}, but the settings "
                f"need {missing[-1]}. Choose shallower layers or weights that reach deeper."
            )

    def _check_size(self, picture: Tensor) -> None:
        height, width = picture.shape[-2:]
        least = self.smallest_side_px
        if min(height, width) < least:
            deepest = max(self.taps, key=lambda tap: tap_geometry(tap).receptive_field_px)
            raise ImageError(
                f"a picture of {width}x{height} px is too small: VGG-19 to {deepest} needs at "
                f"least {least}x{least}. Enlarge it, or drop {deepest}."
            )


def _affine(feed: FeedKind, device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std, maximum = {
        "torchvision": (_IMAGENET_MEAN, _IMAGENET_STD, 1.0),
        "caffe": (_CAFFE_MEAN, (1.0, 1.0, 1.0), 255.0),
        "bytes": (_BYTE_MEAN, (1.0, 1.0, 1.0), 255.0),
    }[feed]
    wide = torch.float32 if device.type == "mps" else torch.float64
    centre, spread = (torch.tensor(v, dtype=wide, device=device) for v in (mean, std))
    shape = (1, 3, 1, 1)
    return (maximum / spread).view(shape), (-centre / spread).view(shape)


def mean_colour(feed: FeedKind) -> Tensor:
    """Give the RGB colour that the network sees as zero, shape (1, 3, 1, 1), in [0, 1]."""
    gain, offset = _affine(feed, torch.device("cpu"))
    return (-offset / gain).float()


def _spread(gradient: Tensor, like: Tensor) -> Tensor:
    """Back-propagate a 2x2 average pooling of `like`."""
    kernel, no_edge = [2, 2], [0, 0]
    spread: Tensor = aten.avg_pool2d_backward(
        gradient, like, kernel, kernel, no_edge, False, True, None
    )
    return spread


def _fold_border(gradient: Tensor) -> Tensor:
    """Back-propagate a replication of the border by one pixel."""
    height, width = gradient.shape[-2] - 2, gradient.shape[-1] - 2
    like = gradient.new_empty((1, gradient.shape[1], height, width))
    folded: Tensor = aten.replication_pad2d_backward(gradient.contiguous(), like, [1, 1, 1, 1])
    return folded
