"""Plans of runs: a request, and where and by which name the viewer shows the result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.checkpoints import Checkpoint
from napari_nst.files.user_presets import NamedPreset
from napari_nst.plugin.gallery.open_styles import style_of
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.visible_picture import LayerPicture, cropped_picture, picture_of
from napari_nst.plugin.masks.crops import Crops
from napari_nst.runs.naming import RunName, pair_name, summary
from napari_nst.runs.request import (
    RunRequest,
    continued,
    extended,
    least_px,
    preview,
    replayed,
    request_of,
)
from napari_nst.runs.sweep import SweepPlace
from napari_nst.settings.config import StyleConfig, changes
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import METADATA_KEY, RunRecord, picture_hash
from napari_nst.settings.text import SEPARATOR
from napari_nst.weights import find_imagenet

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.masks.regions import DrawnRegions
    from napari_nst.plugin.runs.viewer_run import ViewerRun

_NAME_LETTERS = 18
"""Of a picture's name, in that of its result."""


@dataclass(frozen=True)
class Source:
    """Where a picture of a run came from.

    Parameters
    ----------
    name
        Of its layer.
    file
        The path that it was read from; "" if it came from no file.
    """

    name: str
    file: str = ""


@dataclass(frozen=True, eq=False)
class RunPlan:
    """A run before it starts.

    Parameters
    ----------
    request
        What to run; None for a result of an earlier session, of which only a layer is left.
    name
        The live layer's name.
    placement
        Where the content is in the viewer's world.
    place
        Where the run is in the grid of its sweep; None for a run of its own.
    preset
        The own preset that its settings started from, if any.
    full
        The run that this is a preview of; None if it is no preview.
    sources
        Where its pictures came from, by their names in the request, as far as it is known.
    resume
        The checkpoint that it goes on from, once.
    styles
        Ids of the styles' layers, which are not kept.
    """

    request: RunRequest | None
    name: RunName
    placement: Placement
    place: SweepPlace | None = None
    preset: NamedPreset | None = None
    full: "RunPlan | None" = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    resume: Checkpoint | None = None
    styles: tuple[UUID, ...] = ()


def plan_run(
    form: "SettingsForm",
    dims: "Dims",
    config: StyleConfig,
    *,
    weights: str,
    label: str = "",
    pictures: "tuple[Image, Image] | None" = None,
    place: SweepPlace | None = None,
    preset: NamedPreset | None = None,
    earlier: Iterable[RunPlan] = (),
) -> RunPlan:
    """Take the pictures that are picked; a start from a result goes on at its final scale.

    Parameters
    ----------
    form
        Content, styles and start, and what is drawn over them.
    dims
        The viewer's: which slice is shown.
    config
        The settings.
    weights
        As in RunRequest.
    label
        What sets the run apart, for its name; by default what differs from the last of the
        earlier runs with the same pictures, or the preset.
    pictures
        Another content and style than those picked.
    place
        Where the run stands in a sweep.
    preset
        The own preset that the settings started from, if any.
    earlier
        Plans of earlier runs, oldest first.

    Raises
    ------
    ImageError
        If a layer's slice is no picture.
    """
    side_px, crops, start = least_px(config), form.crops, form.pickers.start_layer()
    styles = form.pickers.styles if pictures is None else pictures[1:]
    config = config if pictures is None else config.of_one_style
    content, layer, drawn = _content_of(form, dims, pictures, side_px)
    painted = [cropped_picture(each, dims, crops.box(each), least_px=side_px) for each in styles]
    init, config = _start_of(start, dims, config)
    regions = None if drawn is None else drawn.read()
    if regions is not None:
        regions.check(len(styles))
    pixels = tuple(each.pixels for each in painted)
    request = RunRequest(content.pixels, pixels, config, weights, init, regions=regions)
    pair_text = pair_name(content.name, " + ".join(each.name for each in painted), _NAME_LETTERS)
    if label:
        name = _labelled(label, pair_text, place, weights)
    else:
        name = _name_of(pair_text, config, preset, _last_of(pair_text, earlier), weights=weights)
    sources = _sources(request, [content, *painted], [layer, *styles], start)
    ids = tuple(each.unique_id for each in styles)
    return RunPlan(request, name, content.placement, place, preset, sources=sources, styles=ids)


