"""The front door: arrays in, a generator of steps out."""

import platform
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_nst.core.arrays import as_array
from napari_nst.core.balance import matched_balance
from napari_nst.core.colour import Palette
from napari_nst.core.control import RunControl
from napari_nst.core.device import resolve_device, resolve_precision
from napari_nst.core.inputs import checked_steering, style_arrays
from napari_nst.core.loss.objective import PUBLISHED, Balance
from napari_nst.core.memory import held_heap
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.preprocess import FeedKind, mean_colour
from napari_nst.core.picture import Picture, Pictures, read_picture, write_array
from napari_nst.core.run import Reason, Run, Scale
from napari_nst.errors import ConfigError, is_out_of_memory
from napari_nst.planning.estimate import Plan, learn, plan_of
from napari_nst.planning.lessons import OwnTime
from napari_nst.planning.remedies import ran_out, refuse_if_too_large
from napari_nst.settings.config import Colors, StyleConfig, checked_config
from napari_nst.settings.presets import (
    BUILTIN_LAYER_WEIGHTS,
    DEFAULT_PRESET,
    NATIVE_WEIGHTS,
    PRESETS,
    matched_ratio,
)
from napari_nst.settings.record import RunRecord, SteeringEvent, picture_hash
from napari_nst.weights import InputKind, Weights, load

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LossPoint:
    """The loss at the picture that entered a step.

    Parameters
    ----------
    iteration
        1 for the first step; the last point of a result is one more evaluation, of the result.
    scale
        Index of the scale, 0 the coarsest.
    loss
        Sum of the terms.
    terms
        Weighted "content", "style" and, where it has weight, "tv".
    seconds
        Since the run began.
    """

    iteration: int
    scale: int
    loss: float
    terms: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Step:
    """One step of a run; `loss` and `terms` are of the picture that entered it.

    Parameters
    ----------
    iteration
        1 to total, over all scales.
    total
        Steps of the whole run.
    scale
        The scale of this step.
    loss, terms, seconds
        As in LossPoint.
    """

    iteration: int
    total: int
    scale: Scale
    loss: float
    terms: dict[str, float]
    seconds: float
    _image: Callable[[], Array]
    _record: Callable[[], RunRecord]

    def image(self) -> Array:
        """Give the picture after this step; ask before asking for the next step.

        Returns
        -------
        array, shape (H, W, 3), or (H, W, 4) where the content has opacity
            In the content's dtype, at this scale's size.
        """
        return self._image()

    def record(self) -> RunRecord:
        """Return the record of the run, were it stopped now; ask before asking for the next step.

        It reproduces the picture after this step.
        """
        return self._record()


@dataclass(frozen=True)
class StyleResult:
    """What a run leaves.

    Parameters
    ----------
    image
        Array of shape (H, W, 3), or (H, W, 4) where the content has opacity, in its dtype.
    painted
        The picture before it got its colours, shape (H, W, 3), float32, nominally in [0, 1].
    history
        The loss at every step, and one last evaluation of the result.
    reason
        "finished", "stopped", "converged" (the optimiser no longer moves) or "diverged" (the
        loss was not finite; the image is the last good one).
    record
        What reproduces the run.
    seconds
        How long it took.
    """

    image: Array
    painted: npt.NDArray[np.float32]
    history: tuple[LossPoint, ...]
    reason: Reason
    record: RunRecord
    seconds: float

    def with_colors(self, colors: Colors) -> "StyleResult":
        """Copy with other colours, without running again; the record tells them.

        Parameters
        ----------
        colors
            "style", "content" or "none", as in StyleConfig.
        """
        image = recolored(self.image, self.painted, self.record, colors)
        return replace(self, image=image, record=self.record.with_colors(colors))


