"""The command line: `napari-nst stylize | batch | sequence | gui | demo | presets | info ...`.

Exit codes: 0 done, 1 the run or the download failed, 2 bad input, 130, 143 or 129 ended by
Ctrl-C, SIGTERM or SIGHUP (with what there was of the picture written). torch and napari are
imported only by what needs them.
"""

import logging
import math
import os
import sys
from collections.abc import Sequence
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn

from napari_nst import __version__
from napari_nst.cli.batch import batch
from napari_nst.cli.cluster import CLUSTER_WAIT_S, Cluster, ClusterWait, on_cluster
from napari_nst.cli.options import (
    Blend,
    CheckpointEvery,
    Colors,
    ColorStrength,
    Content,
    Device,
    DryRun,
    IgnoreMemory,
    Init,
    InitBlend,
    Memory,
    Output,
    Planes,
    Precision,
    Preset,
    Resume,
    SaveEvery,
    Scratch,
    Seed,
    Sets,
    SettingsFile,
    Size,
    Steps,
    Strength,
    Styles,
    Tile,
    WeightsInput,
    WeightsName,
    chosen_weights,
    given_settings,
    memory_bytes,
    planes_of,
    settings_of,
)
from napari_nst.cli.presets import presets_app
from napari_nst.cli.regions import (
    ContentMask,
    Feather,
    Mask,
    MaskOptions,
    RegionTargets,
    StyleMasks,
    regions_of,
)
from napari_nst.cli.resume import checkpoints_for, hinting_at_resume, unfinished_run
from napari_nst.cli.run import run_with_bar, shown_progress, write_result
from napari_nst.cli.sequence import sequence
from napari_nst.cli.signals import INTERRUPTED, ending_gently
from napari_nst.cli.streams import accept_any_letter, fail, say
from napari_nst.core.control import RunControl
from napari_nst.errors import (
    ClusterError,
    DeviceError,
    DeviceMemoryError,
    DivergedError,
    DownloadCancelled,
    DownloadError,
    NstError,
    TooLargeError,
    WeightsError,
    is_out_of_memory,
)
from napari_nst.files.checkpoints import EVERY_S
from napari_nst.files.images import open_picture, read_picture
from napari_nst.files.outputs import (
    LEAST_SHARE,
    check_apart,
    check_output,
    disk_errors_translated,
    format_of,
    save_path,
)
from napari_nst.files.slides.pixel_size import extent_of
from napari_nst.planning.text import forecast, memory_words
from napari_nst.runs.request import least_px
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.pixels import PixelSource

UsageError: Any = typer.BadParameter.__base__  # typer's own click, which it does not export