def _content_of(
    form: "SettingsForm",
    dims: "Dims",
    pictures: "tuple[Image, Image] | None",
    side_px: int | None,
) -> "tuple[LayerPicture, Image | None, DrawnRegions | None]":
    """Take the content of a run, with its layer and what is drawn over it."""
    if pictures is not None:
        return picture_of(pictures[0], dims, least_px=side_px), pictures[0], None
    content = form.pickers.content_picture(least_px=side_px)
    return content, form.pickers.content_layer(), form.drawn(content.placement)


def _labelled(label: str, pair_text: str, place: SweepPlace | None, weights: str) -> RunName:
    """Name a run by what sets it apart; in a sweep all have the same pictures."""
    parts = [pair_text, label] if place is None else [label]
    return RunName(_text_of(parts, weights), settings=label)


def _last_of(pair_text: str, earlier: Iterable[RunPlan]) -> RunPlan | None:
    """Return the last plan of the same pictures."""
    return next((each for each in reversed(list(earlier)) if each.name.pair == pair_text), None)


def _sources(
    request: RunRequest,
    pictures: Sequence[LayerPicture],
    layers: "Sequence[Image | None]",
    start: "Image | None",
) -> dict[str, Source]:
    """Say where content, styles and start came from, by their roles in a request."""
    names = [each.name for each in pictures]
    names += [] if start is None else [full_name(start)]
    return {
        role: Source(name, _file_of(layer))
        for role, name, layer in zip(request.pictures, names, [*layers, start], strict=False)
    }


def _text_of(parts: list[str], weights: str) -> str:
    """Join the parts of a name, the weights among them where they are not the usual ones."""
    word = weights_word(weights)
    return SEPARATOR.join(parts if word == weights_word("auto") else [*parts, word])


def _start_of(
    start: "Image | None", dims: "Dims", config: StyleConfig
) -> tuple[PixelSource | None, StyleConfig]:
    """Return the picture to start from, if it is a layer, and the settings that fit it."""
    if start is None:
        return None, config
    pixels = picture_of(start, dims, least_px=least_px(config)).pixels
    return pixels, continued(config) if METADATA_KEY in start.metadata else config


def _file_of(layer: "Image | None") -> str:
    """Return the path that a picture was read from; empty if it came from no file."""
    opened = None if layer is None else style_of(layer)
    return opened.name if opened is not None and opened.kind == "file" else ""


def _name_of(
    pair: str,
    config: StyleConfig,
    preset: NamedPreset | None,
    last: RunPlan | None,
    *,
    weights: str,
) -> RunName:
    """Name a run by the settings that differ from the last run's, or by the preset if that is new.

    The same settings again are named as in the last run.
    """
    settings, changed = (preset or config).name, {}
    if last is not None and last.request is not None:
        before = last.request.config
        if (last.preset or before).name == settings:
            changed = changes(config, before)
            settings = summary(changed)
            if not changed:
                settings, changed = last.name.settings, dict(last.name.changed)
    return RunName(_text_of([pair, settings], weights), pair, settings, changed)


def weights_word(choice: str) -> str:
    """Name the weights that a choice leads to, for the names of layers."""
    if choice == "auto":
        return "builtin" if find_imagenet() is None else "imagenet"
    return Path(choice).stem


def plan_preview(full: RunPlan) -> RunPlan:
    """Plan a small and short run that shows where another one would lead."""
    assert full.request is not None
    weights = full.request.weights
    # ImageNet's weights may come between the two runs, which are to use the same.
    settled = weights_word(weights) if weights == "auto" else weights
    small = preview(full.request.config)
    # The size and steps of the full run are not those of the preview.
    changed = full.name.changed
    kept = {name: value for name, value in changed.items() if getattr(small, name) == value}
    settings = summary(kept) if changed else full.name.settings
    text = _text_of([part for part in (full.name.pair, settings) if part], weights)
    return replace(
        full,
        request=replace(full.request, config=small),
        name=RunName(f"{text}{SEPARATOR}preview", settings=settings, changed=kept),
        full=replace(full, request=replace(full.request, weights=settled)),
    )


