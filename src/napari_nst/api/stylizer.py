"""Run style transfer: one picture at a time, or many on one network."""

import platform
import time
import traceback
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_nst.api.checkpoint import (
    Checkpoints,
    Settled,
    check_same_run,
    check_same_weights,
    load_state,
    threads,
)
from napari_nst.api.job import Job, exhausted, learn_from, take_steps
from napari_nst.api.network import Network, balance_of, network_for, suited
from napari_nst.api.results import Step, StyleResult
from napari_nst.core.control import RunControl
from napari_nst.core.inputs import (
    Style,
    check_control,
    checked_steering,
    read_pictures,
    turned_styles,
)
from napari_nst.core.loss.temporal import TemporalTarget
from napari_nst.core.memory import held_heap
from napari_nst.core.network.preprocess import mean_colour
from napari_nst.core.run import Run
from napari_nst.core.tiling.executor import SERIAL
from napari_nst.core.tiling.layout import Layout
from napari_nst.errors import ConfigError, is_out_of_memory
from napari_nst.files.checkpoints import read_checkpoint
from napari_nst.planning.estimate import Plan, plan_of
from napari_nst.planning.layout import LayoutPlan, cluster_layout
from napari_nst.planning.past_runs import OwnTime
from napari_nst.planning.remedies import fitting_layout, ran_out
from napari_nst.settings.config import StyleConfig, checked_config
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.presets import DEFAULT_PRESET
from napari_nst.settings.record import RunRecord, SteeringEvent
from napari_nst.settings.regions import Regions
from napari_nst.settings.vgg_layers import WEIGHTS_NAMES
from napari_nst.weights import InputKind, Weights, load

if TYPE_CHECKING:
    from napari_nst.distributed.executor import DaskExecutor


def stylize(
    content: PixelSource,
    style: Style | Sequence[Style],
    config: StyleConfig | None = None,
    *,
    weights: str | Path | Weights = "auto",
    weights_input: InputKind | None = None,
    device: str = "auto",
    memory: float | None = None,
    scratch: str | Path | None = None,
    executor: "DaskExecutor | None" = None,
    control: RunControl | None = None,
    init: PixelSource | None = None,
    regions: Regions | None = None,
    events: Sequence[SteeringEvent] = (),
    check_memory: bool = True,
    checkpoints: Checkpoints | None = None,
    resume: str | Path | None = None,
) -> StyleResult:
    """Stylize `content`; parameters and errors are those of `iter_stylize`."""
    run = iter_stylize(
        content,
        style,
        config,
        weights=weights,
        weights_input=weights_input,
        device=device,
        memory=memory,
        scratch=scratch,
        executor=executor,
        control=control,
        init=init,
        regions=regions,
        events=events,
        check_memory=check_memory,
        checkpoints=checkpoints,
        resume=resume,
    )
    return exhausted(run)


def iter_stylize(
    content: PixelSource,
    style: Style | Sequence[Style],
    config: StyleConfig | None = None,
    *,
    weights: str | Path | Weights = "auto",
    weights_input: InputKind | None = None,
    device: str = "auto",
    memory: float | None = None,
    scratch: str | Path | None = None,
    executor: "DaskExecutor | None" = None,
    control: RunControl | None = None,
    init: PixelSource | None = None,
    regions: Regions | None = None,
    events: Sequence[SteeringEvent] = (),
    check_memory: bool = True,
    checkpoints: Checkpoints | None = None,
    resume: str | Path | None = None,
) -> Generator[Step, None, StyleResult]:
    """Paint `content` in the manner of `style`, one step at a time.

    Parameters
    ----------
    content : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, or floating in [0, 1]; numpy's, or anything with ``__array__``: dask's,
        zarr's, a tensor of torch, a picture of PIL.
    style : array as `content`, a pair of an array and its share, or a list of these
        Several styles are blended; without shares, as ``config.blend`` says.
    config
        The preset "default" where there is none.
    weights
        "auto", "imagenet", "builtin", "untrained", a file, or loaded weights.
    weights_input
        How a weights file wants to be fed, where it does not say so itself.
    device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    memory
        Bytes that the whole program may hold on the host; by default 60 % of what is free is used.
        Larger pictures are worked on by windows, and are the same (``config.tile``).
    scratch
        Folder for files of what does not fit into memory, on a disk; temporary files' by default.
    executor
        Of `napari_nst.distributed.connect.connect`: the cluster that computes the windows. Picture
        and optimiser stay on this computer. By default all is computed here.
    control
        Stops, pauses and steers the run from another thread.
    init : array as `content`
        The picture to start from, instead of ``config.init``; resized to fit, and mixed with the
        content if ``config.init_blend`` is below 1.
    regions
        Which part of the content gets which style, and where its structure matters.
    events
        Steering to repeat, of a RunRecord.
    check_memory
        Whether to refuse a run that does not fit into free memory; on a CPU the system may end
        the whole program otherwise.
    checkpoints
        Where to write the run's state from time to time, so that it can go on after a crash.
    resume
        A checkpoint to go on from, with the same pictures, start and weights. Settings, steering,
        and everything that was "auto" come from it; on the same machine the result is that of a
        run which was never interrupted, bit for bit in float32.

    Yields
    ------
    Step
        And a StyleResult as the generator's return value.

    Raises
    ------
    ImageError, ConfigError
        At once, if a picture's shape, dtype or values do not fit, or another argument's type.
    CheckpointError
        At once, if there is no checkpoint to resume, or it is of a run with other pictures or
        settings; from the generator, if it is damaged or of a run with other weights.
    ImageError, ConfigError, WeightsError, DeviceError
        From the generator, saying what was expected, what came and what to do.
    ClusterError
        From the generator, if workers or scheduler are gone for good; a checkpoint is written.
    DeviceMemoryError
        From the generator, with what would fit as its `remedies`: as TooLargeError before the
        first step, or when memory runs out later.
    """
    stylizer = Stylizer(
        weights=weights,
        weights_input=weights_input,
        device=device,
        memory=memory,
        scratch=scratch,
        executor=executor,
    )
    return stylizer.iter_stylize(
        content,
        style,
        config,
        control=control,
        init=init,
        regions=regions,
        events=events,
        check_memory=check_memory,
        checkpoints=checkpoints,
        resume=resume,
    )


