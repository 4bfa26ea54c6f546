"""The frozen VGG-19 as a chain with a hand-written backward pass.

General autograd would compute gradients of the weights and keep tensors that nothing reads.
Instead:

- layers are computed in strips of rows that stay in the processor's cache
  (`Convolution.strip_rows`), so that no picture-sized tensor is allocated only to be pooled;
- observers get taps strip by strip as they are computed, for statistics that add up;
- a layer is kept only where a tap reads it or its ReLU's backward pass does; after a max pooling
  the source of each result suffices;
- the first layer, with the next one the largest by far, is never stored: its rows are computed
  where they are read, in the forward and again in the backward pass, from the input;
- in the backward pass the gradient at a layer overwrites the layer's own features;
- of a window, each block computes what the window's inner part needs of it (`Window.seen`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.network.buffers import BufferPool, StripBuffer
from napari_nst.core.network.convolution import Convolution
from napari_nst.core.network.pooling import MaxRoutes, pool, unpool
from napari_nst.core.network.preprocess import FeedKind, Preprocessor
from napari_nst.core.network.tape import Tape
from napari_nst.core.network.window import Box, Size, Window
from napari_nst.errors import ImageError, WeightsError
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import Padding, Pooling
from napari_nst.settings.vgg_layers import CONVS, convolutions_to, tap_geometry

Observe = Callable[[str, slice, Tensor], None]
"""Called with a tap's name, which of its rows, and the features there; once for every row."""

Pullback = Callable[[str, slice, Tensor, Tensor | None], Tensor]
Rows = Callable[[int, int], Tensor]
"""Returns rows of a picture-sized tensor, from the first to before the last."""

aten = torch.ops.aten


@dataclass(frozen=True)
class Recipe:
    """What an encoder is made of, beside its weights; as `Encoder` takes it."""

    feed: FeedKind
    taps: tuple[str, ...]
    pooling: Pooling
    padding: Padding
    dtype: torch.dtype


