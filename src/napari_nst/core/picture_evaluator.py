"""Everything of a run that handles pictures: start, targets, enlarging, evaluation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

import torch
from torch import Tensor

from napari_nst.core.colours.gaussian import ColourMap, colour_map, colour_statistics_by_pieces
from napari_nst.core.control import RunControl
from napari_nst.core.device import finest_dtype
from napari_nst.core.evaluate import loss_and_gradient, loss_and_gradient_by_windows
from napari_nst.core.grain import Grain
from napari_nst.core.loss.masks import ContentMasks, label_mask, opacity_mask, product
from napari_nst.core.loss.objective import Balance, Objective
from napari_nst.core.loss.targets import (
    Part,
    StyleMoments,
    StyleTargets,
    objective_of,
    style_factors,
)
from napari_nst.core.loss.temporal import TemporalTarget
from napari_nst.core.memory import give_memory_back
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Box
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.picture import AnyPicture, Pictures, fit_longest_side, rotated_labels
from napari_nst.core.pyramid import Size, style_size
from napari_nst.core.store.enlarge import enlarged_rows
from napari_nst.core.store.noise import normal_noise
from napari_nst.core.store.pixels import Pixels
from napari_nst.core.store.store import InMemory, block, update
from napari_nst.core.tiling.executor import SERIAL
from napari_nst.core.tiling.layout import Layout
from napari_nst.core.tiling.periodic import make_periodic
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import RECOLOURED_CONTENT, VARIABLE_MAXIMUM
from napari_nst.settings.regions import Regions, blend_shares, shares_of


@dataclass(frozen=True)
class Content:
    """A picture as it was given, at one size, which gets its colours where it is read.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W), float32, values in [0, 1]
    device
        Where it is wanted, in the dtype in which pictures are evaluated.
    colours
        Given pixels of a part and the part, returns them in other colours; or None.
    """

    rgb: Tensor
    device: torch.device
    colours: Callable[[Tensor, Box], Tensor] | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.rgb.shape[-2], self.rgb.shape[-1]

    def at(self, box: Box | None = None) -> Tensor:
        """Return a part, all of it by default, shape (1, 3, h, w)."""
        box = box or Box(0, self.size[0], 0, self.size[1])
        part = self.rgb[..., box.rows, box.columns]
        wide = part.to(self.device, finest_dtype(self.device))
        return wide if self.colours is None else self.colours(wide, box)

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
    regions
        Which part of the content gets which style; all of it the blend by default.
    temporal
        What the result should equal, as a frame of a sequence.

    Attributes
    ----------
    config
        The settings; those that can be steered may be changed between evaluations, but for
        "blend", which counts when a size is entered.
    regions
        They count when a size is entered, too.
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
        regions: Regions | None = None,
        temporal: TemporalTarget | None = None,
    ) -> None:
        self._temporal = temporal
        self.config = config
        self.regions = regions
        self._pictures = pictures
        self._encoder = encoder
        self._grey = grey
        self._balance = balance
        self._control = control
        self._layout = layout
        self._style_targets = style_targets or StyleTargets(encoder)
        self._colors = config.colors
        self._content: Content | None = None
        self._content_of: object = None  # the size, blend and regions that it is for
        self._objective: Objective | None = None
        self._kept: Tensor | None = None  # how much of each pixel is kept, shape (1, 1, H, W)

    def starting_picture(self, size: Size) -> Tensor:
        """Return the picture to start from, shape (1, 3, H, W)."""
        share = self.config.init_blend
        start = self._start(size) if share else None
        content = self._content_at(size).rows if start is None or share < 1 else None

        def part(rows: slice) -> Tensor:
            first, *second = [self._on_device(each(rows)) for each in (content, start) if each]
            return torch.lerp(first, second[0], share) if second else first

        wide = finest_dtype(self._encoder.device)
        return self._layout.store.build((1, 3, *size), wide, part)

    def _start(self, size: Size) -> Callable[[slice], Tensor] | None:
        """Return the function that gives rows of the start; None where it is the content."""
        pictures, config = self._pictures, self.config
        if pictures.start is not None:
            return Content(self._tiling(pictures.start, size), self._encoder.device).rows
        if config.init == "content":
            return None
        noise = normal_noise((1, 3, *size), config.seed, self._layout.store)
        spread = config.noise_std / VARIABLE_MAXIMUM[config.variable]
        # In float32, adding grey would swallow a hundredth of johnson's noise.
        return lambda rows: self._grey + spread * noise[..., rows, :].cpu().double()

    def enter(self, size: Size, picture: Tensor, *, again: bool = False) -> Tensor:
        """Measure the targets at a size; return the picture, enlarged to it.

        Parameters
        ----------
        again
            Whether the size was entered before, for other targets; soft edges of what is kept are
            then left as they were painted.
        """
        self._objective = None
        self._encoder.release()
        give_memory_back()  # no gap that a scale leaves fits the larger tensors of the next
        is_new = picture.shape[-2:] != size
        has_detail = is_new and self.config.scale_detail
        coarse = self._content_at((picture.shape[-2], picture.shape[-1])) if has_detail else None
        content = self._content_at(size)
        masks = self._masks(size)
        self._objective = objective_of(
            self._encoder,
            content,
            self._parts(size),
            self.config,
            balance=self._balance,
            layout=self._layout,
            content_mask=masks.content,
        )
        if self._temporal is not None:
            self._objective = replace(self._objective, temporal=self._temporal.resized(size))
        kept = masks.kept
        self._kept = None if kept is None else kept.pooled(1, self._layout.store)
        give_memory_back()
        entered = self._enlarged(picture, coarse, content) if is_new else picture
        if self._kept is None:
            return entered
        return self._layout.store.build(
            (1, 3, *size),
            entered.dtype,
            lambda rows: self._mixed(block(entered, rows), content.rows(rows), rows, hard=again),
        )

    @property
    def shares(self) -> tuple[float, ...]:
        """Each style's share of all that is painted."""
        shares = blend_shares(self.config.blend, len(self._pictures.styles))
        return shares if self.regions is None else self.regions.style_shares(shares)

    @property
    def kept(self) -> Tensor | None:
        """How much of each pixel stays as in the content, shape (1, 1, H, W); None: nothing."""
        return self._kept

    def with_kept(self, rgb: Tensor, rows: slice) -> Tensor:
        """Put the content's own pixels into rows of a picture, shape (1, 3, rows, W)."""
        if self._kept is None:
            return rgb
        assert self._content is not None
        return self._mixed(rgb, block(self._content.rgb, rows), rows)

    def _mixed(self, rgb: Tensor, content: Tensor, rows: slice, *, hard: bool = False) -> Tensor:
        assert self._kept is not None
        kept = block(self._kept, rows).to(rgb)
        kept = kept.floor() if hard else kept
        return torch.lerp(rgb, content.to(rgb), kept)  # exact where all is kept

    def __call__(self, picture: Pixels) -> Evaluation:
        """Evaluate the loss and its gradient for a descent; raises Stopped if a stop was asked."""
        self._control.raise_if_stopped()
        return self._evaluate(picture, self._layout)

    def evaluate(self, picture: Pixels) -> Evaluation:
        """Do the same whether or not a stop was asked for, at the size that was entered last."""
        layout = self._layout
        return self._evaluate(
            picture, Layout(layout.tile_px, layout.store, executor=layout.executor)
        )

    def _evaluate(self, picture: Pixels, layout: Layout) -> Evaluation:
        assert self._objective is not None
        encoder, objective = self._encoder, self._objective
        windows = layout.windows(picture.size, encoder.taps, wraps=self.config.is_circular)
        store = layout.store
        if len(windows) == 1 and layout.executor is SERIAL:
            whole = picture.at().to(encoder.device)
            found = loss_and_gradient(whole, encoder, objective, self.config, *windows)
            found = replace(found, gradient=found.gradient.to(store.device))
        else:
            found = loss_and_gradient_by_windows(
                picture, windows, encoder, objective, self.config, layout
            )
        if self._kept is not None:
            update(store, lambda slope, kept: slope.mul_(1 - kept), found.gradient, self._kept)
        return found

    def release(self) -> None:
        """Drop the targets and the network's buffers."""
        self._objective = self._content = self._kept = None
        self._encoder.release()

    def _masks(self, size: Size) -> ContentMasks:
        full_px = max(fit_longest_side(self._pictures.content.size, self.config.size))
        return ContentMasks(
            self._pictures.content,
            self.regions,
            size,
            self.config.resample,
            full_px=full_px,
            wraps=self.config.is_circular,
        )

    def _parts(self, size: Size) -> list[Part]:
        """Return what is painted, and the styles of each part, measured."""
        shares = blend_shares(self.config.blend, len(self._pictures.styles))
        parts = []
        for label, target, mask in self._masks(size).painted:
            own = shares_of(target, shares)
            styles = [
                self._style_moments(index, size, label) if share else {}
                for index, share in enumerate(own)
            ]
            parts.append(Part(styles, own, mask, style_factors(self.config)))
        return parts

    def _style_moments(self, index: int, size: Size, label: int | None) -> StyleMoments:
        """Measure a style beside the content at a size, unless it is known at its own.

        Of a style with labels, it is the part with a label, and the whole for None.
        """
        config = self.config
        style = self._pictures.styles[index]
        own_size = style_size(style.size, size, config, index)
        mask, part = opacity_mask(style, own_size, config.resample), ""
        labels = self.regions.style_labels if self.regions else ()
        own = labels[index] if labels and label is not None else None
        if own is not None and label is not None and (own == label).any():
            given = self._pictures.given_style_sizes[index]
            turned = rotated_labels(own, given, *config.style_rotations[index : index + 1])
            mask = product(label_mask(turned, [label], own_size), mask)
            part = sha256(repr(own.shape).encode() + (own == label).tobytes()).hexdigest()
        hashes = self._pictures.style_hashes
        linear = self._style_map(index)
        colours = None if linear is None else linear.key
        key = (hashes[index], own_size, config.resample, part, colours) if hashes else None
        device = self._encoder.device
        found = self._style_targets.moments(
            key, lambda: self._style_at(index, size, device), config, self._layout, mask
        )
        if not part or len(found) == len(config.style_layers):
            return found
        return self._style_moments(index, size, None) | found  # of layers it is too small for

    def _style_at(self, index: int, size: Size, device: torch.device) -> Content:
        """Return a style as it is shown to the network beside a content of a size."""
        style = self._pictures.styles[index]
        rgb = self._resized(style, style_size(style.size, size, self.config, index))
        linear = self._style_map(index)
        return Content(rgb, device, None if linear is None else lambda part, _: linear(part))

    def _style_map(self, index: int) -> ColourMap | None:
        """Return the map that gives a style the content's colours before the run, if it does."""
        if self._colors != "before":
            return None
        return colour_map(self._pictures.styles[index].colours, self._pictures.content.colours)

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
        wraps = self.config.is_circular
        return Grain(size, styles, self.shares, self._layout.store, wraps=wraps)

    def _content_at(self, size: Size) -> Content:
        """Return the content at a size, in the colours that the run starts with."""
        wanted = (size, self.config.blend, self.regions)
        if self._content is None or self._content_of != wanted:
            rgb = self._tiling(self._pictures.content, size)
            recolours = self._colors in RECOLOURED_CONTENT
            colours = self._style_colours(rgb, size) if recolours else None
            self._content = Content(rgb, self._encoder.device, colours)
            self._content_of = wanted
        return self._content

    def _style_colours(self, rgb: Tensor, size: Size) -> Callable[[Tensor, Box], Tensor]:
        """Return the function that gives parts of the content their styles' colours."""
        pictures = self._pictures
        painted = [] if self.regions is None else self._masks(size).painted
        if all(mask is None for _, _, mask in painted):
            to_style = pictures.palette(self.shares).to_style
            return lambda part, _: to_style(part)
        shares = blend_shares(self.config.blend, len(pictures.styles))
        maps = []
        for _, target, mask in painted:
            assert mask is not None
            palette = pictures.palette(shares_of(target, shares))
            pieces = ((block(rgb, rows), mask.rows(rows)) for rows in self._layout.store.rows(rgb))
            own = colour_statistics_by_pieces(pieces)
            maps.append((mask, colour_map(own, palette.style)))

        def recoloured(part: Tensor, box: Box) -> Tensor:
            found = part.clone()
            for mask, to_style in maps:
                weight = mask.rows(box.rows)[..., box.columns].to(part)
                found += weight * (to_style(part) - part)
            return found

        return recoloured

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

    def _on_device(self, picture: Tensor) -> Tensor:
        """Move a picture to the store, in the dtype in which pictures are evaluated."""
        return picture.to(self._layout.store.device, finest_dtype(self._encoder.device))
