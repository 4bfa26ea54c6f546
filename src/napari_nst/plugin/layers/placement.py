"""Where a result is: exactly over its content, whatever its pixel size.

napari puts a pixel's centre on its index, so pixel i covers [i - 1/2, i + 1/2]. A content
axis of n pixels resampled to m pixels maps result pixel j to the content coordinate

    c(j) = f·j + (f - 1)/2,   f = n / m

and the content's own transform leads from there to the world.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from napari.utils.transforms import CompositeAffine

if TYPE_CHECKING:
    from napari.layers import Image


_MATRICES = ("rotate", "shear", "affine")
_WORDS = ("units", "axis_labels")
"""What a placement carries, by kind."""


@dataclass(frozen=True)
class Placement:
    """A plane of an n-dimensional layer, and that layer's way into the world.

    Parameters
    ----------
    index
        The plane: a slice on its two axes, a position on each other axis.
    size
        Height and width of the plane in pixels.
    transform
        The layer's own scale, translate, rotate and shear.
    carried
        What is passed on as it is: rotate, shear, affine, units and axis labels.
    """

    index: tuple[int | slice, ...]
    size: tuple[int, int]
    transform: CompositeAffine
    carried: dict[str, Any]

    @classmethod
    def of(cls, layer: "Image", index: tuple[int | slice, ...], size: tuple[int, ...]) -> Self:
        """Read the placement of a plane of `layer`; the layer is not kept."""
        rotate, shear = np.array(layer.rotate), np.array(layer.shear)
        # A plain Affine keeps only the product of its parts and reads them back from it: the
        # scale comes back without its sign, and half a turn as a negative scale.
        transform = CompositeAffine(
            scale=np.array(layer.scale),
            translate=np.array(layer.translate),
            rotate=rotate,
            shear=shear,
            ndim=layer.ndim,
        )
        carried = {
            "rotate": rotate,
            "shear": shear,
            "affine": np.array(layer.affine.affine_matrix),
            "units": layer.units,
            "axis_labels": layer.axis_labels,
        }
        return cls(index, (size[0], size[1]), transform, carried)

    def to_dict(self) -> dict[str, Any]:
        """Return the placement as plain JSON values."""
        return {
            "index": [
                [item.start, item.stop, item.step] if isinstance(item, slice) else int(item)
                for item in self.index
            ],
            "size": [int(side) for side in self.size],
            "scale": self.transform.scale.tolist(),
            "translate": self.transform.translate.tolist(),
            **{name: np.asarray(self.carried[name]).tolist() for name in _MATRICES},
            **{name: [str(each) for each in self.carried[name]] for name in _WORDS},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` returned; anything else is a KeyError, TypeError or ValueError."""
        carried: dict[str, Any] = {name: np.array(values[name], float) for name in _MATRICES}
        carried |= {name: tuple(map(str, values[name])) for name in _WORDS}
        index = tuple(
            slice(*item) if isinstance(item, list) else int(item) for item in values["index"]
        )
        height, width = map(int, values["size"])
        transform = CompositeAffine(
            scale=np.array(values["scale"], float),
            translate=np.array(values["translate"], float),
            rotate=carried["rotate"],
            shear=carried["shear"],
            ndim=len(index),
        )
        return cls(index, (height, width), transform, carried)

    def expand(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Expand a picture to the layer's dimensions: (H, W, C) to (1, H, W, C) for a stack."""
        axes = tuple(axis for axis, item in enumerate(self.index) if isinstance(item, int))
        return np.expand_dims(picture, axes)

    def to_world(self, pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return where pixels of the plane are in the world, shape (N, 2) to (N, dimensions)."""
        places = np.zeros((len(pixels), len(self.index)))
        column = iter(range(2))
        for axis, item in enumerate(self.index):
            places[:, axis] = item if isinstance(item, int) else pixels[:, next(column)]
        matrix = self.carried["affine"]
        world: npt.NDArray[np.float64] = (
            np.asarray(self.transform(places)) @ matrix[:-1, :-1].T + matrix[:-1, -1]
        )
        return world

    def arguments(self, size: tuple[int, ...]) -> dict[str, Any]:
        """Return the layer arguments that lay a picture of (H, W) over the plane."""
        factor, offset = np.ones(len(self.index)), np.zeros(len(self.index))
        pixels = iter(zip(self.size, size, strict=False))
        for axis, item in enumerate(self.index):
            if isinstance(item, int):
                offset[axis] = item
            else:
                before, after = next(pixels)
                factor[axis] = before / after
                offset[axis] = (factor[axis] - 1) / 2
        return {
            "scale": self.transform.scale * factor,
            "translate": np.asarray(self.transform(offset)),
            **self.carried,
        }

    def stack_arguments(self, size: tuple[int, ...]) -> dict[str, Any]:
        """Return the arguments that lay a stack of such pictures over the plane, new axis first.

        The whole way into the world becomes one affine matrix, with the new axis apart.
        """
        one = self.arguments(size)
        ndim = len(self.index)
        own = CompositeAffine(
            scale=one["scale"],
            translate=one["translate"],
            rotate=self.carried["rotate"],
            shear=self.carried["shear"],
            ndim=ndim,
        )
        whole = np.eye(ndim + 2)
        whole[1:, 1:] = self.carried["affine"] @ own.affine_matrix
        return {
            "affine": whole,
            "units": ("pixel", *self.carried["units"]),
            "axis_labels": ("step", *self.carried["axis_labels"]),
        }

    def expand_stack(self, stack: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Expand a stack (T, H, W, C) to the layer's dimensions behind its first axis."""
        axes = tuple(axis + 1 for axis, item in enumerate(self.index) if isinstance(item, int))
        return np.expand_dims(stack, axes)
