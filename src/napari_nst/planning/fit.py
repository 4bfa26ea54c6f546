"""Check before a run that every picture is large enough for the network.

A picture needs at least one position at the deepest layer. Coarse scales where a picture is too
small are skipped (`napari_nst.core.pyramid.scale_sizes`); the finest cannot be.
"""

from collections.abc import Sequence

from napari_nst.core.picture import fit_longest_side
from napari_nst.core.pyramid import Size, least_side_px, style_size
from napari_nst.errors import ImageError
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import tap_geometry

_LONGEST_PX = 65536
"""Limit for enlarged styles; the same as the content's (`StyleConfig.size`)."""


def check_fit(config: StyleConfig, content: Size, styles: Sequence[Size]) -> None:
    """Raise ImageError that names a picture that is too small or would be enlarged too far.

    Parameters
    ----------
    config
        The settings.
    content, styles
        Height and width of the pictures as given.
    """
    if problem := misfit(config, content, styles, size=config.size):
        raise ImageError(problem)


def misfit(
    config: StyleConfig, content: Size, styles: Sequence[Size], *, size: int | None
) -> str | None:
    """Return what `check_fit` would raise at another size; None if all fit."""
    finest = fit_longest_side(content, size)
    least = least_side_px(config)
    if min(finest) < least:
        return _too_small("the content", content, finest, config, "Choose a larger size")
    for number, style in enumerate(styles, 1):
        role = "the style" if len(styles) == 1 else f"style {number}"
        shown = style_size(style, finest, config, number - 1)
        if min(shown) < least:
            advice = "Choose a larger size or style_scale, or a wider style"
            return _too_small(role, style, shown, config, advice)
        if max(shown) > max(_LONGEST_PX, *style):
            return (
                f"{role} would be enlarged to {_pixels(shown)}; the limit is {_LONGEST_PX} px. "
                f"Lower style_scale, which is {config.style_scale:g}."
            )
    return None


def _too_small(role: str, given: Size, used: Size, config: StyleConfig, advice: str) -> str:
    deepest = max(config.taps, key=lambda tap: tap_geometry(tap).receptive_field_px)
    least = least_side_px(config)
    becomes = "" if used == given else f", used at {_pixels(used)},"
    return (
        f"{role} of {_pixels(given)}{becomes} is too small: VGG-19 to {deepest} needs at least "
        f"{least}x{least}. {advice}, or drop {deepest}."
    )


def _pixels(size: Size) -> str:
    return f"{size[1]}x{size[0]} px"
