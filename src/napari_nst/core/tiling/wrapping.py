"""Read parts of pictures that may reach beyond the border, and add to them: there a picture wraps.

Row r of a picture of H rows is row r modulo H. A part within the picture is what it always was.
"""

import torch
from torch import Tensor

from napari_nst.core.network.window import Box
from napari_nst.core.store.pixels import Pixels
from napari_nst.core.store.wrapping import wrapped_parts


def read_wrapped(picture: Pixels, box: Box) -> Tensor:
    """Return a part, shape (1, 3, h, w); a view, as `Pixels.at` does, where it is inside."""
    height, width = picture.size
    columns = [part for _, part in wrapped_parts(box.left, box.right, width)]
    rows = [
        _joined([picture.at(Box(*_ends(part), *_ends(each))) for each in columns], -1)
        for _, part in wrapped_parts(box.top, box.bottom, height)
    ]
    return _joined(rows, -2)


def add_wrapped(whole: Tensor, part: Tensor, box: Box) -> None:
    """Add a part, shape (1, 3, h, w), to a picture, shape (1, 3, H, W), in place.

    Where a part is larger than the picture, pixels get several values.
    """
    height, width = whole.shape[-2:]
    for rows, in_height in wrapped_parts(box.top, box.bottom, height):
        for columns, in_width in wrapped_parts(box.left, box.right, width):
            whole[..., in_height, in_width].add_(part[..., rows, columns].to(whole.device))


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def _ends(part: slice) -> tuple[int, int]:
    return part.start, part.stop
