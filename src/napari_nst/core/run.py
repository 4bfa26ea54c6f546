"""A run: scale by scale, step by step, polling its control."""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from napari_nst.core.colours.painted import Painted
from napari_nst.core.colours.palette import Palette
from napari_nst.core.control import RunControl, Stopped
from napari_nst.core.device import finest_dtype
from napari_nst.core.loss.objective import PUBLISHED, Balance
from napari_nst.core.loss.targets import StyleTargets
from napari_nst.core.loss.temporal import TemporalTarget
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.optim.descent import Descent
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.optim.lbfgs import kept_dtype
from napari_nst.core.optim.optimizer import State
from napari_nst.core.picture import (
    Pictures,
    fit_longest_side,
    resize,
    write_array,
    write_rows,
)
from napari_nst.core.picture_evaluator import PictureEvaluator
from napari_nst.core.pyramid import scale_sizes, split_steps
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.store.store import InMemory, block, copied
from napari_nst.core.tiling.layout import Layout
from napari_nst.errors import ClusterError, ConfigError, DeviceError, is_out_of_memory, shown
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import COLOR_SETTINGS
from napari_nst.settings.record import SteeringEvent
from napari_nst.settings.regions import REGIONS, Regions
from napari_nst.settings.results import Reason, Scale

_LONGEST_STEP = 0.05
"""The longest step of L-BFGS, a root mean square as a share of the picture's range.

Without a line search L-BFGS sometimes takes a huge step, and the picture turns to noise for a step
or two, or for good. Useful steps are seldom longer. On the weights that a preset was published for,
in full precision, the original's course is kept, whatever it does.
"""


_STATE_FORMAT = 2
_DAMAGE = (KeyError, TypeError, AttributeError, IndexError, ValueError, RuntimeError)
"""What reading a damaged or foreign state raises."""


@dataclass(frozen=True)
class RunStep:
    """A step that was taken, and the evaluation at the picture that entered it."""

    iteration: int
    scale: Scale
    evaluation: Evaluation


