"""Everything of a run that handles pictures: start, targets, enlarging, evaluation."""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from napari_nst.core.colour import ColourMap
from napari_nst.core.control import RunControl
from napari_nst.core.device import finest_dtype
from napari_nst.core.evaluate import loss_and_gradient, loss_and_gradient_by_windows
from napari_nst.core.grain import Grain
from napari_nst.core.loss.objective import Balance, Objective
from napari_nst.core.loss.targets import StyleMoments, StyleTargets, objective_of
from napari_nst.core.memory import give_memory_back
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Box
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.periodic import make_periodic
from napari_nst.core.picture import AnyPicture, Pictures
from napari_nst.core.pyramid import Size, style_size
from napari_nst.core.store.enlarge import enlarged_rows
from napari_nst.core.store.noise import normal_noise
from napari_nst.core.store.pixels import Pixels
from napari_nst.core.store.store import InMemory, block
from napari_nst.core.tiling.layout import Layout
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import VARIABLE_MAXIMUM


@dataclass(frozen=True)
class Content:
    """A picture as it was given, at one size, which gets its colours where it is read.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W), float32, values in [0, 1]
    device
        Where it is wanted, in the dtype in which pictures are evaluated.
    colours
        The map that it gets, or None.
    """

    rgb: Tensor
    device: torch.device
    colours: ColourMap | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.rgb.shape[-2], self.rgb.shape[-1]

    def at(self, box: Box | None = None) -> Tensor:
        """Return a part, all of it by default, shape (1, 3, h, w)."""
        part = self.rgb if box is None else self.rgb[..., box.rows, box.columns]
        wide = part.to(self.device, finest_dtype(self.device))
        return wide if self.colours is None else self.colours(wide)

    def rows(self, rows: slice) -> Tensor:
        """Return some rows."""
        return self.at(Box(rows.start, rows.stop, 0, self.size[1]))