def plan_full(run: "ViewerRun") -> RunPlan:
    """Plan the run that `run` is a preview of, with the settings that the preview has by now.

    Raises
    ------
    ConfigError
        If it is no preview.
    """
    full = run.plan.full
    if full is None or full.request is None:
        raise ConfigError("the run is no preview, so there is no full size to run it at")
    asked = full.request.config
    config = run.config.replace(size=asked.size, steps=asked.steps)
    return replace(
        full,
        request=replace(full.request, config=config, regions=run.regions),
        name=full.name.steered(asked, config, full.request.events),
    )


def plan_again(run: "ViewerRun", viewer: "Viewer", crops: Crops, *, weights: str) -> RunPlan:
    """Plan what the run was asked for, without its steering.

    Raises
    ------
    ConfigError
        If it is of an earlier session and its pictures are not open.
    """
    if run.plan.request is not None:
        # A name that tells what the run was steered to would not be true of one that is not.
        kept = run.is_name_generated
        plan = replace(run.plan, resume=None)
        return plan if kept else replace(plan, name=replace(plan.name, text=run.name))
    assert run.record is not None
    pictures = _pictures(viewer, crops, run.record.config)
    request = request_of(run.record, [each.pixels for each in pictures], weights=weights)
    found = {
        role: next(each for each in pictures if each.pixels is pixels)
        for role, pixels in request.pictures.items()
    }
    sources = {role: Source(each.name) for role, each in found.items()}
    return RunPlan(request, RunName(run.name), found["content"].placement, sources=sources)


def plan_replay(run: "ViewerRun", viewer: "Viewer", crops: Crops, *, weights: str) -> RunPlan:
    """Plan the same again, steering and stop included; raises as `plan_again`."""
    again = plan_again(run, viewer, crops, weights=weights)
    if run.record is None or again.request is None:
        raise ConfigError("the run has not ended yet, so there is no record to replay")
    return RunPlan(
        replayed(again.request, run.record),
        RunName(f"{run.name}{SEPARATOR}replay"),
        again.placement,
        preset=again.preset,
        full=again.full,
        sources=again.sources,
    )


def plan_more(
    run: "ViewerRun", steps: int, viewer: "Viewer", crops: Crops, *, weights: str
) -> RunPlan:
    """Plan more steps from a run's result, with the settings it ended with."""
    picture = run.painted
    again = plan_again(run, viewer, crops, weights=weights)
    if run.record is None or picture is None or again.request is None:
        raise ConfigError("the run has no result to go on from")
    request = extended(again.request, run.record, picture, steps=steps)
    name = RunName(f"{run.name}{SEPARATOR}{steps} more")
    return RunPlan(request, name, again.placement, preset=again.preset, sources=again.sources)


def find_content(viewer: "Viewer", record: RunRecord) -> PixelSource:
    """Return the content of a run of an earlier session.

    Raises
    ------
    ConfigError
        If it is not open.
    """
    for picture in _pictures(viewer, None, record.config):
        if picture_hash(picture.pixels) == record.hashes.get("content"):
            return picture.pixels
    raise ConfigError(
        "these colours are those of the content's pixels, and the content of this run cannot be "
        "found among the open layers. Open the same picture again, or choose other colours."
    )


def _pictures(viewer: "Viewer", crops: Crops | None, config: StyleConfig) -> list[LayerPicture]:
    """Take all open image layers that are pictures now, as a run with these settings would.

    Of those that are cropped also the part.
    """
    from napari.layers import Image

    found = []
    for layer in viewer.layers:
        if isinstance(layer, Image):
            try:
                box = None if crops is None else crops.box(layer)
                found += [
                    cropped_picture(layer, viewer.dims, part, least_px=least_px(config))
                    for part in ([None] if box is None else [None, box])
                ]
            except ImageError:
                continue
    return found