class Stylizer:
    """Keep a network for many runs, one after another.

    The first run loads it. A run with other layers, pooling, padding, feed or precision replaces
    it. Do not use one Stylizer from two threads at once.

    Parameters
    ----------
    weights, weights_input, device, memory, scratch, executor
        As for the function `iter_stylize`.
    """

    def __init__(
        self,
        *,
        weights: str | Path | Weights = "auto",
        weights_input: InputKind | None = None,
        device: str = "auto",
        memory: float | None = None,
        scratch: str | Path | None = None,
        executor: "DaskExecutor | None" = None,
    ) -> None:
        self._weights = weights
        self._weights_input = weights_input
        self._device = device
        self._memory_bytes = None if memory is None else round(memory)
        self._scratch = None if scratch is None else Path(scratch)
        self._executor = executor
        self._network: Network | None = None

    @property
    def weights(self) -> Weights:
        """The weights; the first use loads them, and raises WeightsError if it cannot."""
        if not isinstance(self._weights, Weights):
            self._weights = load(self._weights, weights_input=self._weights_input, seed=0)
        return self._weights

    def stylize(
        self,
        content: PixelSource,
        style: Style | Sequence[Style],
        config: StyleConfig | None = None,
        *,
        control: RunControl | None = None,
        init: PixelSource | None = None,
        regions: Regions | None = None,
        events: Sequence[SteeringEvent] = (),
        check_memory: bool = True,
        checkpoints: Checkpoints | None = None,
        resume: str | Path | None = None,
    ) -> StyleResult:
        """Stylize `content`; parameters and errors are those of `iter_stylize`."""
        run = self.iter_stylize(
            content,
            style,
            config,
            control=control,
            init=init,
            regions=regions,
            events=events,
            check_memory=check_memory,
            checkpoints=checkpoints,
            resume=resume,
        )
        return exhausted(run)

    def iter_stylize(
        self,
        content: PixelSource,
        style: Style | Sequence[Style],
        config: StyleConfig | None = None,
        *,
        control: RunControl | None = None,
        init: PixelSource | None = None,
        regions: Regions | None = None,
        events: Sequence[SteeringEvent] = (),
        check_memory: bool = True,
        checkpoints: Checkpoints | None = None,
        resume: str | Path | None = None,
        temporal: TemporalTarget | None = None,
    ) -> Generator[Step, None, StyleResult]:
        """Stylize `content` step by step, as the function `iter_stylize` does.

        Parameters
        ----------
        temporal
            What the result should equal, as a frame of a sequence.
        """
        pictures, shares, hashes = read_pictures(content, style, init)
        resumed = None if resume is None else read_checkpoint(Path(resume))
        if resumed is not None:
            check_same_run(resumed, hashes, config, events)
            config, given, regions = resumed.record.config, regions, resumed.record.regions
            if given not in (None, regions):
                raise ConfigError(
                    "a resumed run has its regions from the checkpoint; leave out other regions"
                )
        config = StyleConfig.preset(DEFAULT_PRESET) if config is None else checked_config(config)
        config = config if shares is None else config.replace(blend=shares)
        check_control(config, regions, pictures)
        pictures = turned_styles(pictures, config)
        events, control = checked_steering(events, control, config, len(pictures.styles))
        settled = None if resumed is None else Settled.of(resumed)
        job = Job(pictures, config, hashes, control, events, regions, checkpoints, resumed, settled)
        return self._generate(replace(job, temporal=temporal), check_memory=check_memory)

    def _generate(self, job: Job, *, check_memory: bool) -> Generator[Step, None, StyleResult]:
        sizes = [style.size for style in job.pictures.styles]
        device, config = self._device, job.config
        if job.settled is not None:
            device, config = job.settled.device_for(self._device), job.settled.config
        elif self._executor is not None and config.precision == "auto":
            config = config.replace(precision=self._executor.precision)
        expected = plan_of(config, job.pictures.content.size, sizes, device)
        layout = self._layout_of(expected, job.settled, check_memory=check_memory)
        expected = replace(expected, tile_px=layout.tile_px)
        own_time, import_s = OwnTime(job.control), expected.import_s
        was_ready = self._network is not None
        try:
            with held_heap():
                result = yield from own_time.of(self._run(job, expected, layout))
            if job.resumed is None and self._executor is None:
                learn_from(expected, result, own_time.seconds - import_s, was_ready=was_ready)
            return result
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # The frames that failed hold the tensors that did not fit.
            traceback.clear_frames(error.__traceback__)
            self._network = None
        raise ran_out(expected)

    def _layout_of(
        self, expected: Plan, settled: Settled | None, *, check_memory: bool
    ) -> LayoutPlan:
        """Choose how pictures are worked on; raises TooLargeError where nothing fits."""
        if self._executor is not None:
            return cluster_layout(expected, self._executor.free_bytes, self._memory_bytes)
        if settled is not None:
            return settled.layout
        if check_memory or expected.config.tile:
            return fitting_layout(expected, self._memory_bytes)
        return LayoutPlan(None, in_files=False, peak_bytes=0)

    def _run(
        self, job: Job, expected: Plan, layout: LayoutPlan
    ) -> Generator[Step, None, StyleResult]:
        began = time.perf_counter() - (job.resumed.seconds if job.resumed else 0)
        with threads(job.settled.threads if job.settled else None):
            run, record = self._prepare(job, expected, layout)
            try:
                return (yield from take_steps(run, record, job, began))
            finally:
                run.release()

    def _prepare(self, job: Job, expected: Plan, layout: LayoutPlan) -> tuple[Run, RunRecord]:
        weights = self._weights_for(job)
        settled = job.settled
        device = expected.device
        config = settled.config if settled else suited(expected.config, weights)
        network = self._network = network_for(config, weights, device, self._network)
        encoder = network.encoder
        balance = settled.balance if settled else balance_of(config, weights, encoder)
        store = layout.store(device, self._scratch)
        run = Run(
            job.pictures,
            encoder,
            config,
            grey=mean_colour(network.feed),
            balance=balance,
            control=job.control,
            events=job.events,
            layout=Layout(layout.tile_px, store, executor=self._executor or SERIAL),
            style_targets=network.style_targets,
            regions=job.regions,
            temporal=job.temporal,
        )
        if job.resumed is not None:
            run.resume(load_state(job.resumed))
            return run, job.resumed.record
        resolved = {
            "device": str(device),
            "precision": str(encoder.dtype).removeprefix("torch."),
            "balance": asdict(balance),
            "style_layer_weights": list(config.style_layer_weights),
            "feed": network.feed,
            "scales": [list(size) for size in run.sizes],
            "palette": run.palette.to_dict(),
            "threads": torch.get_num_threads(),
            "tile": layout.tile_px,
            "in_files": layout.in_files,
            "versions": {name: version(name) for name in ("napari-nst", "torch", "numpy")}
            | {"python": platform.python_version()},
        }
        if self._executor is not None:
            resolved["cluster"] = self._executor.description
        hashes = job.hashes | {"weights": weights.sha256}
        record = RunRecord(job.config, resolved, hashes, weights.name, regions=job.regions)
        return run, record

    def _weights_for(self, job: Job) -> Weights:
        """Return the weights; where they are "auto", those that a resumed run was started with."""
        if job.resumed is None:
            return self.weights
        record = job.resumed.record
        is_auto = self._weights == "auto" and record.weights in WEIGHTS_NAMES
        weights = load(record.weights, seed=0) if is_auto else self.weights
        check_same_weights(job.resumed, weights.sha256, weights.name)
        return weights
