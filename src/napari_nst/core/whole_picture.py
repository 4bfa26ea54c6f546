"""Everything that handles the picture as whole tensors: start, targets, enlarging, evaluation."""

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.control import RunControl
from napari_nst.core.device import finest_dtype
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.grain import grain
from napari_nst.core.loss.objective import Balance, Objective
from napari_nst.core.loss.targets import StyleMoments, StyleTargets, objective_of
from napari_nst.core.memory import give_memory_back
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.picture import Pictures
from napari_nst.core.pyramid import Size, style_size
from napari_nst.settings.config import VARIABLE_MAXIMUM, StyleConfig


class WholePicture:
    """The `Evaluator` of pictures that fit into memory.

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
        style_targets: StyleTargets | None = None,
    ) -> None:
        self.config = config
        self._pictures = pictures
        self._encoder = encoder
        self._grey = grey
        self._balance = balance
        self._control = control
        self._style_targets = style_targets or StyleTargets(encoder)
        self._recolours = config.colors == "style"
        self._content: Tensor | None = None
        self._objective: Objective | None = None

    def starting_picture(self, size: Size) -> Tensor:
        """Return the picture to start from, shape (1, 3, H, W)."""
        pictures, config = self._pictures, self.config
        if pictures.start is not None:
            return self._on_device(pictures.start.resized(size, config.resample).rgb)
        if config.init == "content":
            return self._content_at(size)
        generator = torch.Generator().manual_seed(config.seed)
        noise = torch.randn((1, 3, *size), generator=generator)
        spread = config.noise_std / VARIABLE_MAXIMUM[config.variable]
        # In float32, adding grey would swallow a hundredth of johnson's noise.
        return self._on_device(self._grey + spread * noise.double())

    def enter(self, size: Size, picture: Tensor) -> Tensor:
        """Measure the targets at a size; return the picture, enlarged to it."""
        self._objective = None
        self._encoder.release()
        give_memory_back()  # no gap that a scale leaves fits the larger tensors of the next
        coarse = self._content_at((picture.shape[-2], picture.shape[-1]))
        content = self._content_at(size)
        self._objective = self._objective_at(size, content)
        give_memory_back()
        return picture if picture.shape[-2:] == size else self._enlarged(picture, coarse, content)

    def __call__(self, picture: Tensor) -> Evaluation:
        """Evaluate the loss and its gradient for a descent; raises Stopped if a stop was asked."""
        self._control.raise_if_stopped()
        return self.evaluate(picture)

    def evaluate(self, picture: Tensor) -> Evaluation:
        """Evaluate the loss and its gradient at the size that was entered last."""
        assert self._objective is not None
        return loss_and_gradient(picture, self._encoder, self._objective, self.config)

    def release(self) -> None:
        """Drop the targets and the network's buffers."""
        self._objective = self._content = None
        self._encoder.release()

    def _objective_at(self, size: Size, content: Tensor) -> Objective:
        styles = [self._style_moments(index, size) for index in range(len(self._pictures.styles))]
        return objective_of(self._encoder, content, styles, self.config, balance=self._balance)

    def _style_moments(self, index: int, size: Size) -> StyleMoments:
        """Measure a style beside the content at a size, unless it is known at its own."""
        config = self.config
        own_size = style_size(self._pictures.styles[index].size, size, config)
        hashes = self._pictures.style_hashes
        key = (hashes[index], own_size, config.resample) if hashes else None
        return self._style_targets.moments(key, lambda: self._style_at(index, size), config)

    def _style_at(self, index: int, size: Size) -> Tensor:
        """Return a style as it is shown to the network beside a content of a size."""
        style, config = self._pictures.styles[index], self.config
        own_size = style_size(style.size, size, config)
        return self._on_device(style.resized(own_size, config.resample).rgb)

    def _enlarged(self, picture: Tensor, coarse: Tensor, content: Tensor) -> Tensor:
        """Enlarge a picture, with the content's detail that it was too small for, and grain."""
        size = content.shape[-2], content.shape[-1]
        enlarged = _resize(picture, size)
        if self.config.scale_detail:
            detail = content - _resize(coarse, size)
            enlarged = enlarged + self.config.scale_detail * detail.to(enlarged.dtype)
        if self.config.scale_grain:
            styles = [self._style_at(index, size) for index in range(len(self._pictures.styles))]
            enlarged = enlarged + self.config.scale_grain * grain(size, styles).to(enlarged.dtype)
        return enlarged.clamp(0, 1)

    def _content_at(self, size: Size) -> Tensor:
        """Return the content at a size, on the device, in the colours that the run starts with."""
        if self._content is None or self._content.shape[-2:] != size:
            rgb = self._on_device(self._pictures.content.resized(size, self.config.resample).rgb)
            self._content = self._pictures.palette.in_style(rgb) if self._recolours else rgb
        return self._content

    def _on_device(self, picture: Tensor) -> Tensor:
        """Move a picture, in the dtype in which pictures are evaluated."""
        return picture.to(self._encoder.device, finest_dtype(self._encoder.device))


def _resize(picture: Tensor, size: Size) -> Tensor:
    return functional.interpolate(picture, size, mode="bicubic", align_corners=False)
