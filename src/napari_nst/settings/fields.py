"""What settings are made of: their choices, and the metadata of a field."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from napari_nst.errors import ConfigError

ContentLoss = Literal["mse", "half_sum"]
StyleLoss = Literal["gram", "gram_paper", "gram_moments", "wasserstein", "local_wasserstein"]
TvLoss = Literal["l1", "l2"]
Variable = Literal["unit", "byte"]
Feed = Literal["weights", "bytes"]
Pooling = Literal["max", "average", "average_x2", "l2"]
Padding = Literal["zeros", "replicate", "circular"]
Init = Literal["content", "noise"]
OptimizerName = Literal["lbfgs", "adam"]
LineSearch = Literal["none", "strong_wolfe"]
Preconditioner = Literal["none", "binomial", "wide"]
Colors = Literal["style", "palette", "histogram", "content", "luminance", "before", "none"]
Clamp = Literal["none", "step", "closure"]
Pyramid = Literal["single", "down_to", "until_within"]
Resample = Literal["bilinear", "bicubic"]
StyleFit = Literal["longest", "shrink", "short_side"]
BalanceMode = Literal["auto", "published", "matched"]
Precision = Literal["auto", "float32", "bfloat16", "float64"]

COLORS_LABELS = {
    "style": "of the style",
    "palette": "of the style, light as painted",
    "histogram": "of the style, exactly",
    "content": "of the content",
    "luminance": "of the content, pixel by pixel",
    "before": "of the content, before the run",
    "none": "as painted",
}
"""Labels of the choices of `colors` in forms and menus."""

COLORS_HELP = (
    "Of the style: its average and spread (style), its hues with light and shade as painted "
    "(palette), or its histogram (histogram). Of the content: its average and spread (content), "
    "its hues pixel by pixel (luminance), or given to the style before the run (before). As "
    "painted (none). Can be changed during a run and afterwards, except to “before”."
)

COLOR_SETTINGS = ("colors", "color_strength")
"""Settings that act on the finished picture alone, and can be changed after the run."""

RECOLOURED_CONTENT = ("style", "palette", "histogram")
"""Choices of `colors` with which a run starts from a content in the style's colours."""

VARIABLE_MAXIMUM: dict[Variable, float] = {"unit": 1.0, "byte": 255.0}
"""What 1 on the [0, 1] picture is on each optimised variable."""


def check_late_colors(colors: Colors, begun: Colors) -> None:
    """Raise ConfigError if colours that act before a run are chosen for one that has begun."""
    if colors == "before" != begun:
        raise ConfigError(
            "colors “before” recolours the style before the run, and cannot be chosen during it or "
            "afterwards; run it again with “before”, or choose “content” or “luminance”"
        )


def setting(
    default: object,
    title: str,
    help: str,  # noqa: A002 - the metadata key that magicgui and typer users know
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str | None = None,
    labels: Mapping[str, str] | None = None,
    absent: str = "",
    zero: str = "",
) -> Any:  # noqa: ANN401 - dataclasses.field is typed to return its default
    """Return a field of StyleConfig with what forms, shells and checks read of it."""
    shown = {"minimum": minimum, "maximum": maximum, "unit": unit, "labels": labels or {}}
    shown["absent"] = absent  # the word for None or (), in the dock and in the shell
    shown["zero"] = zero  # the word for 0, in the shell and in Python
    return field(default=default, metadata={"title": title, "help": help, **shown})
