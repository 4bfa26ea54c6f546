"""The frozen VGG-19 as a chain with a hand-written backward pass.

General autograd does work here that nobody needs, and keeps what nobody reads. Instead:

- the work goes by strips of rows that stay in the processor's cache
  (`Convolution.strip_rows`), so that no picture-sized tensor is made only to be pooled;
- a layer is kept only where a tap reads it or its ReLU is undone by it; behind a max pooling
  the source of each result suffices;
- on the way back the gradient at a layer takes the place of the layer's own features.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.config import Padding, Pooling
from napari_nst.core.convolution import Convolution
from napari_nst.core.feed import Feed, FeedKind
from napari_nst.core.pooling import MaxRoutes, pool, unpool
from napari_nst.core.vgg import CONVS, convolutions_to, tap_geometry
from napari_nst.errors import ImageError, WeightsError

Pullback = Callable[[str, slice, Tensor, Tensor | None], Tensor]
Rows = Callable[[int, int], Tensor]
"""Gives rows of a picture-sized tensor, from the first to before the last."""

aten = torch.ops.aten


@dataclass
class Tape:
    """What one forward pass leaves for the losses and for the backward pass.

    Parameters
    ----------
    size
        Height and width of the picture.
    features
        Per tap, Tensor of shape (1, N, h, w), channels last.
    outputs
        Per convolution that is kept, what tells where its ReLU cut.
    routes
        Per block, the sources of its max pooling.
    """

    size: tuple[int, int]
    features: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    routes: dict[str, MaxRoutes] = field(default_factory=dict)


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
        self._feed = Feed(feed, self.device, dtype)
        self._convolutions = [
            self._load(name, tensors, bgr=feed == "caffe") for name in self._names
        ]

    @property
    def smallest_side_px(self) -> int:
        """The smallest picture side that still has one position at the deepest tap."""
        return max(tap_geometry(tap).stride_px for tap in self.taps)

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Read the taps of a picture of shape (1, 3, H, W), keeping nothing for a backward."""
        return self._forward(picture, keep=False).features

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
        return self._forward(picture, keep=True)

    def backward(self, tape: Tape, pullback: Pullback) -> Tensor:
        """Carry the losses' gradient from the taps to the picture, using up the tape.

        Parameters
        ----------
        tape
            Of `forward`; its tensors are overwritten and released on the way.
        pullback
            ``pullback(tap, rows, features, gradient)`` adds the loss's gradient at rows of a tap
            to the gradient from deeper layers (None at the deepest), in place where it can.

        Returns
        -------
        Tensor, shape (1, 3, H, W), float32 or float64
        """
        arriving: Rows | None = None
        for position in range(len(self._names) - 1, 0, -1):
            gradient = self._at_output(position, tape, pullback, arriving)
            arriving = self._through(position, tape, gradient)
        gradient = self._at_output(0, tape, pullback, arriving)
        return self._to_picture(gradient(0, tape.size[0]), tape.size)

    def _forward(self, picture: Tensor, *, keep: bool) -> Tape:
        self._check_size(picture)
        height, width = picture.shape[-2:]
        tape = Tape((height, width))
        flow = self._feed.from_picture(picture)
        if self._padding == "replicate":
            flow = functional.pad(flow, (1, 1, 1, 1), mode="replicate")
        for position in range(len(self._names)):
            flow = self._layer(position, flow, tape, keep=keep)
        return tape

    def _layer(self, position: int, flow: Tensor, tape: Tape, *, keep: bool) -> Tensor:
        """Run a convolution, its ReLU and the pooling behind it; give what the next one reads."""
        name, size = self._names[position], self._size(position, tape)
        before, after = self._taps_at(position)
        ends = self._ends_block(position)
        routes = None
        if ends and keep and self._pooling == "max":
            channels = self._convolutions[position].channels
            routes = MaxRoutes(channels, *size, self.device, self.dtype)
        raw, output, pooled = _Sheet(size[0]), _Sheet(size[0]), _Sheet(size[0] // 2)
        for rows in self._strips(position, size):
            strip = self._convolve(position, flow, rows, size, relu=before is None)
            if before is not None:
                raw.put(rows, strip)
                strip = torch.relu(strip)
            if after is not None or not ends or (keep and routes is None):
                output.put(rows, strip)
            if ends:
                half = slice(rows.start // 2, rows.stop // 2)
                kind = self._pooling
                pooled.put(half, routes.pool(strip, half) if routes else pool(strip, kind))
        if before is not None:
            tape.features[before] = raw.whole
        if after is not None:
            tape.features[after] = output.whole
        if keep and routes is not None:
            tape.routes[name] = routes
        if keep and (before is not None or not output.is_empty):
            tape.outputs[name] = raw.whole if output.is_empty else output.whole
        return pooled.whole if ends else output.whole

    def _at_output(
        self, position: int, tape: Tape, pullback: Pullback, arriving: Rows | None
    ) -> Rows:
        """Undo a ReLU and add the losses' gradients; the result takes the features' place."""
        name, size = self._names[position], self._size(position, tape)
        before, after = self._taps_at(position)
        output = tape.outputs.pop(name, None)
        if output is None:
            assert arriving is not None
            return arriving
        for rows in self._strips(min(position + 1, len(self._names) - 1), size):
            gradient = None if arriving is None else arriving(rows.start, rows.stop)
            if after is not None:
                gradient = pullback(after, rows, _cut(tape.features[after], rows), gradient)
            place = _cut(output, rows)
            if gradient is not None:
                target = gradient if before else place
                aten.threshold_backward.grad_input(gradient, place, 0, grad_input=target)
            if before is not None:
                seen = _cut(tape.features[before], rows)
                place.copy_(pullback(before, rows, seen, gradient))
        for tap in (before, after):
            tape.features.pop(tap or "", None)
        return _rows_of(output)

    def _through(self, position: int, tape: Tape, gradient: Rows) -> Rows:
        """Carry a gradient from a convolution's output to the output of the one before it."""
        size, convolution = self._size(position, tape), self._convolutions[position]

        def carried(first: int, last: int) -> Tensor:
            top = max(0, first - 1)
            window = gradient(top, min(size[0], last + 1))
            return convolution.backward(window, size, top=top - (first - 1), count=last - first)

        if not self._ends_block(position - 1):
            return carried
        pooled = _Sheet(size[0])
        for rows in self._strips(position, size):
            pooled.put(rows, carried(rows.start, rows.stop))
        return self._unpooled(position - 1, tape, pooled.whole)

    def _unpooled(self, position: int, tape: Tape, gradient: Tensor) -> Rows:
        """Carry a gradient from pooled features to those that were pooled."""
        name = self._names[position]
        if self._pooling == "max":
            routes = tape.routes.pop(name)
            return lambda first, last: routes.unpool(gradient, (first, last))
        output = tape.outputs[name]
        return lambda first, last: unpool(
            gradient[:, :, first // 2 : last // 2], output[:, :, first:last], self._pooling
        )

    def _convolve(
        self, position: int, flow: Tensor, rows: slice, size: tuple[int, int], *, relu: bool
    ) -> Tensor:
        convolution = self._convolutions[position]
        if position == 0 and self._padding == "replicate":
            return convolution.forward_inside(flow[:, :, rows.start : rows.stop + 2], relu=relu)
        top = max(0, rows.start - 1)
        window = flow[:, :, top : min(size[0], rows.stop + 1)]
        count = rows.stop - rows.start
        return convolution.forward(window, size, top=top - (rows.start - 1), count=count, relu=relu)

    def _to_picture(self, gradient: Tensor, size: tuple[int, int]) -> Tensor:
        first = self._convolutions[0]
        if self._padding == "replicate":
            at_input = _fold_border(first.backward_beyond(gradient))
        else:
            at_input = first.backward(gradient, size, top=1, count=size[0])
        return self._feed.to_picture(at_input)

    def _strips(self, position: int, size: tuple[int, int]) -> Iterator[slice]:
        """Part the rows of a picture into strips of an even number, a last odd row added."""
        count = self._convolutions[position].strip_rows(*size)
        for top in range(0, max(size[0] - 1, 1), count):
            is_last = top + count >= size[0] - 1
            yield slice(top, size[0] if is_last else top + count)

    def _size(self, position: int, tape: Tape) -> tuple[int, int]:
        shrunk = int(self._names[position][4]) - 1
        return tape.size[0] >> shrunk, tape.size[1] >> shrunk

    def _taps_at(self, position: int) -> tuple[str | None, str | None]:
        """Name the taps in use before and after the ReLU of a convolution."""
        place = self._names[position][4:]
        before, after = (f"{kind}{place}" for kind in ("conv", "relu"))
        return before if before in self.taps else None, after if after in self.taps else None

    def _ends_block(self, position: int) -> bool:
        following = self._names[position + 1 : position + 2]
        return bool(following) and following[0][4] != self._names[position][4]

    def _load(self, name: str, tensors: Mapping[str, Tensor], *, bgr: bool) -> Convolution:
        weight = tensors[f"{name}.weight"]
        channels = None
        if name == "conv1_1":
            weight = weight.flip(1) if bgr else weight
            channels = weight.shape[1]
            weight = torch.cat([weight] * self._feed.parts, dim=1)
        return Convolution(
            weight,
            tensors[f"{name}.bias"],
            device=self.device,
            dtype=self.dtype,
            backward_channels=channels,
        )

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


class _Sheet:
    """Puts strips of rows together; a single strip is taken as it is."""

    def __init__(self, height: int) -> None:
        self._height = height
        self._whole: Tensor | None = None

    @property
    def is_empty(self) -> bool:
        return self._whole is None

    @property
    def whole(self) -> Tensor:
        """All rows, shape (1, N, height, w), channels last."""
        assert self._whole is not None
        return self._whole

    def put(self, rows: slice, strip: Tensor) -> None:
        _, channels, count, width = strip.shape
        if count == self._height:
            self._whole = strip
            return
        if self._whole is None:
            self._whole = torch.empty(
                (1, channels, self._height, width),
                dtype=strip.dtype,
                device=strip.device,
                memory_format=torch.channels_last,
            )
        _cut(self._whole, rows).copy_(strip)


def _cut(tensor: Tensor, rows: slice) -> Tensor:
    return tensor[:, :, rows]


def _rows_of(tensor: Tensor) -> Rows:
    return lambda first, last: tensor[:, :, first:last]


def _fold_border(gradient: Tensor) -> Tensor:
    """Back-propagate a replication of the border by one pixel."""
    height, width = gradient.shape[-2] - 2, gradient.shape[-1] - 2
    like = gradient.new_empty((1, gradient.shape[1], height, width))
    folded: Tensor = aten.replication_pad2d_backward(gradient.contiguous(), like, [1, 1, 1, 1])
    return folded