class PictureEvaluator:
    """The `Evaluator` of a run's pictures, whole or by windows.

    Parameters
    ----------
    pictures
        Content, styles and start.
    encoder
        The network, with taps at all layers of `config`.
    config
        The settings.
    grey : Tensor, shape (1, 3, 1, 1), values in [0, 1]
        The colour around which noise is drawn: the network's zero.
    balance
        Fits the terms to the weights.
    control
        Polled before every evaluation for a descent.
    layout
        The windows, and where whole pictures lie.
    style_targets
        Styles that runs with this encoder have measured; none by default.

    Attributes
    ----------
    config
        The settings; those that can be steered may be changed between evaluations.
    """

    def __init__(
        self,
        pictures: Pictures,
        encoder: Encoder,
        config: StyleConfig,
        *,
        grey: Tensor,
        balance: Balance,
        control: RunControl,
        layout: Layout,
        style_targets: StyleTargets | None = None,
    ) -> None:
        self.config = config
        self._pictures = pictures
        self._encoder = encoder
        self._grey = grey
        self._balance = balance
        self._control = control
        self._layout = layout
        self._style_targets = style_targets or StyleTargets(encoder)
        self._recolours = config.colors == "style"
        self._content: Content | None = None
        self._objective: Objective | None = None

    def starting_picture(self, size: Size) -> Tensor:
        """Return the picture to start from, shape (1, 3, H, W)."""
        pictures, config = self._pictures, self.config
        if pictures.start is not None:
            return self._stored(Content(self._tiling(pictures.start, size), self._encoder.device))
        if config.init == "content":
            return self._stored(self._content_at(size))
        noise = normal_noise((1, 3, *size), config.seed, self._layout.store)
        spread = config.noise_std / VARIABLE_MAXIMUM[config.variable]
        # In float32, adding grey would swallow a hundredth of johnson's noise.
        return self._layout.store.build(
            (1, 3, *size),
            finest_dtype(self._encoder.device),
            lambda rows: self._on_device(self._grey + spread * noise[..., rows, :].cpu().double()),
        )

    def enter(self, size: Size, picture: Tensor) -> Tensor:
        """Measure the targets at a size; return the picture, enlarged to it."""
        self._objective = None
        self._encoder.release()
        give_memory_back()  # no gap that a scale leaves fits the larger tensors of the next
        is_new = picture.shape[-2:] != size
        has_detail = is_new and self.config.scale_detail
        coarse = self._content_at((picture.shape[-2], picture.shape[-1])) if has_detail else None
        content = self._content_at(size)
        self._objective = self._objective_at(size, content)
        give_memory_back()
        return self._enlarged(picture, coarse, content) if is_new else picture

    def __call__(self, picture: Pixels) -> Evaluation:
        """Evaluate the loss and its gradient for a descent; raises Stopped if a stop was asked."""
        self._control.raise_if_stopped()
        return self._evaluate(picture, self._layout)

    def evaluate(self, picture: Pixels) -> Evaluation:
        """Do the same whether or not a stop was asked for, at the size that was entered last."""
        return self._evaluate(picture, Layout(self._layout.tile_px, self._layout.store))

    def _evaluate(self, picture: Pixels, layout: Layout) -> Evaluation:
        assert self._objective is not None
        encoder, objective = self._encoder, self._objective
        windows = layout.windows(picture.size, encoder.taps, wraps=self.config.is_circular)
        if len(windows) == 1:
            whole = picture.at().to(encoder.device)
            found = loss_and_gradient(whole, encoder, objective, self.config, *windows)
            device = layout.store.device
            return replace(found, gradient=found.gradient.to(device))
        return loss_and_gradient_by_windows(
            picture, windows, encoder, objective, self.config, layout.store
        )

    def release(self) -> None:
        """Drop the targets and the network's buffers."""
        self._objective = self._content = None
        self._encoder.release()

    def _objective_at(self, size: Size, content: Content) -> Objective:
        styles = [self._style_moments(index, size) for index in range(len(self._pictures.styles))]
        return objective_of(
            self._encoder,
            content,
            styles,
            self.config,
            balance=self._balance,
            layout=self._layout,
        )

    def _style_moments(self, index: int, size: Size) -> StyleMoments:
        """Measure a style beside the content at a size, unless it is known at its own."""
        config = self.config
        own_size = style_size(self._pictures.styles[index].size, size, config)
        hashes = self._pictures.style_hashes
        key = (hashes[index], own_size, config.resample) if hashes else None
        device = self._encoder.device
        return self._style_targets.moments(
            key, lambda: self._style_at(index, size, device), config, self._layout
        )

    def _style_at(self, index: int, size: Size, device: torch.device) -> Content:
        """Return a style as it is shown to the network beside a content of a size."""
        style = self._pictures.styles[index]
        return Content(self._resized(style, style_size(style.size, size, self.config)), device)

    def _enlarged(self, picture: Tensor, coarse: Content | None, content: Content) -> Tensor:
        """Enlarge a picture, with the content's detail that it was too small for, and grain."""
        size, given = content.size, (picture.shape[-2], picture.shape[-1])
        grain = self._grain(size) if self.config.scale_grain else None
        enlarge = partial(enlarged_rows, wraps=self.config.is_circular)

        def part(rows: slice) -> Tensor:
            read = partial(block, picture)
            enlarged = enlarge(read, given, size, rows, "bicubic")
            if coarse is not None:
                base = enlarge(coarse.rows, given, size, rows, "bicubic")
                detail = self.config.scale_detail * (content.rows(rows) - base)
                enlarged = enlarged + detail.to(enlarged)
            if grain is not None:
                enlarged = enlarged + self.config.scale_grain * grain.rows(rows).to(enlarged)
            return enlarged.clamp(0, 1)

        return self._layout.store.build((1, 3, *size), picture.dtype, part)

    def _grain(self, size: Size) -> Grain:
        host = torch.device("cpu")
        styles = [self._style_at(each, size, host) for each in range(len(self._pictures.styles))]
        return Grain(size, styles, self._layout.store, wraps=self.config.is_circular)

    def _content_at(self, size: Size) -> Content:
        """Return the content at a size, in the colours that the run starts with."""
        if self._content is None or self._content.size != size:
            rgb = self._tiling(self._pictures.content, size)
            colours = self._pictures.palette.to_style if self._recolours else None
            self._content = Content(rgb, self._encoder.device, colours)
        return self._content

    def _tiling(self, picture: AnyPicture, size: Size) -> Tensor:
        """Return the content or start at a size; without its seam, where the result has none."""
        rgb = self._resized(picture, size)
        if self.config.is_circular:
            rgb = rgb.clone() if isinstance(self._layout.store, InMemory) else rgb
            make_periodic(rgb)
        return rgb

    def _resized(self, picture: AnyPicture, size: Size) -> Tensor:
        """Return a picture at a size, shape (1, 3, H, W), float32, on the host or in files."""
        resample, store = self.config.resample, self._layout.store
        if isinstance(store, InMemory):
            return picture.resized(size, resample).rgb
        return store.build(
            (1, 3, *size), torch.float32, lambda rows: picture.piece(size, resample, rows).rgb
        )

    def _stored(self, picture: Content) -> Tensor:
        """Return a picture as an array of the store."""
        wide = finest_dtype(self._encoder.device)
        return self._layout.store.build(
            (1, 3, *picture.size), wide, lambda rows: self._on_device(picture.rows(rows))
        )

    def _on_device(self, picture: Tensor) -> Tensor:
        """Move a picture to the store, in the dtype in which pictures are evaluated."""
        return picture.to(self._layout.store.device, finest_dtype(self._encoder.device))
