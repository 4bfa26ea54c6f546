"""What each choice of colours keeps and what it changes."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_nst.core.colours.chroma import chroma_points, transported
from napari_nst.core.colours.distribution import Distribution
from napari_nst.core.colours.gaussian import colour_statistics
from napari_nst.core.colours.oklab import to_oklab
from napari_nst.core.colours.painted import Painted
from napari_nst.core.colours.palette import Palette
from napari_nst.errors import ConfigError

SIZE = (96, 128)
AFTER = ("style", "palette", "histogram", "content", "luminance")


def picture(seed: int, size: tuple[int, int] = SIZE) -> Tensor:
    """Smooth patches of colour with a little noise, as a painting has."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=False)
    return (0.15 + 0.7 * smooth + 0.02 * torch.randn(1, 3, *size, generator=random)).clamp(0, 1)


def palette(content: Tensor, style: Tensor) -> Palette:
    distribution = Distribution.of(lambda: [(style, None)], 1)
    return Palette(colour_statistics(content), colour_statistics(style), distribution)


def recoloured(style: Tensor, colors: str, strength: float = 1.0, **options: object) -> Tensor:
    """Picture 1, painted after picture 2, in the colours asked for."""
    painted = Painted.whole(picture(1), options.get("alpha"), lambda: picture(2))
    return palette(picture(2), style).after(painted, colors, strength)(slice(0, SIZE[0]))


def test_luminance_keeps_the_painted_lightness_and_the_contents_chroma():
    painted, content = (to_oklab(picture(seed)) for seed in (1, 2))
    found = to_oklab(recoloured(picture(3), "luminance"))
    torch.testing.assert_close(found[:, :1], painted[:, :1], atol=2e-3, rtol=0)
    fits = (found[:, 1:] - content[:, 1:]).norm(dim=1) < 2e-3
    assert float(fits.float().mean()) > 0.7, "the rest is beyond sRGB at the painted lightness"
    own, wanted = (each[:, 1:].norm(dim=1) for each in (found, content))
    assert float((own - wanted).max()) < 2e-3


@pytest.mark.parametrize(("colors", "seed"), [("style", 3), ("content", 2)])
def test_covariance_modes_match_mean_and_covariance(colors, seed):
    found, wanted = (
        colour_statistics(each) for each in (recoloured(picture(3), colors), picture(seed))
    )
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-5)
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=2e-3)


def test_a_grey_style_leaves_no_chroma():
    grey = picture(3).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    found = recoloured(grey, "palette")
    assert float((found.amax(1) - found.amin(1)).max()) < 1e-4
    painted = to_oklab(picture(1))[:, :1]
    torch.testing.assert_close(to_oklab(found)[:, :1], painted, atol=2e-3, rtol=0)


def test_a_palette_has_the_styles_chroma_and_the_painted_lightness():
    style = picture(3)
    found, painted, wanted = (
        to_oklab(e) for e in (recoloured(style, "palette"), picture(1), style)
    )
    torch.testing.assert_close(found[:, :1], painted[:, :1], atol=2e-3, rtol=0)
    for axis in (1, 2):
        ours, before, theirs = (
            each[0, axis].flatten().sort()[0] for each in (found, painted, wanted)
        )
        assert float((ours - theirs).abs().mean()) < 0.25 * float((before - theirs).abs().mean())


def test_histogram_mode_has_the_styles_sorted_values_within_a_level():
    style = (picture(3) * 255).round() / 255
    found = recoloured(style, "histogram")
    for ours, theirs in zip(found[0], style[0], strict=True):
        levels = [(each.flatten().sort()[0] * 255).round() for each in (ours, theirs)]
        apart = (levels[0] - levels[1]).abs()
        assert float((apart > 1).float().mean()) < 0.01, "only where few pixels are"
        assert float(apart.mean()) < 0.3


