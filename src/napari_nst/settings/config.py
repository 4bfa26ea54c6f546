"""StyleConfig: one frozen, validated description of a run.

The validator, the command line and the dock widget all read each field's metadata: title, help,
bounds, choices, their labels, unit, and the word for an unset value.
"""

import json
import math
from collections.abc import Iterable, Sized
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from napari_nst.errors import ConfigError, shown
from napari_nst.settings.fields import (
    COLOR_SETTINGS,
    COLORS_HELP,
    COLORS_LABELS,
    BalanceMode,
    Clamp,
    Colors,
    ContentLoss,
    Feed,
    Init,
    LineSearch,
    OptimizerName,
    Padding,
    Pooling,
    Precision,
    Preconditioner,
    Pyramid,
    Resample,
    StyleFit,
    StyleLoss,
    TvLoss,
    Variable,
    setting,
)
from napari_nst.settings.formats import FORMAT, of_today
from napari_nst.settings.json_reader import parse_json
from napari_nst.settings.presets import PRESETS
from napari_nst.settings.values import MOST, check_layers, check_value, in_numbers, plain_value

EACH_STYLE = ("blend", "style_scales", "style_rotations", "style_detail")
"""Fields with a value for each style, or none."""

STEERABLE = (
    "style_strength",
    *COLOR_SETTINGS,
    "content_weight",
    "tv_weight",
    "content_layer_weights",
    "style_layer_weights",
    "blend",
    "learning_rate",
)
"""Fields that may change during a run."""


