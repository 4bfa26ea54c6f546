"""Coarse-to-fine: the sizes of the scales, and the steps of each."""

import math
from collections.abc import Sequence

from napari_nst.core.picture import fit_longest_side, rotated_size
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import tap_geometry

Size = tuple[int, int]


def scale_sizes(size: Size, config: StyleConfig, styles: Sequence[Size] = ()) -> list[Size]:
    """List the (H, W) of every scale, coarsest first, the last one `size` itself.

    Where opposite borders meet, sides are rounded to the grid of the deepest layer, at least one
    of its positions.

    Parameters
    ----------
    size
        The result's (H, W).
    config
        ``pyramid``, ``min_scale`` and ``scale_ratio``: "down_to" goes down while the longest
        side is at least min_scale (style-transfer-pytorch); "until_within" until the short side
        is at most min_scale (SPST). Scales at which the content or a style is too thin for the
        deepest layer are left out.
    styles
        The (H, W) of each style as given.
    """
    sizes = [size]
    if config.pyramid == "down_to":
        longest = max(size)
        count = math.log(longest / config.min_scale) / math.log(config.scale_ratio)
        sides = [
            round(longest / config.scale_ratio**power)
            for power in range(1, max(0, math.floor(count + 1e-6)) + 2)
        ]
        sizes += [fit_longest_side(size, side) for side in sides if side >= config.min_scale]
    elif config.pyramid == "until_within":
        while min(sizes[-1]) > config.min_scale:
            sizes.append(_shrunk(size, config.scale_ratio ** len(sizes)))
    least = least_side_px(config)
    if config.is_circular:
        sizes = [_on_grid(each, least) for each in sizes]

    def is_wide(scale: Size) -> bool:
        beside = [style_size(style, scale, config, place) for place, style in enumerate(styles)]
        return all(min(each) >= least for each in (scale, *beside))

    return [each for each in sizes[:0:-1] if is_wide(each)] + [sizes[0]]


def least_side_px(config: StyleConfig) -> int:
    """Return the shortest side with one position at the deepest of the layers in use."""
    return max(tap_geometry(tap).stride_px for tap in config.taps)


def split_steps(count: int, config: StyleConfig) -> list[int]:
    """Share the run's steps among `count` scales in the preset's proportions, one at least.

    Fewer steps than scales drop the coarsest scales, whose share is then 0.
    """
    published = [config.scale_steps[min(i, len(config.scale_steps) - 1)] for i in range(count)]
    if config.steps is None:
        return published
    used = min(count, config.steps)
    return [0] * (count - used) + _shares(config.steps, published[-used:])


def style_size(style: Size, content: Size, config: StyleConfig, place: int = 0) -> Size:
    """Return the (H, W) to which a style of (H, W) is resized for a content of (H, W).

    Parameters
    ----------
    place
        Which of the styles it is, from 0.
    """
    scale = config.style_scale * (config.style_scales[place] if config.style_scales else 1)
    if config.style_fit == "short_side":
        wanted = min(content) * scale
        if min(style) <= 1.1 * wanted:
            return style
        return _shrunk(style, min(style) / wanted)
    longest = max(1, round(max(content) * scale))
    if config.style_fit == "shrink":
        longest = min(longest, max(style))
    return fit_longest_side(style, longest)


def style_pixels(style: Size, result: Size, config: StyleConfig, place: int = 0) -> float:
    """Return how many pixels of a style's file make one pixel of the result, along a side.

    At 1, strokes are as large as in the style's file; at 2, half as large.

    Parameters
    ----------
    style, result
        (H, W) of the style as given, and of the result.
    place
        Which of the styles it is, from 0.
    """
    degrees = config.style_rotations[place] if config.style_rotations else 0
    turned = rotated_size(style, degrees)
    return max(turned) / max(style_size(turned, result, config, place))


def _on_grid(size: Size, step: int) -> Size:
    height, width = (max(1, round(side / step)) * step for side in size)
    return height, width


def _shrunk(size: Size, factor: float) -> Size:
    height, width = (max(1, round(side / factor)) for side in size)
    return height, width


def _shares(total: int, proportions: list[int]) -> list[int]:
    whole = sum(proportions)
    exact = [total * part / whole for part in proportions]
    shares = [max(1, math.floor(share)) for share in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    position = 0
    while sum(shares) < total:
        shares[by_rest[position % len(shares)]] += 1
        position += 1
    while sum(shares) > total:
        shares[shares.index(max(shares))] -= 1
    return shares
