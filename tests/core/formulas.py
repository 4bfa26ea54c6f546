"""Every preset's loss, written plainly from its original, apart from src.

``c, s, t`` are the features of content, style and painted picture, as `textbook.network` gives
them; ``x`` is the painted picture in the range in which the original optimises it.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tests.core import textbook

Features = dict[str, Tensor]
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def gatys(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """The authors' code: C + 1e3 / N^2 * MSE(G / M)."""
    return {
        "content": ((t["relu4_2"] - c["relu4_2"]) ** 2).mean(),
        "style": 1e3 * sum(textbook.gram_term(t[layer], s[layer]) for layer in LAYERS),
    }


def default(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """Our own: local Wasserstein, layer weights as they stand, and content at three layers."""
    style = 0
    for layer, weight in zip(LAYERS, (0.35, 0.11, 0.13, 0.13, 0.28), strict=True):
        (mean, covariance), (mean_s, covariance_s), (_, covariance_c) = (
            (each.mean(1), torch.cov(each, correction=0))
            for each in (textbook.matrix(picture[layer]) for picture in (t, s, c))
        )
        values, vectors = torch.linalg.eigh((covariance_s + covariance_c).detach() / 2)
        values = values.clamp(min=0)
        values = values + 0.1 * values.mean()
        turned = vectors.T @ (covariance - covariance_s) @ vectors
        distance = ((mean - mean_s) ** 2).sum()
        for i in range(len(values)):
            for j in range(len(values)):
                distance = distance + turned[i, j] ** 2 / (2 * (values[i] + values[j]))
        style = style + weight * distance / len(values)
    content = sum(
        weight * ((t[layer] - c[layer]) ** 2).mean()
        for layer, weight in (("relu2_2", 0.4), ("relu3_2", 1), ("relu4_2", 2))
    )
    return {"content": content, "style": 1e3 * style}


def seed(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """The paper: 1/2 sum (F - P)^2 + 1e3 * sum over layers of sum (G - A)^2 / (4 N^2 M^2)."""
    style = 0
    for layer in LAYERS:
        f, a = textbook.matrix(t[layer]), textbook.matrix(s[layer])
        (n, m), m_s = f.shape, a.shape[1]
        gram, target = f @ f.T, a @ a.T * (m / m_s)
        style = style + ((gram - target) ** 2).sum() / (4 * n**2 * m**2)
    return {"content": 0.5 * ((t["relu4_2"] - c["relu4_2"]) ** 2).sum(), "style": 1e3 * style}


def johnson(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """neural-style-pt: 5 MSE + 100 MSE(G/(N M)) + 1e-3 (sum |dx| + sum |dy|) on 0-255."""
    style = 0
    for layer in LAYERS:
        f, a = textbook.matrix(t[layer]), textbook.matrix(s[layer])
        style = style + functional.mse_loss(*(each @ each.T / each.numel() for each in (f, a)))
    return {
        "content": 5 * functional.mse_loss(t["relu4_2"], c["relu4_2"]),
        "style": 100 * style,
        "tv": 1e-3 * (x.diff(dim=2).abs().sum() + x.diff(dim=3).abs().sum()),
    }


def gordicaleksa(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """Row "gordicaleksa" of PRESETS.md: cw 1e5, k 6000 N^2, TV 1 on the network's input."""
    return {
        "content": 1e5 * functional.mse_loss(t["relu4_2"], c["relu4_2"]),
        "style": sum(
            6000 * t[layer].shape[1] ** 2 * textbook.gram_term(t[layer], s[layer])
            for layer in LAYERS
        ),
        "tv": x.diff(dim=2).abs().sum() + x.diff(dim=3).abs().sum(),
    }


def tutorial(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """pytorch.org: MSE at "conv_4", 1e6 MSE of G/(a b c d) at conv_1 to conv_5, before ReLU."""
    style = 0
    for layer in ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"):
        f, a = textbook.matrix(t[layer]), textbook.matrix(s[layer])
        style = style + functional.mse_loss(f @ f.T / f.numel(), a @ a.T / a.numel())
    return {"content": functional.mse_loss(t["conv2_2"], c["conv2_2"]), "style": 1e6 * style}


def crowsonkb(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """Row "crowsonkb" of PRESETS.md and its paragraph "crowsonkb in full"."""
    style = 0
    for weight, layer in zip((256, 64, 16, 4, 1), LAYERS, strict=True):
        f, a = textbook.matrix(t[layer]), textbook.matrix(s[layer])
        style = style + weight / 341 * textbook.wasserstein(f, a)
    return {
        "content": 0.015 * functional.mse_loss(t["relu4_2"], c["relu4_2"]),
        "style": style,
        "tv": 2 * textbook.nine_point_variation(x),
    }


def spst(c: Features, s: Features, t: Features, x: Tensor) -> dict[str, Tensor]:
    """Row "spst" of PRESETS.md: C + per layer 1e3 S + 1e4 mse(mean) + 1e4 mse(std)."""
    style = 0
    for layer in LAYERS:
        f, a = textbook.matrix(t[layer]), textbook.matrix(s[layer])
        deviations = ((each.var(1, correction=0) + 1e-8).sqrt() for each in (f, a))
        style = style + 1e3 * textbook.gram_term(t[layer], s[layer])
        style = style + 1e4 * functional.mse_loss(f.mean(1), a.mean(1))
        style = style + 1e4 * functional.mse_loss(*deviations)
    return {"content": functional.mse_loss(t["relu4_2"], c["relu4_2"]), "style": style}