class Encoder:
    """VGG-19, cut after the deepest tap in use.

    Parameters
    ----------
    tensors
        "conv1_1.weight" of shape (out, in, 3, 3), "conv1_1.bias" of shape (out,), ...
    feed
        How the network wants its input.
    taps
        Where features are read.
    pooling, padding
        As in StyleConfig; "circular" is "replicate" here, for pictures that wrap are read with a
        halo (`napari_nst.core.network.window`), and styles do not wrap.
    device, dtype
        Where, and in which precision, the convolutions run.

    Raises
    ------
    WeightsError
        If the weights end before the deepest tap.

    Attributes
    ----------
    recipe, tensors
        What another process needs to make the same encoder.
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
        self.recipe = Recipe(feed, self.taps, pooling, padding, dtype)
        self.dtype = dtype
        self.device = torch.device(device)
        self._pooling = pooling
        self._padding = padding
        self._names = convolutions_to(self.taps)
        self._check_depth(tensors)
        kinds = "weight", "bias"
        named = [f"{name}.{kind}" for name in self._names for kind in kinds]
        self.tensors = {name: tensors[name] for name in named}
        self._preprocessor = Preprocessor(feed, padding, self.device, dtype)
        self._buffers = BufferPool(self.device)
        self._convolutions = [
            self._load(name, tensors, bgr=feed == "caffe") for name in self._names
        ]

    @property
    def smallest_side_px(self) -> int:
        """The smallest picture side that still has one position at the deepest tap."""
        return max(tap_geometry(tap).stride_px for tap in self.taps)

    def features(
        self,
        picture: Tensor,
        taps: Sequence[str] | None = None,
        *,
        observe: Observe | None = None,
    ) -> dict[str, Tensor]:
        """Read taps, all by default, of a picture of shape (1, 3, H, W), as (1, N, h, w).

        `observe` is called with every tap.
        """
        buffers = {
            tap: StripBuffer(
                picture.shape[-2] // tap_geometry(tap).stride_px, BufferPool(self.device), tap
            )
            for tap in (self.taps if taps is None else taps)
        }

        def keep(tap: str, rows: slice, features: Tensor) -> None:
            if observe is not None:
                observe(tap, rows, features)
            if tap in buffers:
                buffers[tap].put(rows, features)

        self.show(picture, keep)
        return {tap: buffer.whole for tap, buffer in buffers.items()}

    def show(self, picture: Tensor, observe: Observe, window: Window | None = None) -> None:
        """Do what `forward` does, but keep nothing."""
        self._forward(picture, observe, window, keep=False)

    def forward(self, picture: Tensor, observe: Observe, window: Window | None = None) -> Tape:
        """Call `observe` with the taps; return what `backward` needs.

        Its tensors overwrite those of the last tape: use one at a time.

        Parameters
        ----------
        picture : Tensor, shape (1, 3, H, W), nominally in [0, 1]
        observe
            Called once for every row of every tap; it may not change or keep the features.
        window
            Which part of a whole picture this is; taps then have the positions `window.seen`.

        Raises
        ------
        ImageError
            If the picture is too small for the deepest tap.
        """
        return self._forward(picture, observe, window, keep=True)

    def release(self) -> None:
        """Free the memory of tapes."""
        self._buffers.clear()

    def backward(self, tape: Tape, pullback: Pullback) -> Tensor:
        """Back-propagate the losses from the taps to the picture; this consumes the tape.

        Parameters
        ----------
        tape
            Of `forward`; its tensors are overwritten and released.
        pullback
            ``pullback(tap, rows, features, gradient)`` adds the loss's gradient at rows of a tap
            to the gradient from deeper layers (None at the deepest), in place where it can. Rows
            may come more than once.

        Returns
        -------
        Tensor, shape (1, 3, H, W), float32 or float64
        """
        arriving: Rows | None = None
        for position in range(len(self._names) - 1, 0, -1):
            gradient = self._at_output(position, tape, pullback, arriving)
            arriving = self._through(position, tape, gradient)
        return self._to_picture(self._at_first(tape, pullback, arriving), tape.size)

    def _forward(
        self, picture: Tensor, observe: Observe, window: Window | None, *, keep: bool
    ) -> Tape:
        self._check_size(picture)
        window = window or Window.whole((picture.shape[-2], picture.shape[-1]))
        tape = Tape(window, self._preprocessor.to_input(picture))
        flow = self._first(tape, observe)
        for position in range(1, len(self._names)):
            flow = _rows_of(self._layer(position, flow, tape, observe, keep=keep))
        if len(self._names) == 1:
            for rows in self._strips(0, tape.size):
                flow(rows.start, rows.stop)
        return tape

    def _first(self, tape: Tape, observe: Observe) -> Rows:
        """Return a function that computes rows of the first layer and observes each row once."""
        before, after = self._taps_at(0)
        shown = 0

        def rows_of_first(first: int, last: int) -> Tensor:
            nonlocal shown
            raw, output = self._first_rows(tape, first, last)
            for tap, values in ((before, raw), (after, output)):
                if tap is not None and last > shown:
                    observe(tap, slice(shown, last), values[:, :, shown - first :])
            shown = max(shown, last)
            return output

        return rows_of_first

    def _first_rows(self, tape: Tape, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Compute rows of the first layer, before its ReLU where that is a tap, and after it."""
        before, _ = self._taps_at(0)
        relu, rows = before is None, slice(first, last)
        raw = self._convolve(0, _rows_of(tape.fed), rows, tape.size, relu=relu)
        return raw, raw if relu else torch.relu(raw)

    def _layer(
        self, position: int, flow: Rows, tape: Tape, observe: Observe, *, keep: bool
    ) -> Tensor:
        """Run a convolution, its ReLU and the pooling after it; return what the next one reads."""
        name, size = self._names[position], self._size(position, tape)
        before, after = self._taps_at(position)
        ends = self._ends_block(position)
        routes = None
        if ends and keep and self._pooling == "max":
            channels = self._convolutions[position].channels
            shape = (1, channels, size[0] // 2, size[1] // 2)
            codes = self._buffers.take(f"{name} sources", shape, torch.int8)
            routes = MaxRoutes(codes, size, self.dtype)
        buffers = self._buffers if keep else BufferPool(self.device)
        raw, output = (
            StripBuffer(size[0], buffers, f"{name} {kind}") for kind in ("raw", "output")
        )
        needed = self._needed(position + 1, tape) if ends else None
        pooled = StripBuffer(size[0] // 2, buffers, f"{name} pooled", needed)
        is_kept = keep and not (ends and before is None and after is None and routes)
        for rows in self._strips(position, size):
            strip = self._convolve(position, flow, rows, size, relu=before is None)
            if before is not None:
                observe(before, rows, strip)
                if keep:
                    raw.put(rows, strip)
                strip = torch.relu(strip)
            if after is not None:
                observe(after, rows, strip)
            if not ends or (is_kept and before is None):
                output.put(rows, strip)
            if ends:
                half = slice(rows.start // 2, rows.stop // 2)
                kind = self._pooling
                pooled.put(half, routes.pool(strip, half) if routes else pool(strip, kind))
        if routes is not None:
            tape.routes[name] = routes
        if is_kept:
            tape.outputs[name] = output.whole if before is None else raw.whole
        return pooled.whole if ends else output.whole

    def _at_output(
        self, position: int, tape: Tape, pullback: Pullback, arriving: Rows | None
    ) -> Rows:
        """Back-propagate through a ReLU, add the losses' gradients; overwrites the features."""
        name, size = self._names[position], self._size(position, tape)
        output = tape.outputs.pop(name, None)
        if output is None:
            assert arriving is not None
            return arriving
        for rows in self._strips(min(position + 1, len(self._names) - 1), size):
            gradient = None if arriving is None else arriving(rows.start, rows.stop)
            place = output[:, :, rows]
            if self._taps_at(position)[0] is None:
                self._undo(position, rows, (place, place), gradient, pullback, place)
            else:
                features = place, torch.relu(place)
                place.copy_(self._undo(position, rows, features, gradient, pullback))
        return _rows_of(output)

    def _at_first(self, tape: Tape, pullback: Pullback, arriving: Rows | None) -> Rows:
        """Return a function that does for rows of the first layer what `_at_output` does."""

        def gradient_at(first: int, last: int) -> Tensor:
            gradient = None if arriving is None else arriving(first, last)
            features = self._first_rows(tape, first, last)
            return self._undo(0, slice(first, last), features, gradient, pullback)

        return gradient_at

    def _undo(
        self,
        position: int,
        rows: slice,
        features: tuple[Tensor, Tensor],
        gradient: Tensor | None,
        pullback: Pullback,
        target: Tensor | None = None,
    ) -> Tensor:
        """Back-propagate through a ReLU, adding the losses' gradients after and before it.

        `features` are those before and after it; the result is written to `target`, if given.
        """
        before, after = self._taps_at(position)
        if after is not None:
            gradient = pullback(after, rows, features[1], gradient)
        if gradient is not None:
            target = gradient if target is None else target
            gradient = aten.threshold_backward.grad_input(
                gradient, features[1], 0, grad_input=target
            )
        if before is not None:
            gradient = pullback(before, rows, features[0], gradient)
        assert gradient is not None
        return gradient

    def _through(self, position: int, tape: Tape, gradient: Rows) -> Rows:
        """Back-propagate from a convolution's output to the output of the one before it."""
        size, convolution = self._size(position, tape), self._convolutions[position]

        def carried(first: int, last: int) -> Tensor:
            top = max(0, first - 1)
            window = gradient(top, min(size[0], last + 1))
            return convolution.backward(window, size, top=top - (first - 1), count=last - first)

        if not self._ends_block(position - 1):
            return carried
        pooled = StripBuffer(size[0], self._buffers, f"{self._names[position - 1]} pooled")
        for rows in self._strips(position, size):
            pooled.put(rows, carried(rows.start, rows.stop))
        needed, (height, width) = self._needed(position, tape), self._size(position - 1, tape)
        edges = (needed.left, width // 2 - needed.right, needed.top, height // 2 - needed.bottom)
        arrived = functional.pad(pooled.whole, edges) if any(edges) else pooled.whole
        return self._unpooled(position - 1, tape, arrived)

    def _unpooled(self, position: int, tape: Tape, gradient: Tensor) -> Rows:
        """Back-propagate from pooled features to those that were pooled."""
        name = self._names[position]
        if self._pooling == "max":
            routes = tape.routes.pop(name)
            return lambda first, last: routes.unpool(gradient, (first, last))
        output, (before, _) = tape.outputs[name], self._taps_at(position)

        def unpooled(first: int, last: int) -> Tensor:
            pooled = output[:, :, first:last]
            pooled = pooled if before is None else torch.relu(pooled)
            return unpool(gradient[:, :, first // 2 : last // 2], pooled, self._pooling)

        return unpooled

    def _convolve(
        self, position: int, flow: Rows, rows: slice, size: tuple[int, int], *, relu: bool
    ) -> Tensor:
        convolution = self._convolutions[position]
        if position == 0 and self._padding != "zeros":
            return convolution.forward_inside(flow(rows.start, rows.stop + 2), relu=relu)
        top = max(0, rows.start - 1)
        window = flow(top, min(size[0], rows.stop + 1))
        count = rows.stop - rows.start
        return convolution.forward(window, size, top=top - (rows.start - 1), count=count, relu=relu)

    def _to_picture(self, gradient: Rows, size: tuple[int, int]) -> Tensor:
        """Back-propagate from the first convolution's output to the picture."""
        first, height = self._convolutions[0], size[0]
        beyond = 1 if self._padding != "zeros" else 0
        at_input = StripBuffer(height + 2 * beyond, BufferPool(self.device), "input")
        for rows in self._strips(0, (height + 2 * beyond, size[1])):
            # Row r of the input is seen by rows r - 1 - beyond to r + 1 - beyond of the output.
            start, stop = rows.start - 1 - beyond, rows.stop + 1 - beyond
            window = gradient(max(0, start), min(height, stop))
            if beyond:
                edges = max(0, -start), max(0, stop - height)
                at_input.put(rows, first.backward_beyond(window, edges))
            else:
                top, count = max(0, -start), rows.stop - rows.start
                at_input.put(rows, first.backward(window, size, top=top, count=count))
        return self._preprocessor.to_picture(at_input.whole)

    def _strips(self, position: int, size: tuple[int, int]) -> Iterator[slice]:
        """Split the rows of a picture into strips of an even number, a last odd row added."""
        count = self._convolutions[position].strip_rows(*size)
        for top in range(0, max(size[0] - 1, 1), count):
            is_last = top + count >= size[0] - 1
            yield slice(top, size[0] if is_last else top + count)

    def _seen(self, position: int, tape: Tape) -> Box:
        return tape.window.seen(1 << int(self._names[position][4]) - 1)

    def _size(self, position: int, tape: Tape) -> Size:
        return self._seen(position, tape).size

    def _needed(self, position: int, tape: Tape) -> Box:
        """Return which of the pooled positions of a block the convolution after it sees."""
        before = self._seen(position - 1, tape)
        return self._seen(position, tape).moved(-(before.top // 2), -(before.left // 2))

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
            weight = torch.cat([weight] * self._preprocessor.parts, dim=1)
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


def _rows_of(tensor: Tensor) -> Rows:
    return lambda first, last: tensor[:, :, first:last]


def encoder_for(
    config: StyleConfig,
    tensors: Mapping[str, Tensor],
    *,
    feed: FeedKind,
    device: torch.device,
    dtype: torch.dtype,
) -> Encoder:
    """Create the encoder that settings ask for; raises as `Encoder` does.

    Parameters
    ----------
    config
        Its layers are tapped; its pooling and padding are used.
    tensors, feed, device, dtype
        As `Encoder` takes them.
    """
    return Encoder(
        tensors,
        feed=feed,
        taps=config.taps,
        pooling=config.pooling,
        padding=config.padding,
        device=device,
        dtype=dtype,
    )
