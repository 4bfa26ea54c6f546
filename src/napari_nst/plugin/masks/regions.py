"""From what is drawn and chosen to the regions and the content mask of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from napari.qt.threading import FunctionWorker

from napari_nst.errors import NstError
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.masks.label_image import LabelReader
from napari_nst.settings.regions import BLEND, KEEP, Regions, Target
from napari_nst.settings.text import in_words

_LARGE_PX = 1 << 20
"""Larger label images are read in a thread."""


@dataclass(frozen=True)
class DrawnRegions:
    """Regions and a mask that are still to be read off their layers, which may take a while.

    Parameters
    ----------
    labels
        Reads the labels over the content; None where there are no regions.
    size
        Height and width of what it reads.
    targets
        What each label gets.
    rest
        What unlabelled pixels get.
    feather_px
        How wide edges fade.
    style_labels
        Readers of the labels over each style; None where a style has none.
    content_mask
        Reads the levels of the mask over the content; None where there is none.
    """

    labels: LabelReader | None
    size: tuple[int, int]
    targets: Mapping[int, Target] = field(default_factory=dict)
    rest: Target = BLEND
    feather_px: float = 0.0
    style_labels: Sequence[LabelReader | None] = ()
    content_mask: LabelReader | None = None

    def read(self) -> Regions:
        """Read them, in any thread; raises ConfigError if they make no regions."""
        return Regions(
            None if self.labels is None else self.labels(),
            self.targets,
            rest=self.rest,
            feather_px=self.feather_px,
            style_labels=[None if each is None else each() for each in self.style_labels],
            content_mask=None if self.content_mask is None else self.content_mask(),
        )


def read_soon(
    drawn: DrawnRegions, take: Callable[[Regions], None], refuse: Callable[[str], None]
) -> None:
    """Read regions at once, or in a thread where they are large.

    Parameters
    ----------
    take
        Gets them, in the thread that called.
    refuse
        Gets a sentence where they make no regions.
    """

    def on_error(error: Exception) -> None:
        refuse(in_words(translated(error)))

    if drawn.size[0] * drawn.size[1] > _LARGE_PX:
        worker = FunctionWorker(drawn.read)
        worker.returned.connect(take)
        worker.errored.connect(on_error)
        worker.start()
        return
    try:
        regions = drawn.read()
    except NstError as error:
        on_error(error)
    else:
        take(regions)


def default_target(label: int, style_count: int) -> Target:
    """Return what a region gets before the user chooses; 0 is what is unlabelled.

    The first region gets the first style, and so on. With one style the rest keeps the content:
    else a region would change nothing.
    """
    if label:
        return (label - 1) % max(1, style_count)
    return BLEND if style_count > 1 else KEEP
