"""What settings are made of: their choices, and the metadata of a field."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

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
Colors = Literal["style", "content", "none"]
Clamp = Literal["none", "step", "closure"]
Pyramid = Literal["single", "down_to", "until_within"]
Resample = Literal["bilinear", "bicubic"]
StyleFit = Literal["longest", "shrink", "short_side"]
BalanceMode = Literal["auto", "published", "matched"]
Precision = Literal["auto", "float32", "bfloat16", "float64"]

COLORS_LABELS = {"style": "of the style", "content": "of the content", "none": "as painted"}
"""Labels of the choices of `colors` in forms and menus."""

VARIABLE_MAXIMUM: dict[Variable, float] = {"unit": 1.0, "byte": 255.0}
"""What 1 on the [0, 1] picture is on each optimised variable."""


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
