"""What a run yields and returns."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_nst.core.colours.painted import Painted
from napari_nst.core.colours.palette import Palette
from napari_nst.core.loss.masks import ContentMasks
from napari_nst.core.picture import AnyPicture, read_picture, write_array
from napari_nst.errors import ConfigError
from napari_nst.settings.fields import Colors
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import RunRecord
from napari_nst.settings.results import LossPoint, Reason, Scale

Array = npt.NDArray[Any]

_SAME_LOSS = 1e-3
"""Relative difference of the losses of two pictures that are taken for the same."""


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
        """Return the picture after this step; ask before asking for the next step.

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
    content
        The picture that was painted, from which "luminance" takes its colours.
    """

    image: Array
    painted: npt.NDArray[np.float32]
    history: tuple[LossPoint, ...]
    reason: Reason
    record: RunRecord
    seconds: float
    content: PixelSource | None = None

    @property
    def has_moved(self) -> bool:
        """Whether the picture is another than the run started from.

        It is not where a run diverged at its first step. The first evaluation that is not finite
        may be that of the picture after the first step, which then is counted as done; the last
        good picture is the first all the same.
        """
        if self.reason != "diverged":
            return True
        done, first, last = self.record.steps_done, self.history[0], self.history[-1]
        is_first = done == 1 and math.isclose(first.loss, last.loss, rel_tol=_SAME_LOSS)
        return done > 0 and not is_first

    def with_colors(self, colors: Colors, strength: float | None = None) -> "StyleResult":
        """Copy with other colours, without running again; the record tells them.

        Parameters
        ----------
        colors
            As in StyleConfig; not "before", which acts before a run.
        strength
            From 0, as painted, to 1; None keeps the `color_strength` of the record.
        """
        record = self.record.with_colors(colors, strength)
        ending = record.ending
        image = recolored(
            self.image,
            self.painted,
            record,
            ending.colors,
            strength=ending.color_strength,
            content=self.content,
        )
        return replace(self, image=image, record=record)


def recolored(
    image: Array,
    painted: npt.NDArray[np.float32],
    record: RunRecord,
    colors: Colors,
    *,
    strength: float = 1.0,
    content: PixelSource | None = None,
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
        As in StyleConfig; not "before", which acts before a run.
    strength
        From 0, as painted, to 1.
    content : array, shape (H, W), (H, W, 3) or (H, W, 4)
        The picture that was painted; "luminance" reads it.

    Raises
    ------
    ConfigError
        If there are no such colours, or the record, damaged or of an earlier version, does not
        hold those of content and style, or the content is needed and not given.
    """
    record.with_colors(colors, strength)  # checks them
    try:
        palette = Palette.from_dict(record.resolved["palette"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "the record of this result holds no colours of its content and style: it is of an "
            "earlier version, or damaged; run it again to choose its colours"
        ) from error
    like = read_picture(image, "the result")
    size, rows = like.size, slice(0, like.size[0])
    rgb = torch.from_numpy(painted).permute(2, 0, 1)[None]

    def beside(given: PixelSource) -> torch.Tensor:
        return read_picture(given, "content").resized(size, "bilinear").rgb

    alpha, kept = like.alpha, _kept(record, like)
    if kept is not None:
        alpha = (1 - kept) * (1.0 if alpha is None else alpha)
    whole = Painted.whole(rgb, alpha, None if content is None else partial(beside, content))
    found = palette.after(whole, colors, strength)(rows)
    if kept is not None:
        own = like.rgb if whole.content is None else whole.content(rows)
        found = torch.lerp(found, own.to(found), kept.to(found))
    return write_array(found, like)


def _kept(record: RunRecord, like: AnyPicture) -> torch.Tensor | None:
    """Return how much of each pixel of a result stays as in the content; None: nothing."""
    if record.ending_regions is None:
        return None
    full_px = max(record.resolved["scales"][-1])
    resample = record.config.resample
    masks = ContentMasks(like, record.ending_regions, like.size, resample, full_px=full_px)
    return None if masks.kept is None else masks.kept.rows(slice(0, like.size[0]))
