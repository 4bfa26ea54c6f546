"""One frozen 3x3 convolution, by rows, with the fastest kernel that the hardware has.

The network never learns, so no gradient is taken of weights, and the backward pass to the input
is itself a 3x3 convolution: with the kernel transposed and rotated by 180°.

- float32 on a CPU, 128 channels or more: Winograd's F(4x4, 3x3), see `winograd`
- else on a CPU: oneDNN with the ReLU inside of the convolution; bfloat16 weights reordered once
- on an NVIDIA GPU: cuDNN, with bias and ReLU inside, and 16-bit channels padded to multiples of 8,
  which its matrix units need
- else: what torch calls
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.network.winograd import TURNED_POINTS, convolve, transform_weights

_WINOGRAD_CHANNELS = 128
_WINOGRAD_POSITIONS = 256
_WINOGRAD_STRIP_POSITIONS = 4096
_STRIP_BYTES = 4 << 20
_CUDNN_CHANNELS = 8
_ONE = [1, 1]

_onednn = torch.ops.mkldnn


class Convolution:
    """A 3x3 convolution with zeros beyond the edges, forwards and backwards.

    Parameters
    ----------
    weight : Tensor, shape (out, in, 3, 3)
    bias : Tensor, shape (out,)
    device, dtype
        Where, and in which precision, it runs.
    backward_channels
        How many of the inputs the backward pass is wanted for; all by default.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        *,
        device: torch.device,
        dtype: torch.dtype,
        backward_channels: int | None = None,
    ) -> None:
        self._given = weight
        self._bias = bias.to(device, dtype).contiguous()  # oneDNN reads on from the first
        self._dtype = dtype
        self._inputs = backward_channels or weight.shape[1]
        self._on_cpu = device.type == "cpu"
        self._on_cudnn = device.type == "cuda" and torch.version.hip is None
        self._is_filled = self._on_cudnn and dtype.itemsize == 2

    @property
    def channels(self) -> int:
        """Number of outputs."""
        return len(self._given)

    def strip_rows(self, height: int, width: int) -> int:
        """How many rows to work on at a time, so that they stay in the processor's cache."""
        if not self._on_cpu:
            return height
        if self._is_winograd(height, width):
            positions = _WINOGRAD_STRIP_POSITIONS
        else:
            widest = max(self._given.shape[:2])
            positions = _STRIP_BYTES // (widest * self._dtype.itemsize)
        return max(4, positions // width // 4 * 4)

    def forward(
        self, window: Tensor, size: tuple[int, int], *, top: int, count: int, relu: bool
    ) -> Tensor:
        """Convolve rows.

        Parameters
        ----------
        window : Tensor, shape (1, in, rows, W), channels last
            The rows that the wanted ones see, as far as the picture has them.
        size
            Height and width of the whole picture; the way is chosen by it.
        top
            Rows of zeros above the window, 0 or 1.
        count
            How many rows are wanted.
        relu
            Whether to cut what is negative.

        Returns
        -------
        Tensor, shape (1, out, count, W), channels last
        """
        if self._is_winograd(*size):
            rows = convolve(window, self._transformed, top=top, count=count, bias=self._bias)
            return rows.relu_() if relu else rows
        return self._direct(window, self._forward_weight, self._bias, top, count, relu=relu)

    def forward_inside(self, window: Tensor, *, relu: bool) -> Tensor:
        """Convolve rows of a picture that has an edge of its own, one pixel wide."""
        rows = functional.conv2d(window, self._weight, self._bias)
        return rows.relu_() if relu else rows

    def backward(self, window: Tensor, size: tuple[int, int], *, top: int, count: int) -> Tensor:
        """Back-propagate to the input: `forward` with outputs and inputs exchanged."""
        if self._is_winograd(*size):
            turned = self._transformed.transpose(1, 2)
            return convolve(window, turned, top=top, count=count, points=TURNED_POINTS)
        rows = self._direct(window, self._turned_weight, None, top, count, relu=False)
        return rows[:, : self._inputs]

    def backward_beyond(self, window: Tensor, edges: tuple[int, int]) -> Tensor:
        """Back-propagate to an input that is one pixel wider at each edge.

        Parameters
        ----------
        window : Tensor, shape (1, out, rows, W), channels last
        edges
            Rows of zeros above and below the window.

        Returns
        -------
        Tensor, shape (1, in, rows + both edges - 2, W + 2)
        """
        return functional.conv2d(functional.pad(window, (2, 2, *edges)), self._turned)

    def _is_winograd(self, height: int, width: int) -> bool:
        return (
            self._on_cpu
            and self._dtype == torch.float32
            and min(self._given.shape[:2]) >= _WINOGRAD_CHANNELS
            and height * width >= _WINOGRAD_POSITIONS
        )

    @property
    def _weight(self) -> Tensor:
        """The weights where they are used; a copy, which is not kept besides the layouts."""
        return self._given.to(self._bias.device, self._dtype)

    @cached_property
    def _transformed(self) -> Tensor:
        return transform_weights(self._weight)

    @property
    def _turned(self) -> Tensor:
        kept = self._weight[:, : self._inputs]
        turned = kept.transpose(0, 1).flip(2, 3)
        return turned.contiguous(memory_format=torch.channels_last)

    @cached_property
    def _forward_weight(self) -> Tensor:
        return self._laid_out(self._weight.contiguous(memory_format=torch.channels_last))

    @cached_property
    def _turned_weight(self) -> Tensor:
        turned = self._turned
        return self._laid_out(_filled(turned, 0) if self._is_filled else turned)

    @cached_property
    def _is_fused(self) -> bool:
        if not (self._on_cpu and torch.backends.mkldnn.is_available()):  # type: ignore[no-untyped-call]
            return False
        if self._dtype == torch.bfloat16:
            return bool(_onednn._is_mkldnn_bf16_supported())
        return self._dtype == torch.float32

    def _direct(
        self,
        window: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        top: int,
        count: int,
        *,
        relu: bool,
    ) -> Tensor:
        """Convolve rows of a window, with a row of zeros at each edge unless both are inside."""
        inside = top == 0 and window.shape[2] == count + 2
        rows = self._padded(window, weight, bias, [0 if inside else 1, 1], relu=relu)
        return rows if inside else rows[:, :, 1 - top : 1 - top + count]

    def _padded(
        self, window: Tensor, weight: Tensor, bias: Tensor | None, zeros: list[int], *, relu: bool
    ) -> Tensor:
        if self._is_fused:
            after = "relu" if relu else "none"
            fused: Tensor = _onednn._convolution_pointwise(
                window, weight, bias, zeros, _ONE, _ONE, 1, after, [], ""
            )
            return fused
        if window.shape[1] < weight.shape[1]:
            window = _filled(window, 1)
        if self._on_cudnn and relu:
            return torch.cudnn_convolution_relu(window, weight, bias, _ONE, zeros, _ONE, 1)
        rows = functional.conv2d(window, weight, bias, padding=zeros)
        return rows.relu_() if relu else rows

    def _laid_out(self, weight: Tensor) -> Tensor:
        """Pad 16-bit weights for cuDNN, or reorder them once as oneDNN else does at every call.

        oneDNN's order gains nothing in float32, and fits one size of picture: at 9x12 positions and
        512 channels oneDNN turns it back and takes 220 ms in place of 11.
        """
        if self._is_filled:
            return _filled(weight, 1).contiguous(memory_format=torch.channels_last)
        if not self._is_fused or weight.dtype == torch.float32:
            return weight
        example = [1, weight.shape[1], 64, 64]
        packed: Tensor = _onednn._reorder_convolution_weight(weight, _ONE, _ONE, _ONE, 1, example)
        return packed


def _filled(tensor: Tensor, dim: int) -> Tensor:
    """Pad a dimension with zeros to a multiple of what cuDNN needs, keeping channels last."""
    shape = list(tensor.shape)
    shape[dim] = -shape[dim] % _CUDNN_CHANNELS
    return torch.cat([tensor, tensor.new_zeros(shape)], dim) if shape[dim] else tensor