app = typer.Typer(
    name="napari-nst",
    help="Neural style transfer: paint one picture in the manner of another.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(
    help="Find or fetch the VGG-19 weights that runs use.", no_args_is_help=True
)
app.add_typer(weights_app, name="weights")
app.add_typer(presets_app, name="presets")
app.command()(batch)
app.command()(sequence)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors become one line on stderr."""
    accept_any_letter()
    notes = RichHandler(console=Console(stderr=True), show_time=False, show_path=False)
    logging.getLogger("napari_nst").handlers = [notes]
    try:
        code = app(args=arguments, prog_name="napari-nst", standalone_mode=False)
    except UsageError as error:
        message = error.format_message()  # empty where help was shown instead
        return fail(f"{message} (--help shows how)", 2) if message else 2
    except typer.Abort:
        return fail("stopped", INTERRUPTED)
    except DownloadCancelled as error:
        return fail(str(error), INTERRUPTED)
    except TooLargeError as error:
        return fail(f"{error} --ignore-memory tries it all the same.", 2)
    except (ClusterError, DeviceMemoryError, DivergedError, DownloadError) as error:
        return fail(str(error), 1)
    except NstError as error:
        return fail(str(error), 2)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return fail("memory ran out. Close other programs, or choose a smaller size", 1)
    return code if isinstance(code, int) else 0


@app.command()
def stylize(
    content: Content,
    style: Styles,
    output: Output,
    plane: Planes = None,
    preset: Preset = None,
    size: Size = None,
    steps: Steps = None,
    style_strength: Strength = None,
    colors: Colors = None,
    color_strength: ColorStrength = None,
    blend: Blend = None,
    mask: Mask = None,
    region: RegionTargets = None,
    feather: Feather = 0.0,
    style_mask: StyleMasks = None,
    content_mask: ContentMask = None,
    seed: Seed = None,
    precision: Precision = None,
    init: Init = None,
    init_blend: InitBlend = None,
    tile: Tile = None,
    memory: Memory = None,
    scratch: Scratch = None,
    settings: Sets = None,
    weights: WeightsName = None,
    weights_input: WeightsInput = None,
    device: Device = "auto",
    save_every: SaveEvery = None,
    config_file: SettingsFile = None,
    dry_run: DryRun = False,
    ignore_memory: IgnoreMemory = False,
    checkpoint_every: CheckpointEvery = None,
    resume: Resume = None,
    cluster: Cluster = None,
    cluster_wait: ClusterWait = CLUSTER_WAIT_S,
) -> int:
    """Paint CONTENT in the manner of STYLE. Ctrl-C writes what there is and exits with 130."""
    knobs = {"size": size, "steps": steps, "seed": seed, "precision": precision}
    knobs |= {"style_strength": style_strength, "tile": tile}
    knobs |= {"colors": colors, "color_strength": color_strength, "blend": blend}
    knobs |= {"init_blend": init_blend}
    masks = MaskOptions(mask, region or (), feather, style_mask or (), content_mask)
    given, start_file = given_settings(knobs, init, settings)
    limit = memory_bytes(memory)
    with ending_gently() as ending, unfinished_run(output, resume, dry_run=dry_run) as unfinished:
        config, record, events = settings_of(unfinished, config_file, preset, given)
        opened = partial(open_picture, least_px=least_px(config))
        picture = opened(content, places=planes_of(plane))
        styles = [opened(each) for each in style]
        start = opened(start_file) if start_file else None
        if config_file and record and init is None and "init" in record.hashes:
            say("napari-nst: that run started from a picture; name it with --init to repeat it")
        regions, events = regions_of(masks, record, events, picture.shape, len(styles), config)
        others = [each for each in (start_file, config_file) if each]
        _check_outputs(
            output, save_every, picture, config, [content, *style, *masks.files, *others]
        )

        from napari_nst.api import iter_stylize  # torch takes seconds to import: after the checks

        chosen = chosen_weights(weights, weights_input, record)
        what = config, picture.shape, [each.shape for each in styles], device
        text, fits = forecast(*what, weights=chosen.name, memory=limit)
        text += result_words(output, picture, config)
        say(f"on this computer alone: {text}" if cluster else text, on_stdout=dry_run)
        if dry_run:
            return 0 if fits else 2
        every_s = EVERY_S if cluster and checkpoint_every is None else checkpoint_every
        kept = checkpoints_for(output, every_s, unfinished, *what, memory=limit)
        with on_cluster(cluster, cluster_wait) as executor, hinting_at_resume(output, kept):
            ending.stops((control := RunControl()).stop)
            run = iter_stylize(
                picture,
                styles,
                config,
                weights=chosen,
                device=device,
                memory=limit,
                scratch=scratch or output.parent,
                executor=executor,
                control=control,
                init=start,
                regions=regions,
                events=events,
                check_memory=not ignore_memory,
                checkpoints=kept,
                resume=unfinished.path if unfinished else None,
            )
            extent = extent_of(content) if format_of(output) == "zarr" else None
            result = run_with_bar(run, output, save_every, extent=extent)
            return write_result(output, result, ending, kept, extent=extent)


def result_bytes(picture: PixelSource, config: StyleConfig) -> int:
    """Return how many bytes the pixels of a run's result take."""
    share = config.size / max(picture.shape[:2]) if config.size else 1.0
    channels = 4 if picture.shape[2:] == (4,) else 3
    return int(math.prod(picture.shape[:2]) * channels * picture.dtype.itemsize * share**2)


def result_words(output: Path, picture: PixelSource, config: StyleConfig) -> str:
    """Say how much disk an OME-Zarr result takes at most: the picture, and its pyramid's third."""
    if format_of(output) != "zarr":
        return ""
    return f"; the result takes up to {memory_words(result_bytes(picture, config) * 4 // 3)}"