class Run:
    """One optimisation, from the coarsest scale to the finest.

    Parameters
    ----------
    pictures
        Content, styles and start.
    encoder
        The network, with taps at all layers of `config`.
    config
        The settings as asked.
    grey : Tensor, shape (1, 3, 1, 1), values in [0, 1]
        The colour around which noise is drawn: the network's zero.
    balance
        Fits the terms to the weights.
    control
        Polled at every step and before every evaluation.
    events
        Steering to repeat.
    layout
        In which windows pictures are worked on, and where whole ones lie; one window in the
        device's memory by default.
    style_targets
        Styles that runs with this encoder have measured, shared between them.
    regions
        Which part of the content gets which style.
    temporal
        What the result should equal, as a frame of a sequence.

    Attributes
    ----------
    picture : Tensor, shape (1, 3, H, W)
        The picture before it gets its colours; after a divergence the last good one.
    reason
        Why the run ended.
    events
        Steering so far.
    done
        Steps taken.
    is_resumable
        Whether `state` is defined: a stop in the middle of a line search leaves none.
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
        events: Sequence[SteeringEvent] = (),
        layout: Layout | None = None,
        style_targets: StyleTargets | None = None,
        regions: Regions | None = None,
        temporal: TemporalTarget | None = None,
    ) -> None:
        self._pictures = pictures
        self._encoder = encoder
        self._config = config
        self._grey = grey
        self._wide = _variable_dtype(encoder)
        self._keeps_course = (
            balance is PUBLISHED
            and encoder.dtype.itemsize >= 4
            and config.lbfgs_preconditioner == "none"
        )
        self._control = control
        control.begin(config, len(pictures.styles))
        self._to_repeat = list(events)
        self.events: list[SteeringEvent] = []
        self.reason: Reason = "finished"
        self.is_resumable = True
        full_size = fit_longest_side(pictures.content.size, config.size)
        self.sizes = scale_sizes(full_size, config, [each.size for each in pictures.styles])
        self._shares = split_steps(len(self.sizes), config)
        self.total = sum(self._shares)
        self.done = 0
        self._scale = next(index for index, share in enumerate(self._shares) if share)
        self._first_scale = self._scale
        self._taken = 0
        self._descent: Descent | None = None
        layout = layout or Layout(store=InMemory(encoder.device))
        self._layout = layout = replace(layout, between=control.hold)
        self._evaluator = PictureEvaluator(
            pictures,
            encoder,
            config,
            grey=grey,
            balance=balance,
            control=control,
            layout=layout,
            style_targets=style_targets,
            regions=regions,
            temporal=temporal,
        )
        self.picture = self._evaluator.starting_picture(self.sizes[self._scale])
        self._last_good = self.picture

    def steps(self) -> Iterator[RunStep]:
        """Take the steps; sets `reason`, and leaves the result in `picture`."""
        if self._descent is None:
            self.enter_scale(self._scale)
        while True:
            yield from self.descend()
            if self.reason in ("stopped", "diverged") or self._scale == len(self.sizes) - 1:
                break
            self.enter_scale(self._scale + 1)
        # Colours chosen after the last step count, however many steps there are this time.
        chosen = {e.field: e.value for e in self._to_repeat} | self._control.take_changes()
        self._apply({name: value for name, value in chosen.items() if name in COLOR_SETTINGS})

    def state(self) -> State:
        """Return what `resume` needs, between two steps; its tensors change with the next step.

        There is no state of a random generator: noise is drawn once, before the first step.
        """
        return {
            "format": _STATE_FORMAT,
            "course": self._course(),
            "done": self.done,
            "scale": self._scale,
            "taken": self._taken,
            "events": [each.to_dict() for each in self.events],
            "to_repeat": [each.to_dict() for each in self._to_repeat],
            "last_good": self._last_good,
            "descent": None if self._descent is None else self._descent.state(),
        }

    def resume(self, state: State) -> None:
        """Go on where another run was, before any step of this one.

        Parameters
        ----------
        state
            Of a run with the same pictures, network and settings.

        Raises
        ------
        ConfigError
            If the state is damaged, of another format, or of a run with other sizes, steps or
            settings. This run is of no use then.
        """
        self._check(state)
        try:
            self._load(state)
        except _DAMAGE as error:
            if is_out_of_memory(error):
                raise
            raise ConfigError(
                "this state of a run is damaged or of a run with other settings; run it again from "
                "the start"
            ) from error

    def _load(self, state: State) -> None:
        if not all(type(state[name]) is int for name in ("done", "scale", "taken")):
            raise TypeError("steps and scales are counted in integers")
        self.done, self._scale = state["done"], state["scale"]
        self.events, self._to_repeat = (
            [SteeringEvent.from_dict(each) for each in state[name]]
            for name in ("events", "to_repeat")
        )
        steered = {each.field: each.value for each in self.events}
        self._evaluator.regions = steered.pop(REGIONS, self._evaluator.regions)
        self._config = self._evaluator.config = self._config.replace(**steered)
        self._control.begin(self._config, len(self._pictures.styles))
        if state["descent"] is None:
            return
        self.picture = copied(self._layout.store, state["last_good"])
        self.enter_scale(self._scale)
        assert self._descent is not None
        self._descent.load(state["descent"])
        self._taken = state["taken"]
        if self._taken:
            self.picture = self._descent.picture

    @property
    def palette(self) -> Palette:
        """The colours that the result can be given."""
        return self._pictures.palette(self._evaluator.shares)

    def image(self) -> npt.NDArray[Any]:
        """Return the picture to show, in the colours asked for.

        Returns
        -------
        array, shape (H, W, 3), or (H, W, 4) where the content has opacity, in the content's dtype
        """
        content, store = self._pictures.content, self._layout.store
        size = self.picture.shape[-2], self.picture.shape[-1]
        rows_of = self.palette.after(
            self._painted(), self._config.colors, self._config.color_strength
        )
        image: npt.NDArray[Any] | None = None
        for rows in store.rows(self.picture):
            part = self._evaluator.with_kept(rows_of(rows), rows)
            if rows == slice(0, size[0]):
                return write_array(part, content)
            written = write_rows(part, content, size, rows)
            if image is None:
                image = store.array((*size, written.shape[-1]), written.dtype)
            image[rows] = written
        assert image is not None
        return image

    def recoloured(self, small: Tensor) -> Tensor:
        """Return a small copy of the picture, shape (1, 3, H, W), in the colours asked for."""
        size, config = (small.shape[-2], small.shape[-1]), self._config
        content = partial(self._pictures.content.resized, size, "bilinear")
        painted = Painted.whole(small, None, lambda: content().rgb)
        return self.palette.after(painted, config.colors, config.color_strength)(slice(0, size[0]))

    def _painted(self) -> Painted:
        """Return the picture as it is read to get its colours; what is kept does not count."""
        content, picture = self._pictures.content, self.picture
        size = picture.shape[-2], picture.shape[-1]
        parts, kept = list(self._layout.store.rows(picture)), self._evaluator.kept
        if len(parts) == 1 and kept is None:
            alpha = None if content.alpha is None else resize(content.alpha, size, "bilinear")
            return Painted.whole(picture, alpha, lambda: content.resized(size, "bilinear").rgb)

        def counts(rows: slice) -> Tensor | None:
            alpha = content.alpha_rows(size, "bilinear", rows)
            painted = None if kept is None else 1 - block(kept, rows).cpu()
            return painted if alpha is None else alpha if painted is None else alpha * painted

        return Painted(
            size,
            parts,
            partial(block, picture),
            counts,
            lambda rows: content.piece(size, "bilinear", rows).rgb,
        )

    def breathe(self) -> None:
        """Let what was touched of arrays in files leave memory."""
        self._layout.store.breathe()

    def evaluate(self) -> Evaluation:
        """Evaluate the loss at `picture` once more, at the scale that was entered."""
        if self._descent is None:
            self.enter_scale(self._scale)
        return self._evaluator.evaluate(HeldPixels(self.picture))

    def release(self) -> None:
        """Drop the optimiser and the targets, so that only `picture` is left."""
        self._descent = None
        self._last_good = self.picture
        self._evaluator.release()

    def enter_scale(self, index: int, *, again: bool = False) -> None:
        """Measure the targets of a scale and bring the picture to its size."""
        self.picture = self._evaluator.enter(self.sizes[index], self.picture, again=again)
        descent = Descent(
            self.picture,
            self._config,
            self._evaluator,
            first_scale=index == self._first_scale,
            grey=self._grey,
            dtype=self._wide,
            evaluated_dtype=finest_dtype(self._encoder.device),
            kept_dtype=kept_dtype(self._encoder.dtype),
            longest=math.inf if self._keeps_course else _LONGEST_STEP,
            store=self._layout.store,
        )
        if self._descent is not None:
            descent.adopt_moments(self._descent, self._evaluator.kept)
        self._descent, self._scale, self._taken = descent, index, 0
        self._last_good = self.picture
        self.reason = "finished"

    def descend(self) -> Generator[RunStep, None, None]:
        """Take the steps that are left of the scale that was entered."""
        assert self._descent is not None
        scale = Scale(self._scale, len(self.sizes), *self.sizes[self._scale])
        while True:
            if self._config.optimizer == "lbfgs" and self._descent.is_stuck:
                self.reason = "converged"
                return
            if self._taken == self._shares[self._scale]:
                return
            if self._control.wait_while_paused():
                self.reason = "stopped"
                return
            self._steer()
            if (evaluation := self._step(self._descent)) is None:
                return
            step = [RunStep(self.done, scale, evaluation)]
            del evaluation  # or its gradient would be there during the next one
            yield step.pop()

    def _step(self, descent: Descent) -> Evaluation | None:
        """Take a step; None where there is none, and `reason` says why."""
        try:
            evaluation = descent.step()
        except (Stopped, ClusterError) as end:
            self.reason = "stopped"
            searching = self._config.optimizer == "lbfgs" and self._config.line_search != "none"
            self.is_resumable = not searching
            if isinstance(end, ClusterError):
                raise
            return None
        if math.isfinite(evaluation.loss):
            self._last_good = self.picture
        if not (math.isfinite(evaluation.loss) and descent.is_finite()):
            self.picture, self.reason = self._last_good, "diverged"
            return None
        self.picture = descent.picture
        self.done += 1
        self._taken += 1
        return evaluation

    def _course(self) -> list[list[int]]:
        """List height, width and steps of each scale, by which states are told apart."""
        return [[*size, share] for size, share in zip(self.sizes, self._shares, strict=True)]

    def _check(self, state: State) -> None:
        if not isinstance(state, dict):
            raise ConfigError(f"the state of a run is a dict; got {shown(state)}")
        if state.get("format") != _STATE_FORMAT:
            raise ConfigError(
                f"this state of a run has the format {shown(state.get('format'))}, and this "
                f"version reads {_STATE_FORMAT}; run it again from the start"
            )
        if state.get("course") != self._course():
            raise ConfigError(
                "this state is of a run with other sizes or steps; resume it with the pictures and "
                "settings that it was started with"
            )

    def _steer(self) -> None:
        """Apply what was asked for since the last step."""
        due = {e.field: e.value for e in self._to_repeat if e.step == self.done}
        self._to_repeat = [e for e in self._to_repeat if e.step != self.done]
        self._apply(due | self._control.take_changes())

    def _apply(self, changes: dict[str, Any]) -> None:
        if not changes:
            return
        settings = {name: value for name, value in changes.items() if name != REGIONS}
        config = self._config = self._evaluator.config = self._config.replace(**settings)
        self.events += [SteeringEvent(self.done, name, getattr(config, name)) for name in settings]
        if REGIONS in changes:
            self._evaluator.regions = changes[REGIONS]
            self.events.append(SteeringEvent(self.done, REGIONS, changes[REGIONS]))
        if self._descent is None:
            return
        if set(changes) & {REGIONS, "blend"}:
            self._enter_again()
        elif not set(changes) <= set(COLOR_SETTINGS):
            self._descent.steer(config)

    def _enter_again(self) -> None:
        """Measure the targets of the scale anew and go on from the picture as it is."""
        taken = self._taken
        self.enter_scale(self._scale, again=True)
        self._taken = taken


def _variable_dtype(encoder: Encoder) -> torch.dtype:
    if encoder.dtype != torch.float64:
        return torch.float32
    if encoder.device.type == "mps":
        raise DeviceError("Apple GPUs have no float64; choose float32 or the CPU")
    return torch.float64