@pytest.mark.parametrize("colors", AFTER)
def test_strength_goes_from_as_painted_to_full_without_a_turn(colors):
    painted, full = picture(1), recoloured(picture(3), colors)
    assert torch.equal(recoloured(picture(3), colors, 0), painted)
    changes = [
        float((recoloured(picture(3), colors, share) - painted).abs().mean())
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert all(less < more for less, more in itertools.pairwise(changes))
    assert changes[2] == pytest.approx(changes[-1] / 2, rel=1e-3)
    assert changes[-1] == pytest.approx(float((full - painted).abs().mean()))


@pytest.mark.parametrize("colors", AFTER)
def test_by_pieces_equals_whole(colors):
    painted, content = picture(1), picture(2)
    alpha = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(9))
    parts = [slice(0, 40), slice(40, 41), slice(41, 96)]
    pieces = Painted(
        SIZE,
        parts,
        lambda rows: painted[:, :, rows],
        lambda rows: alpha[:, :, rows],
        lambda rows: content[:, :, rows],
    )
    rows_of = palette(content, picture(3)).after(pieces, colors)
    found = torch.cat([rows_of(rows) for rows in parts], 2)
    whole = recoloured(picture(3), colors, alpha=alpha)
    torch.testing.assert_close(found, whole, atol=2e-5, rtol=0)


@pytest.mark.parametrize("colors", ["style", "palette", "histogram", "content"])
def test_transparent_pixels_do_not_count(colors):
    painted = torch.cat([picture(1), torch.ones(1, 3, SIZE[0], 40)], 3)
    alpha = torch.cat([torch.ones(1, 1, *SIZE), torch.zeros(1, 1, SIZE[0], 40)], 3)
    rows_of = palette(picture(2), picture(3)).after(Painted.whole(painted, alpha), colors)
    seen = rows_of(slice(0, SIZE[0]))[..., : SIZE[1] - 8]
    wanted = recoloured(picture(3), colors)[..., : SIZE[1] - 8]
    torch.testing.assert_close(seen, wanted, atol=5e-3, rtol=0)


def test_transport_carries_one_distribution_onto_another():
    random = np.random.default_rng(1)
    source, target = (
        np.column_stack([np.full(300, 1 / 300), random.normal(size=(300, 2)) @ spread + centre])
        for spread, centre in ((np.eye(2) * 0.02, 0.1), (np.array([[0.05, 0.03], [0, 0.01]]), -0.1))
    )
    moved = transported(source[:, 1:], source, target)
    np.testing.assert_allclose(moved.mean(0), target[:, 1:].mean(0), atol=2e-3)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(target[:, 1:].T), atol=2e-4)


def test_a_palette_survives_json_and_maps_alike():
    ours = palette(picture(2), picture(3))
    again = Palette.from_dict(ours.to_dict())
    for colors in (*AFTER, "none", "before"):
        painted = Painted.whole(picture(1), None, lambda: picture(2))
        found, wanted = (each.after(painted, colors)(slice(0, 96)) for each in (again, ours))
        assert torch.equal(found, wanted)
    with pytest.raises(KeyError):
        Palette.from_dict({"content": ours.content.to_dict()})


def test_what_an_older_record_does_not_hold_is_refused_by_a_sentence():
    values = palette(picture(2), picture(3)).to_dict()
    del values["distribution"]
    older, painted = Palette.from_dict(values), Painted.whole(picture(1))
    for colors, why in (
        ("palette", "earlier version"),
        ("histogram", "earlier version"),
        ("luminance", "not at hand"),
    ):
        with pytest.raises(ConfigError, match=why):
            older.after(painted, colors)


@pytest.mark.parametrize("part", [3, "", "!", "AAAA", "eJwDAAAAAAE="])
def test_a_damaged_distribution_raises_what_a_reader_expects(part):
    values = Distribution.of(lambda: [(picture(1), None)], 1).to_dict()
    for name in values:
        with pytest.raises((KeyError, TypeError, ValueError)):
            Distribution.from_dict(values | {name: part})


def test_chroma_points_hold_the_mean_chroma():
    shown = picture(1)
    points = chroma_points([(shown, None)])
    wanted = to_oklab(shown)[0, 1:].flatten(1).double().mean(1).numpy()
    np.testing.assert_allclose(points[:, 0] @ points[:, 1:], wanted, atol=1e-7)