def _check_outputs(
    output: Path,
    save_every: int | None,
    picture: PixelSource,
    config: StyleConfig,
    inputs: Sequence[Path],
) -> None:
    """Check everything that decides at the end of a run whether its pictures can be written."""
    wanted = config.size or max(picture.shape[:2])
    room_bytes = int(LEAST_SHARE * result_bytes(picture, config))
    check_output(output, longest_px=wanted, room_bytes=room_bytes)
    if save_every:
        check_output(save_path(output, max(99_999, config.steps or 0)), longest_px=wanted)
    check_apart(output, inputs, save_every=save_every)


@app.command()
def gui(
    content: Annotated[Path | None, typer.Argument(help="A picture to open.")] = None,
    style: Annotated[Path | None, typer.Argument(help="A second one, the style.")] = None,
) -> None:
    """Open napari with the style transfer widget."""
    pictures = {path.stem: read_picture(path) for path in (content, style) if path}
    _import_gui()
    from napari_nst.plugin.demo import open_gui

    open_gui(pictures)


@app.command()
def demo(
    save: Annotated[
        Path | None,
        typer.Option(help="Write result.png and screenshot.png into this folder, then quit."),
    ] = None,
) -> None:
    """Watch one sample picture take on the style of another in napari."""
    if save:
        with disk_errors_translated(save):
            save.mkdir(parents=True, exist_ok=True)
        check_output(save / "result.png")
    _import_gui()
    from napari_nst.plugin.demo import run_demo

    run_demo(save, say=print)


def _import_gui() -> None:
    """Import torch before Qt (on Windows the other order fails), and say what is missing."""
    has_screen = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")))
    if sys.platform.startswith("linux") and not has_screen:
        raise DeviceError(
            "there is no screen here. Use `napari-nst stylize`, or put `xvfb-run -a` in front."
        )
    import torch  # noqa: F401 - for its side effect

    try:
        import napari.qt  # noqa: F401
    except ImportError as error:
        raise DeviceError(
            f"napari's window cannot open ({error}). Run: pip install 'napari-nst[all]'"
        ) from error


@weights_app.command()
def status() -> None:
    """List the places looked at for weights, first to last, and what is there."""
    from napari_nst.weights import status as places

    for place in places():
        size = "absent" if place.size_bytes is None else f"{place.size_bytes / 1e6:.0f} MB"
        state = size if place.usable or not place.present else f"{size}, not usable"
        print(f"{place.weights:9} {state:>9}  {place.label}: {place.path}")


@weights_app.command()
def path() -> None:
    """Print the file of ImageNet's weights that runs use."""
    from napari_nst.weights import find_imagenet

    found = find_imagenet()
    if found is None:
        raise WeightsError("no ImageNet weights on this disk; run `napari-nst weights download`")
    print(found)


@weights_app.command()
def download() -> int:
    """Fetch ImageNet's weights (575 MB, of which 80 MB are kept); resumes what was begun."""
    from napari_nst.weights import download as fetch

    cancel = RunControl()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with ending_gently() as ending, shown_progress(*columns) as progress:
        ending.stops(cancel.stop)
        task = progress.add_task("", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        @cache
        def tell() -> None:
            say("napari-nst: another download is running; waiting for it")

        try:
            file = fetch(progress=show, cancelled=lambda: cancel.stopped, waiting=tell)
        except DownloadCancelled as error:
            return fail(str(error), ending.code or INTERRUPTED)
    print(file)
    return 0


@app.command()
def info() -> None:
    """Show versions, the device that will compute, threads, precision and weights."""
    import torch

    from napari_nst.core.device import describe, resolve_device, resolve_precision
    from napari_nst.weights import find_imagenet

    report = describe()
    precision = resolve_precision("auto", resolve_device())
    print(f"napari-nst {__version__}, Python {sys.version.split()[0]}")
    print(", ".join(f"{name} {_version_of(name)}" for name in ("torch", "napari", "npe2", "numpy")))
    bindings = [f"{name} {_version_of(name)}" for name in ("PyQt6", "PySide6") if _version_of(name)]
    print(f"Qt: {', '.join(bindings) or 'none; pip install napari-nst[all]'}")
    print(f"device: {report.kind}, {report.name}")
    print(f"threads: {torch.get_num_threads()}")
    print(f"precision: {str(precision).removeprefix('torch.')}")
    imagenet = find_imagenet()
    print(f"weights: {'builtin, in the package' if imagenet is None else f'imagenet, {imagenet}'}")
    if report.advice:
        print(report.advice)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
