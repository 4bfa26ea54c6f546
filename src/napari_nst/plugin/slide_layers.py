"""OME-Zarr folders as multiscale layers, of which napari reads what is seen."""

from pathlib import Path
from typing import Any

from dask import array as dask
from napari.utils.colormaps import Colormap

from napari_nst.files.names import record_of
from napari_nst.files.slides.ome_metadata import Channel
from napari_nst.files.slides.zarr_reading import Levels, channels_of, open_levels
from napari_nst.plugin.layers.records import LayerData
from napari_nst.plugin.layers.visible_picture import whole_range
from napari_nst.settings.record import METADATA_KEY


def read_zarr(path: str) -> list[LayerData]:
    """Read a picture as one layer of colours, or as a layer for each of its channels.

    Raises
    ------
    ImageError
        If the folder is damaged, incomplete or no picture.
    """
    folder = Path(path)
    levels = open_levels(folder)
    count, at = levels.channel_count, levels.axes.find("c")
    is_told = levels.omero or count in (1, 3, 4)
    channels = channels_of(folder, levels) if is_told else ()
    arrays = [dask.from_zarr(each) for each in levels.arrays]  # type: ignore[no-untyped-call]
    layers: list[tuple[list[Any], dict[str, Any]]]
    if count in (3, 4) and not channels:
        limits = whole_range(arrays[0].dtype)
        colours = [dask.moveaxis(each, at, -1) for each in arrays]
        layers = [(colours, {"rgb": True, "contrast_limits": limits})]
    else:
        planes = [
            [each if at < 0 else dask.take(each, index, at) for each in arrays]
            for index in range(count)
        ]
        looks = [_look(each) for each in channels] or [{} for _ in planes]
        layers = list(zip(planes, looks, strict=True))
    record = record_of(folder)
    shared = {
        "name": folder.stem,
        "metadata": {METADATA_KEY: record.to_dict()} if record else {},
        "multiscale": len(arrays) > 1,
        **_placed(levels),
    }
    return [
        (pyramid if len(pyramid) > 1 else pyramid[0], shared | look, "image")
        for pyramid, look in layers
    ]


def _look(channel: Channel) -> dict[str, Any]:
    """Return the layer arguments that show a channel as its file says."""
    return {
        "colormap": Colormap([[0, 0, 0], channel.color]),
        "contrast_limits": (channel.low, channel.high),
        "visible": channel.is_active,
        "blending": "additive",
    }


def _placed(levels: Levels) -> dict[str, Any]:
    """Return the layer arguments that tell the pixels' size and place."""
    described = levels.described
    if described is None or not described.scale:
        return {}
    kept = [place for place, axis in enumerate(levels.axes) if axis != "c"]
    units = [described.units[place] or "pixel" for place in kept]
    return {
        "scale": [described.scale[place] for place in kept],
        "translate": [described.origin[place] for place in kept],
        **({"units": units} if all(map(_is_unit, units)) else {}),
    }


def _is_unit(name: str) -> bool:
    from pint import PintError, Unit

    try:
        Unit(name)
    except PintError:
        return False
    return True