@dataclass(frozen=True, kw_only=True)
class StyleConfig:
    """All settings of a run, apart from pictures and weights.

    The fields' defaults are the preset "gatys"; a run without settings uses the
    preset "default". Weights are in the presets' own units; see
    `napari_nst.core.loss.objective` for the formulas.

    Raises
    ------
    ConfigError
        If a value is of the wrong type, out of its bounds, or does not fit another.
    """

    name: str = setting("gatys", "Preset", "The preset that the settings started from.")
    size: int | None = setting(
        512,
        "Size",
        "Longest side of the result; smaller pictures are enlarged. “original” keeps the size.",
        minimum=16,
        maximum=65536,
        unit="px",
        absent="original",
    )
    steps: int | None = setting(
        None,
        "Steps",
        "Total steps, divided among the scales as in the preset. “preset” keeps the preset's.",
        minimum=1,
        maximum=1_000_000,
        absent="preset",
    )
    style_strength: float = setting(
        1.0,
        "Style strength",
        "Strength of the style: 1 is as in the preset; more is bolder.",
        minimum=0,
        maximum=MOST,
    )
    colors: Colors = setting("none", "Colours", COLORS_HELP, labels=COLORS_LABELS)
    color_strength: float = setting(
        1.0,
        "Colour strength",
        "How much of the chosen colours the result gets: 0 is as painted, 1 is all.",
        minimum=0,
        maximum=1,
    )
    content_weight: float = setting(
        1.0, "Content weight", "Weight of the content term (alpha).", minimum=0, maximum=MOST
    )
    style_weight: float = setting(
        1e3, "Style weight", "Weight of the style term (beta).", minimum=0, maximum=MOST
    )
    tv_weight: float = setting(
        0.0,
        "Smoothness",
        "Weight of the total variation: more is smoother.",
        minimum=0,
        maximum=MOST,
    )
    content_layers: tuple[str, ...] = setting(
        ("relu4_2",), "Content layers", "VGG-19 layers at which content is compared."
    )
    content_layer_weights: tuple[float, ...] = setting(
        (),
        "Content layer weights",
        "Weight of each content layer; “equal” is 1 each.",
        minimum=0,
        maximum=MOST,
        absent="equal",
    )
    style_layers: tuple[str, ...] = setting(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        "Style layers",
        "VGG-19 layers at which style is compared.",
    )
    style_layer_weights: tuple[float, ...] = setting(
        (),
        "Style layer weights",
        "Weight of each style layer; “equal” is 1 each.",
        minimum=0,
        maximum=MOST,
        absent="equal",
    )
    content_loss: ContentLoss = setting(
        "mse", "Content loss", "mse: mean of squares. half_sum: half the sum of squares (paper)."
    )
    style_loss: StyleLoss = setting(
        "gram",
        "Style loss",
        "gram: the authors' code. gram_paper: the paper's formula. gram_moments: gram plus "
        "means and deviations. wasserstein: distance of Gaussians. local_wasserstein: the same to "
        "second order, in a third of the time; its layer weights are shares of the gradient.",
    )
    tv_loss: TvLoss = setting(
        "l1", "Smoothness loss", "l1: sum of differences. l2: mean of squared differences."
    )
    moments_weight: float = setting(
        0.0,
        "Moments weight",
        "Weight of means and deviations in gram_moments.",
        minimum=0,
        maximum=MOST,
    )
    variable: Variable = setting(
        "byte", "Optimised variable", "Range of the optimised picture: unit 0-1, byte 0-255."
    )
    feed: Feed = setting(
        "weights",
        "Network input",
        "weights: as the weights file expects it. bytes: RGB 0-255 minus the mean.",
    )
    pooling: Pooling = setting(
        "max", "Pooling", "How the network reduces its features: average is smoother than max."
    )
    padding: Padding = setting(
        "zeros",
        "Padding",
        "What the network reads beyond the picture's border. circular: the opposite border, so "
        "that the result tiles without a seam; its sides are rounded to multiples of 16 px, or of "
        "the deepest layer's stride.",
    )
    init: Init = setting("content", "Start from", "The picture that the run starts from.")
    init_blend: float = setting(
        1.0,
        "Share of the start",
        "How much of the noise, or of another picture to start from, is mixed with the content: 1 "
        "is that alone, 0 the content.",
        minimum=0,
        maximum=1,
    )
    noise_std: float = setting(
        1.0,
        "Noise",
        "Standard deviation of the starting noise, in units of the optimised variable.",
        minimum=0,
        maximum=1e6,
    )
    optimizer: OptimizerName = setting(
        "lbfgs", "Optimizer", "lbfgs: fewer, more expensive steps. adam: less memory, steady."
    )
    learning_rate: float = setting(
        1.0, "Learning rate", "Length of a step.", minimum=0, maximum=1e6
    )
    adam_beta1: float = setting(
        0.9, "Adam beta 1", "Memory of the mean.", minimum=0, maximum=0.999999
    )
    adam_beta2: float = setting(
        0.999, "Adam beta 2", "Memory of the variance.", minimum=0, maximum=0.999999
    )
    lbfgs_history: int = setting(
        100,
        "L-BFGS history",
        "Past steps that are stored; each takes 24 bytes a pixel, 12 in 16 bits.",
        minimum=1,
        maximum=1000,
    )
    lbfgs_history_later: int | None = setting(
        None,
        "L-BFGS history, later scales",
        "The same from the second scale on; “same” keeps the first scale's.",
        minimum=1,
        maximum=1000,
        absent="same",
    )
    lbfgs_tolerance_grad: float = setting(
        1e-7,
        "L-BFGS gradient tolerance",
        "Stop below this gradient; -1 never stops.",
        minimum=-MOST,
        maximum=MOST,
    )
    lbfgs_tolerance_change: float = setting(
        1e-9,
        "L-BFGS change tolerance",
        "Stop below this change; -1 never stops.",
        minimum=-MOST,
        maximum=MOST,
    )
    lbfgs_preconditioner: Preconditioner = setting(
        "none",
        "L-BFGS preconditioner",
        "binomial: about half the steps suffice on the built-in features, because steps are "
        "smoothed over neighbouring pixels. wide: the same, with a wider filter at scales below "
        "400 px. none: as published. Only for lbfgs without a line search.",
    )
    line_search: LineSearch = setting(
        "none", "Line search", "strong_wolfe tries several lengths for each L-BFGS step."
    )
    clamp: Clamp = setting(
        "none",
        "Clamp",
        "When colours are clipped to their range: never, after each step, or always.",
    )
    averaging: float = setting(
        0.0,
        "Averaging",
        "Decay of the running average of pictures that is shown and saved; 0 switches it off.",
        minimum=0,
        maximum=0.999999,
    )
    pyramid: Pyramid = setting(
        "single",
        "Scales",
        "single: one size. down_to: coarse to fine from min_scale up. until_within: shrunk "
        "until the short side is within min_scale.",
    )
    min_scale: int = setting(
        128, "Smallest scale", "Size at which scales start.", minimum=16, maximum=65536, unit="px"
    )
    scale_ratio: float = setting(
        math.sqrt(2), "Scale ratio", "Each scale is this much larger.", minimum=1.01, maximum=16
    )
    scale_steps: tuple[int, ...] = setting(
        (500,),
        "Steps of each scale",
        "Coarse to fine; the last one repeats. `steps` scales all of them.",
        minimum=1,
        maximum=1_000_000,
    )
    scale_detail: float = setting(
        0.0,
        "Content's detail",
        "Share of the content's detail that is added at the start of a finer scale, because the "
        "coarser scale was too small for it.",
        minimum=0,
        maximum=1,
    )
    scale_grain: float = setting(
        0.0,
        "Grain",
        "Noise that is added at the start of a finer scale, as a share of the style's finest "
        "detail. Without it smooth areas may get a regular weave.",
        minimum=0,
        maximum=4,
    )
    resample: Resample = setting("bilinear", "Resampling", "Filter that resizes the pictures.")
    style_fit: StyleFit = setting(
        "longest",
        "Style fit",
        "longest: the style gets the content's longest side. shrink: the same, never enlarged. "
        "short_side: shrunk only if its short side is over 1.1 times the content's.",
    )
    style_scale: float = setting(
        1.0,
        "Style scale",
        "Size of the style's strokes: below 1 is finer.",
        minimum=0.01,
        maximum=1e6,
    )
    blend: tuple[float, ...] = setting(
        (),
        "Blend",
        "Share of each style where several are blended; “equal” is 1 each.",
        minimum=0,
        maximum=MOST,
        absent="equal",
    )
    style_scales: tuple[float, ...] = setting(
        (),
        "Style scales",
        "Style scale of each of several styles, times the common one; “equal” is 1 each.",
        minimum=0.01,
        maximum=1e6,
        absent="equal",
    )
    style_rotations: tuple[float, ...] = setting(
        (),
        "Style rotations",
        "By how much each style is turned, counter-clockwise; “none” is 0 each.",
        minimum=-360,
        maximum=360,
        unit="°",
        absent="none",
    )
    style_detail: tuple[str, ...] = setting(
        (),
        "Style detail",
        "Which style layers each style gives: “fine” (of blocks 1 and 2), “coarse” (the others), "
        "“all”, or layers with their share, such as relu1_1+relu2_1:0.5.",
        absent="all",
    )
    balance: BalanceMode = setting(
        "auto",
        "Balance",
        "published: constants as printed. matched: style fitted to the weights in use. auto: "
        "published on the weights that the preset was made for, else matched.",
    )
    precision: Precision = setting(
        "auto",
        "Precision",
        "Of the network. auto: bfloat16 if the hardware has units for it, else float32.",
    )
    tile: int | None = setting(
        None,
        "Window size",
        "Longest side of the windows that large pictures are worked on in; the result is the same. "
        "“auto” takes the largest that fit into memory where the whole does not. 0 (off): never.",
        minimum=0,
        maximum=65536,
        unit="px",
        absent="auto",
        zero="off",
    )
    seed: int = setting(0, "Seed", "Of the starting noise.", minimum=0, maximum=2**63 - 1)

    def __post_init__(self) -> None:
        for each in fields(self):
            is_list = get_origin(setting_type(each.name)) is tuple
            value = plain_value(getattr(self, each.name), is_list=is_list)
            value = in_numbers(each, value)
            check_value(each, setting_type(each.name), value)
            object.__setattr__(self, each.name, value)  # as dataclasses do for frozen ones
        check_layers(self)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:  # noqa: ANN401 - validated per field
        """Create the named preset, with `changes` to its fields.

        Raises
        ------
        ConfigError
            If there is no such preset or field, or a value is out of range.
        """
        if not isinstance(name, str) or name not in PRESETS:
            raise ConfigError(f"there is no preset {shown(name)}; choose from {', '.join(PRESETS)}")
        return cls(name=name).replace(**PRESETS[name]).replace(**changes)

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - validated per field
        """Copy with `changes`; raises ConfigError as the constructor does.

        Layer weights belong to their layers: if other layers are given without weights, and their
        number differs, all get equal weight.
        """
        _refuse_unknown(changes)
        for kind in ("content", "style"):
            layers, weights = f"{kind}_layers", f"{kind}_layer_weights"
            is_bare = layers in changes and weights not in changes
            if is_bare and not _are_as_many(changes[layers], getattr(self, weights)):
                changes[weights] = ()
        return replace(self, **changes)

    @property
    def is_circular(self) -> bool:
        """Whether opposite borders of the result meet, so that it tiles."""
        return self.padding == "circular"

    @property
    def of_one_style(self) -> Self:
        """The settings without those that have a value for each style."""
        return self.replace(**dict.fromkeys(EACH_STYLE, ()))

    @property
    def taps(self) -> tuple[str, ...]:
        """The content layers, then the style layers."""
        return (*self.content_layers, *self.style_layers)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, tuples as lists, with the format number."""
        return {"format": FORMAT} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """Read what `to_dict` returned; missing settings get the preset's value.

        Raises
        ------
        ConfigError
            If a value does not fit, or the format is newer than this version knows.
        """
        if not isinstance(settings, dict):
            raise ConfigError(f"settings are a dict of names and values; got {shown(settings)}")
        settings = of_today(settings)
        name = settings.pop("name", "default")
        _refuse_unknown(settings)  # before ** below, where a key "self" would clash
        known = isinstance(name, str) and name in PRESETS
        return cls.preset(name, **settings) if known else cls(name=name).replace(**settings)

    def to_json(self) -> str:
        """Return the settings as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` returned; raises ConfigError on anything else."""
        return cls.from_dict(parse_json(text, "the settings"))


def changes(config: StyleConfig, base: StyleConfig) -> dict[str, Any]:
    """Return the settings, name aside, that differ from those of `base`."""
    ours, theirs = asdict(config), asdict(base)
    return {name: ours[name] for name in ours if name != "name" and ours[name] != theirs[name]}


def _are_as_many(layers: object, weights: tuple[float, ...]) -> bool:
    """Return whether unchecked layers have the same number as weights."""
    return isinstance(layers, Sized) and len(layers) == len(weights)


def checked_config(config: object) -> StyleConfig:
    """Return settings unchanged; raises ConfigError on anything but a StyleConfig."""
    if not isinstance(config, StyleConfig):
        raise ConfigError(
            f"config is a StyleConfig; got {shown(config)}. Create one with "
            "StyleConfig.preset('default', size=512) or StyleConfig.from_dict"
        )
    return config


def setting_type(name: str) -> Any:  # noqa: ANN401 - a type expression
    """Return the annotation of a field of StyleConfig, such as ``int | None``."""
    return _setting_types()[name]


@cache  # get_type_hints takes 0.1 ms, and every field of every StyleConfig is checked
def _setting_types() -> dict[str, Any]:
    return get_type_hints(StyleConfig)


@cache
def absent_word(name: str) -> str:
    """Return the word for an unset value of a field; empty if it is always set."""
    return next(str(each.metadata["absent"]) for each in fields(StyleConfig) if each.name == name)


@cache
def choices(name: str) -> tuple[str, ...]:
    """Return the choices of a field; empty if it has none."""
    annotation = setting_type(name)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _refuse_unknown(names: Iterable[object]) -> None:
    known = [each.name for each in fields(StyleConfig)]
    for name in (each for each in names if each not in known):
        first = name if isinstance(name, str) else shown(name)
        raise ConfigError(f"unknown setting {first[:80]}; known: {', '.join(sorted(known))}")
