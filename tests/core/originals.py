"""The originals' loops, written plainly: general autograd, torch's optimisers, a loss a step.

Each takes content and style as 8-bit arrays, VGG-19's tensors, and the dtype to compute in, and
lists the losses that the original prints. The losses' formulas are in `formulas`.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from tests.core import formulas, textbook

Net = Mapping[str, Tensor]


def _unit(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    """RGB in [0, 1], as torchvision's ToTensor."""
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous().float().div(255).to(dtype)


def _caffe(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    """BGR in 0-255 minus Caffe's means."""
    return textbook.feed(_unit(array, dtype), "caffe")


def _loss(
    formula: Callable, features: Callable[[Tensor], dict], content: Tensor, style: Tensor
) -> Callable[[Tensor], Tensor]:
    """Fix the targets; what is left is a function of the painted picture."""
    with torch.no_grad():
        c, s = features(content), features(style)
    return lambda x: sum(formula(c, s, features(x), x).values())


def _lbfgs(
    image: Tensor, loss: Callable[[Tensor], Tensor], count: int, *, clamped=False, **options
) -> list[float]:
    """As the originals do: call the optimiser until the closure has counted enough."""
    losses: list[float] = []
    image.requires_grad_()
    optimizer = torch.optim.LBFGS([image], lr=1, **options)

    def closure():
        if clamped:
            with torch.no_grad():
                image.clamp_(0, 1)
        optimizer.zero_grad()
        value = loss(image)
        value.backward()
        losses.append(value.item())
        return value

    while len(losses) < count:
        optimizer.step(closure)
    return losses[:count]


def gatys(
    content: np.ndarray, style: np.ndarray, net: Net, dtype: torch.dtype, *, count: int
) -> list[float]:
    start, style = _caffe(content, dtype), _caffe(style, dtype)
    loss = _loss(formulas.gatys, partial(textbook.network, tensors=net), start, style)
    return _lbfgs(start.clone(), loss, count)


def seed(
    content: np.ndarray, style: np.ndarray, net: Net, dtype: torch.dtype, *, count: int
) -> list[float]:
    start, style = _unit(content, dtype), _unit(style, dtype)
    loss = _loss(formulas.seed, partial(textbook.features, tensors=net), start, style)
    return _lbfgs(start.clone(), loss, count, history_size=100)


def johnson(
    content: np.ndarray,
    style: np.ndarray,
    net: Net,
    dtype: torch.dtype,
    *,
    count: int,
    noise: Tensor,
) -> list[float]:
    """`noise` is standard normal, RGB; the original draws it itself."""
    c, s = _caffe(content, dtype), _caffe(style, dtype)
    loss = _loss(formulas.johnson, partial(textbook.network, tensors=net), c, s)
    tolerances = {"tolerance_change": -1, "tolerance_grad": -1}
    start = noise.flip(1).to(dtype) * 0.001
    return _lbfgs(start, loss, count, max_iter=count, history_size=100, **tolerances)


def tutorial(
    content: np.ndarray, style: np.ndarray, net: Net, dtype: torch.dtype, *, count: int
) -> list[float]:
    start, style = _unit(content, dtype), _unit(style, dtype)
    loss = _loss(formulas.tutorial, partial(textbook.features, tensors=net), start, style)
    return _lbfgs(start.clone(), loss, count, clamped=True)


def gordicaleksa(
    content: np.ndarray, style: np.ndarray, net: Net, dtype: torch.dtype, *, count: int
) -> list[float]:
    """List the loss that each of the line search's steps came from.

    A search ends at the lowest of what it evaluated.
    """
    start, style = (textbook.feed(_unit(each, dtype), "bytes") for each in (content, style))
    loss = _loss(formulas.gordicaleksa, partial(textbook.network, tensors=net), start, style)
    image = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=count - 1, line_search_fn="strong_wolfe")
    lowest: dict[int, float] = {}

    def closure():
        optimizer.zero_grad()
        value = loss(image)
        value.backward()
        search = optimizer.state[image].get("n_iter", 0)
        lowest[search] = min(value.item(), lowest.get(search, float("inf")))
        return value

    optimizer.step(closure)
    return list(lowest.values())


