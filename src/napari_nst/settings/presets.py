"""The presets, as changes to StyleConfig's defaults; formulas in `core.loss.objective`.

"default" and "painterly" are our own, chosen for the best picture after a few minutes on a
laptop (docs/presets.md); "default-2026-11" was "default" until November 2026.
The others are published: "seed" is Gatys, Ecker & Bethge 2015 as the paper writes it, "gatys" the
authors' code of 2016, "johnson" neural-style-pt, "gordicaleksa" pytorch-neural-style-transfer,
"tutorial" pytorch.org's, "crowsonkb" style-transfer-pytorch, "spst" style transfer in many scales.
"""

from typing import Any

DEFAULT_PRESET = "default"
"""The preset of runs without settings."""

DEFAULT_OF_2026_11 = "default-2026-11"
"""Name of the former "default", so that its records still repeat exactly."""

_OUR_OWN: dict[str, Any] = {
    "colors": "style",
    "content_layers": ("relu2_2", "relu3_2", "relu4_2"),
    "style_loss": "local_wasserstein",
    "content_layer_weights": (0.4, 1.0, 2.0),
    "style_layer_weights": (0.35, 0.11, 0.13, 0.13, 0.28),
    "lbfgs_history": 10,
    "lbfgs_preconditioner": "wide",
    "pooling": "average",
    "padding": "replicate",
    "pyramid": "down_to",
    "scale_ratio": 2.0,
    "scale_detail": 1.0,
    "scale_grain": 0.5,
    "resample": "bicubic",
    "style_fit": "shrink",
}

PRESETS: dict[str, dict[str, Any]] = {
    "default": _OUR_OWN | {"scale_steps": (50, 30, 20)},
    "painterly": _OUR_OWN | {"min_scale": 64, "scale_steps": (60, 60, 50, 25)},
    "gatys": {},
    "seed": {
        "content_loss": "half_sum",
        "style_loss": "gram_paper",
        "variable": "unit",
        "noise_std": 0.25,
        "resample": "bicubic",
    },
    "johnson": {
        "content_weight": 5.0,
        "style_weight": 1e2,
        "tv_weight": 1e-3,
        "init": "noise",
        "noise_std": 1e-3,
        "lbfgs_tolerance_grad": -1.0,
        "lbfgs_tolerance_change": -1.0,
        "scale_steps": (1000,),
    },
    "gordicaleksa": {
        "content_weight": 1e5,
        "style_loss": "gram_paper",
        "style_weight": 24e3,
        "tv_weight": 1.0,
        "feed": "bytes",
        "line_search": "strong_wolfe",
        "scale_steps": (1000,),
    },
    "tutorial": {
        "content_layers": ("conv2_2",),
        "style_layers": ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"),
        "style_weight": 1e6,
        "variable": "unit",
        "noise_std": 0.25,
        "clamp": "closure",
        "scale_steps": (300,),
    },
    "crowsonkb": {
        "content_weight": 0.015,
        "style_loss": "wasserstein",
        "style_weight": 1.0,
        "style_layer_weights": tuple(weight / 341 for weight in (256, 64, 16, 4, 1)),
        "tv_weight": 2.0,
        "tv_loss": "l2",
        "variable": "unit",
        "noise_std": 0.25,
        "padding": "replicate",
        "optimizer": "adam",
        "learning_rate": 0.02,
        "adam_beta2": 0.99,
        "lbfgs_history": 10,
        "clamp": "step",
        "averaging": 0.99,
        "pyramid": "down_to",
        "scale_steps": (1000, 500),
        "resample": "bicubic",
        "style_fit": "shrink",
    },
    "spst": {
        "style_loss": "gram_moments",
        "moments_weight": 1e4,
        "pyramid": "until_within",
        "min_scale": 1023,
        "scale_ratio": 2.0,
        "scale_steps": (600, 200, 66, 30),
        "lbfgs_history_later": 10,
        "style_fit": "short_side",
    },
    DEFAULT_OF_2026_11: {
        "lbfgs_history": 10,
        "lbfgs_preconditioner": "binomial",
        "pyramid": "down_to",
        "scale_ratio": 2.0,
        "scale_steps": (60, 30, 12),
        "scale_detail": 1.0,
        "resample": "bicubic",
        "style_fit": "shrink",
    },
}
"""Changes of each preset to StyleConfig's defaults, which are those of "gatys"."""

NATIVE_WEIGHTS: dict[str, str] = {
    "gatys": "caffe",
    "seed": "imagenet",
    "johnson": "caffe",
    "gordicaleksa": "imagenet",
    "tutorial": "imagenet",
    "crowsonkb": "imagenet",
    "spst": "caffe",
}
"""The weights, by input or name, for which each preset's constants were published."""

REFERENCE_RATIO = 30.0
"""|style gradient| / |content gradient| on other weights; see `napari_nst.core.balance`.

Chosen on pictures: the published weights were not available to measure it.
"""

BUILTIN_RATIO = 10.0
"""The same on the built-in features, where ratios above 30 change little (docs/features.md)."""

BUILTIN_LAYER_WEIGHTS = (16.0, 4.0, 12.0, 32.0, 4.0)
"""Default weights of relu1_1 to relu5_1 in Gram losses on the built-in features.

Chosen on pictures (docs/features.md): colour comes from relu1_1, strokes from relu2_1 to relu5_1,
whose gradients these weights make about equal.
"""

OWN_RATIOS = {"default": 10.0, "painterly": 25.0}
"""The same ratio for presets that normalise each layer, on any weights."""


def matched_ratio(weights_name: str, preset: str = "") -> float:
    """Return the matched |style gradient| / |content gradient| at style strength 1."""
    if preset in OWN_RATIOS:
        return OWN_RATIOS[preset]
    return BUILTIN_RATIO if weights_name == "builtin" else REFERENCE_RATIO