def recolored(
    image: Array, painted: npt.NDArray[np.float32], record: RunRecord, colors: Colors
) -> Array:
    """Give a finished picture other colours.

    Parameters
    ----------
    image : array, shape (H, W, 3) or (H, W, 4)
        The result, whose dtype and opacity stay.
    painted : array, shape (H, W, 3), float32
        The picture before it got its colours.
    record
        Of the run; it holds the colours of content and style.
    colors
        "style", "content" or "none", as in StyleConfig.

    Raises
    ------
    ConfigError
        If there are no such colours, or the record, damaged or of an earlier version, does not
        hold those of content and style.
    """
    record.config.replace(colors=colors)
    try:
        palette = Palette.from_dict(record.resolved["palette"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "the record of this result holds no colours of its content and style: it is of an "
            "earlier version, or damaged; run it again to choose its colours"
        ) from error
    like = read_picture(image, "the result")
    rgb = torch.from_numpy(painted).permute(2, 0, 1)[None]
    return write_array(palette.after(rgb, colors, like.alpha), like)


def stylize(
    content: Array,
    style: Array | Sequence[Array],
    config: StyleConfig | None = None,
    *,
    weights: str | Path | Weights = "auto",
    weights_input: InputKind | None = None,
    device: str = "auto",
    control: RunControl | None = None,
    init: Array | None = None,
    events: Sequence[SteeringEvent] = (),
    check_memory: bool = True,
) -> StyleResult:
    """Paint `content` in the manner of `style`; takes and raises what `iter_stylize` does."""
    run = iter_stylize(
        content,
        style,
        config,
        weights=weights,
        weights_input=weights_input,
        device=device,
        control=control,
        init=init,
        events=events,
        check_memory=check_memory,
    )
    while True:
        try:
            next(run)
        except StopIteration as end:
            result: StyleResult = end.value
            return result


def iter_stylize(
    content: Array,
    style: Array | Sequence[Array],
    config: StyleConfig | None = None,
    *,
    weights: str | Path | Weights = "auto",
    weights_input: InputKind | None = None,
    device: str = "auto",
    control: RunControl | None = None,
    init: Array | None = None,
    events: Sequence[SteeringEvent] = (),
    check_memory: bool = True,
) -> Generator[Step, None, StyleResult]:
    """Paint `content` in the manner of `style`, one step at a time.

    Parameters
    ----------
    content : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, or floating in [0, 1]; numpy's, or anything with ``__array__``: dask's,
        zarr's, a tensor of torch, a picture of PIL.
    style : array as `content`, or a list of them
        Several styles are blended equally.
    config
        The preset "default" where there is none.
    weights
        "auto", "imagenet", "builtin", "untrained", a file, or loaded weights.
    weights_input
        How a weights file wants to be fed, where it does not say so itself.
    device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    control
        Stops, pauses and steers the run from another thread.
    init : array as `content`
        The picture to start from, instead of ``config.init``; resized to fit.
    events
        Steering to repeat, of a RunRecord.
    check_memory
        Whether to refuse a run that does not fit into free memory; on a CPU the system may end
        the whole program otherwise.

    Yields
    ------
    Step
        And a StyleResult as the generator's return value.

    Raises
    ------
    ImageError, ConfigError
        At once, if a picture's shape, dtype or values do not fit, or another argument's type.
    ImageError, ConfigError, WeightsError, DeviceError
        From the generator, saying what was expected, what came and what to do.
    DeviceMemoryError
        From the generator, with what would fit as its `remedies`: as TooLargeError before the
        first step, or when memory runs out later.
    """
    pictures, hashes = _read(content, style, init)
    config = StyleConfig.preset(DEFAULT_PRESET) if config is None else checked_config(config)
    events, control = checked_steering(events, control, config)
    plan = _Plan(pictures, config, hashes, control, events)
    return _generate(plan, weights, weights_input, device, check_memory=check_memory)


def _read(
    content: Array, style: Array | Sequence[Array], init: Array | None
) -> tuple[Pictures, dict[str, Any]]:
    """Read the arrays, and give the pictures' hashes for the record."""
    content, styles = as_array(content, "content"), style_arrays(style)
    init = None if init is None else as_array(init, "the picture to start from")
    pictures = Pictures(
        read_picture(content, "content"),
        [read_picture(each, role) for role, each in styles.items()],
        None if init is None else read_picture(init, "the picture to start from"),
    )
    return pictures, _hashes(content, list(styles.values()), init)


def _hashes(content: Array, styles: list[Array], init: Array | None) -> dict[str, Any]:
    hashes = {"content": picture_hash(content), "styles": [picture_hash(each) for each in styles]}
    return hashes if init is None else hashes | {"init": picture_hash(init)}


@dataclass(frozen=True)
class _Plan:
    pictures: Pictures
    config: StyleConfig
    hashes: dict[str, Any]
    control: RunControl
    events: tuple[SteeringEvent, ...]


def _generate(
    plan: _Plan,
    weights: str | Path | Weights,
    weights_input: InputKind | None,
    device: str,
    *,
    check_memory: bool,
) -> Generator[Step, None, StyleResult]:
    chosen = resolve_device(device)
    sizes = [style.size for style in plan.pictures.styles]
    expected = plan_of(plan.config, plan.pictures.content.size, sizes, device)
    if check_memory:
        refuse_if_too_large(expected)
    own_time, import_s = OwnTime(plan.control), expected.import_s
    try:
        with held_heap():
            result = yield from own_time.of(_paint(plan, weights, weights_input, chosen))
        _learn(expected, result, own_time.seconds - import_s)
        return result
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        # The frames that failed hold the tensors that did not fit.
        traceback.clear_frames(error.__traceback__)
    raise ran_out(expected)


def _learn(expected: Plan, result: StyleResult, measured_s: float) -> None:
    """Let estimates learn from a run, unless its course was not that of its settings."""
    if result.record.events or result.reason == "diverged":
        return
    taken = Counter(point.scale for point in result.history[: result.record.steps_done])
    learn(expected, [taken[scale] for scale in range(len(expected.sizes))], measured_s=measured_s)


def _paint(
    plan: _Plan,
    weights: str | Path | Weights,
    weights_input: InputKind | None,
    device: torch.device,
) -> Generator[Step, None, StyleResult]:
    began = time.perf_counter()
    if not isinstance(weights, Weights):
        weights = load(weights, weights_input=weights_input, seed=0)
    run, record = _prepare(plan, weights, device)
    try:
        return (yield from _take_steps(run, record, plan.pictures.content, began))
    finally:
        run.release()


def _take_steps(
    run: Run, record: RunRecord, like: Picture, began: float
) -> Generator[Step, None, StyleResult]:
    history: list[LossPoint] = []
    for step in run.steps():
        evaluation, seconds = step.evaluation, time.perf_counter() - began
        point = (evaluation.loss, evaluation.terms, seconds)
        history.append(LossPoint(step.iteration, step.scale.index, *point))
        show, stopped = partial(_show, run, like), partial(_stopped, run, record)
        yield Step(step.iteration, run.total, step.scale, *point, show, stopped)
    seconds = time.perf_counter() - began
    if run.reason != "stopped" or not history:
        history.append(_last_point(run, history, began))
    record = record.replace(events=tuple(run.events), steps_done=run.done, reason=run.reason)
    painted = run.picture.detach().float().cpu()[0].permute(1, 2, 0).numpy()
    image = write_array(run.shown(), like)
    return StyleResult(image, painted, tuple(history), run.reason, record, seconds)


def _prepare(plan: _Plan, weights: Weights, device: torch.device) -> tuple[Run, RunRecord]:
    config = _suited(plan.config, weights)
    in_bytes = config.feed == "bytes" and weights.input == "torchvision"
    feed: FeedKind = "bytes" if in_bytes else weights.input
    encoder = Encoder(
        weights.tensors,
        feed=feed,
        taps=(*config.content_layers, *config.style_layers),
        pooling=config.pooling,
        padding=config.padding,
        device=device,
        dtype=resolve_precision(config.precision, device),
    )
    balance = _balance(config, weights, encoder)
    run = Run(
        plan.pictures,
        encoder,
        config,
        grey=mean_colour(feed),
        balance=balance,
        control=plan.control,
        events=plan.events,
    )
    resolved = {
        "device": str(device),
        "precision": str(encoder.dtype).removeprefix("torch."),
        "balance": asdict(balance),
        "style_layer_weights": list(config.style_layer_weights),
        "feed": feed,
        "scales": [list(size) for size in run.sizes],
        "palette": run.palette.to_dict(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("napari-nst", "torch", "numpy")}
        | {"python": platform.python_version()},
    }
    hashes = plan.hashes | {"weights": weights.sha256}
    return run, RunRecord(plan.config, resolved, hashes, weights.name)


def _suited(config: StyleConfig, weights: Weights) -> StyleConfig:
    """Give the built-in features the layer weights that suit them, unless others are asked for."""
    is_plain = not config.style_layer_weights and config.style_loss.startswith("gram")
    is_usual = config.style_layers == StyleConfig().style_layers
    if weights.name == "builtin" and config.balance != "published" and is_plain and is_usual:
        return config.replace(style_layer_weights=BUILTIN_LAYER_WEIGHTS)
    return config


def _balance(config: StyleConfig, weights: Weights, encoder: Encoder) -> Balance:
    native = NATIVE_WEIGHTS.get(config.name)
    is_native = native in (weights.name, weights.input)
    if config.balance == "published" or (config.balance == "auto" and is_native):
        return PUBLISHED
    preset = StyleConfig.preset(config.name) if config.name in PRESETS else StyleConfig()
    own = {"content_weight": preset.content_weight, "style_weight": preset.style_weight}
    # Matched at the preset's own weights: those asked for then act on top of it.
    ratio = matched_ratio(weights.name, config.name)
    return matched_balance(encoder, config.replace(**own), ratio, weights_hash=weights.sha256)


def _last_point(run: Run, history: list[LossPoint], began: float) -> LossPoint:
    evaluation = run.evaluate()
    scale = history[-1].scale if history else 0
    seconds = time.perf_counter() - began
    return LossPoint(run.done + 1, scale, evaluation.loss, evaluation.terms, seconds)


def _show(run: Run, like: Picture) -> Array:
    return write_array(run.shown(), like)


def _stopped(run: Run, record: RunRecord) -> RunRecord:
    return record.replace(events=tuple(run.events), steps_done=run.done, reason="stopped")