def spst(
    style: np.ndarray,
    net: Net,
    dtype: torch.dtype,
    *,
    contents: list[np.ndarray],
    counts: tuple[int, ...],
) -> list[float]:
    """`contents` are the resized contents, one a scale; the style is small enough to stay."""
    losses, image = [], None
    for index, (scaled, count) in enumerate(zip(contents, counts, strict=True)):
        c, s = _caffe(scaled, dtype), _caffe(style, dtype)
        loss = _loss(formulas.spst, partial(textbook.network, tensors=net), c, s)
        if image is None:
            image = c.clone()
        else:
            shown = (image.detach() + textbook.CAFFE_MEAN_BGR.to(image)) / 255
            larger = functional.interpolate(
                shown, c.shape[-2:], mode="bicubic", align_corners=False
            ).clamp(0, 1)
            image = larger * 255 - textbook.CAFFE_MEAN_BGR.to(image)
        history = 100 if index == 0 else 10
        losses += _lbfgs(image, loss, count, max_iter=count, history_size=history)
    return losses


def crowsonkb(
    content: np.ndarray,
    style: np.ndarray,
    net: Net,
    dtype: torch.dtype,
    *,
    scales: tuple[int, ...],
    counts: tuple[int, ...],
    optimizer: str = "adam",
) -> list[float]:
    features = partial(textbook.features, tensors=net, padding="replicate")
    losses, average, adam = [], None, None
    for scale, count in zip(scales, counts, strict=True):
        c = _unit(_within(content, scale, enlarge=True), dtype)
        loss = _loss(formulas.crowsonkb, features, c, _unit(_within(style, scale), dtype))
        image = c.clone() if average is None else _bicubic(average.get(), c).clamp(0, 1)
        average = _Average(image)
        image.requires_grad_()
        if optimizer == "adam":
            stepper = torch.optim.Adam([image], lr=0.02, betas=(0.9, 0.99))
            if adam is not None:
                stepper.load_state_dict(_enlarged(adam.state_dict(), image))
            adam = stepper
        else:
            stepper = torch.optim.LBFGS([image], max_iter=1, history_size=10)

        def closure(stepper=stepper, image=image, loss=loss):
            stepper.zero_grad()
            value = loss(image)
            value.backward()
            return value

        for _ in range(count):
            losses.append(stepper.step(closure).item())
            if optimizer == "adam":
                image.detach().clamp_(0, 1)
            average.update(image.detach())
    return losses


class _Average:
    """style-transfer-pytorch's EMA: bias-corrected, its first sample the start."""

    def __init__(self, start: Tensor) -> None:
        self.value, self.missing = torch.zeros_like(start), 1.0
        self.update(start)

    def update(self, sample: Tensor) -> None:
        self.missing *= 0.99
        self.value = 0.99 * self.value + 0.01 * sample

    def get(self) -> Tensor:
        return self.value / (1 - self.missing)


def _bicubic(picture: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return functional.interpolate(picture, size, mode="bicubic", align_corners=False)


def _enlarged(state: dict, like: Tensor) -> dict:
    """Adam's state for a larger picture."""
    moments = state["state"][0]
    moments["exp_avg"] = _bicubic(moments["exp_avg"], like)
    moments["exp_avg_sq"] = functional.interpolate(
        moments["exp_avg_sq"], like.shape[-2:], mode="bilinear", align_corners=False
    ).relu()
    return state


def _within(array: np.ndarray, longest: int, *, enlarge: bool = False) -> np.ndarray:
    """Resize by Pillow's bicubic to a longest side, the other rounded."""
    height, width = array.shape[:2]
    if not enlarge and max(height, width) <= longest:
        return array
    short = round(longest * min(height, width) / max(height, width))
    size = (short, longest) if height > width else (longest, short)
    return np.array(Image.fromarray(array).resize(size, Image.Resampling.BICUBIC))
