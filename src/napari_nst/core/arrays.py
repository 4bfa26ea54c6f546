"""Pictures as callers hold them - dask, zarr, torch, PIL, anything with __array__ - by rows."""

from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from napari_nst.errors import ImageError, shown
from napari_nst.settings.pixels import PixelSource, is_large

_PROTOCOLS = ("__array__", "__array_interface__")


def is_array_like(value: object) -> bool:
    """Whether a value is one array, rather than a list of them or something else."""
    return any(_has(value, protocol) for protocol in _PROTOCOLS)


def as_array(value: object, role: str) -> PixelSource:
    """Convert one picture into a numpy array.

    Numpy's own arrays are returned as they are, and large ones that can be sliced, which `rows_of`
    reads by pieces.

    Parameters
    ----------
    value
        A numpy, dask or zarr array, a tensor of torch, a picture of PIL, or anything else that
        has ``__array__``.
    role
        What the message calls it: "content", "style".

    Raises
    ------
    ImageError
        If it is none of these, or cannot be converted.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Image.Image):
        return np.asarray(_in_colours(value))
    if isinstance(value, torch.Tensor):
        return _of_tensor(value, role)
    if _is_large_source(value):
        return value
    if not is_array_like(value):
        raise ImageError(
            f"{role} is a {type(value).__name__} ({shown(value, 40)}); expected an array of "
            "shape (H, W), (H, W, 3) or (H, W, 4): numpy's, dask's, zarr's, a tensor or a "
            "picture of PIL. Read files with napari_nst.files.images.read_picture, and turn lists "
            "of numbers into an array with numpy.asarray."
        )
    return _converted(lambda: value, value, role)


def rows_of(source: PixelSource, rows: slice, role: str) -> npt.NDArray[Any]:
    """Read some rows, shape (rows, W) or (rows, W, C).

    Raises
    ------
    ImageError
        If the source's own code fails, or there are fewer rows than its shape promises.
    """
    pixels = _converted(lambda: source[rows], source, role)
    expected = (rows.stop - rows.start, *source.shape[1:])
    if pixels.shape != expected:
        raise ImageError(
            f"{role} is a {type(source).__name__} of shape {tuple(source.shape)}, but its rows "
            f"{rows.start} to {rows.stop} have shape {pixels.shape}; it may have changed meanwhile"
        )
    return pixels


def _converted(read: Callable[[], object], source: object, role: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(read())
    except ImageError:  # a file of ours says what is wrong with it
        raise
    except Exception as error:  # whatever the object's own code raises
        raise ImageError(
            f"{role} is a {type(source).__name__} that numpy cannot convert: {error}"
        ) from error


def _is_large_source(value: object) -> TypeGuard[PixelSource]:
    """Whether a value is too large to be held, and can be sliced as numpy's arrays."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return (
        isinstance(shape, tuple)
        and isinstance(dtype, np.dtype)
        and _has(value, "__getitem__")
        and is_large(shape)
    )


def _of_tensor(tensor: torch.Tensor, role: str) -> npt.NDArray[Any]:
    try:
        plain = tensor.detach().cpu()
        plain = plain if plain.layout == torch.strided else plain.to_dense()
        # numpy has no bfloat16
        plain = plain.float() if plain.dtype == torch.bfloat16 else plain
        array: npt.NDArray[Any] = plain.resolve_conj().resolve_neg().numpy()
    except (TypeError, RuntimeError) as error:  # a tensor without data, or of a dtype of torch's
        raise ImageError(f"{role} is a tensor that numpy cannot convert: {error}") from error
    return array


def _in_colours(picture: Image.Image) -> Image.Image:
    """Convert the modes whose numbers are no grey levels or RGB: palettes, CMYK, YCbCr, bits."""
    if picture.mode in ("L", "RGB", "RGBA") and not picture.has_transparency_data:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode.startswith(("I", "F")):
        return picture
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _has(value: object, protocol: str) -> bool:
    # On the type, as numpy does: a class that is passed by mistake has the attribute itself.
    return getattr(type(value), protocol, None) is not None
