import numpy as np
import torch
from torch import Tensor

from napari_nst.core.colours.gaussian import (
    ColourStatistics,
    blended,
    colour_map,
    colour_statistics,
)


def picture(seed: int, height: int = 40, width: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = 0.15 * torch.randn(3, 3, generator=generator)
    colours = mixing @ torch.randn(3, height * width, generator=generator)
    centre = 0.3 + 0.4 * torch.rand(3, 1, generator=generator)
    return (colours + centre).view(1, 3, height, width)


def test_the_mapped_picture_has_the_targets_mean_and_covariance() -> None:
    source, target = picture(1), picture(2)
    mapped = colour_map(*map(colour_statistics, (source, target)))(source)
    found, wanted = colour_statistics(mapped), colour_statistics(target)
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-5)
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=2e-4)


def test_statistics_are_those_of_numpy_and_weigh_pixels_by_their_opacity() -> None:
    shown = picture(1)
    found = colour_statistics(shown)
    colours = shown[0].flatten(1).double().numpy()
    np.testing.assert_allclose(found.covariance, np.cov(colours, bias=True), atol=1e-9)
    hidden = torch.cat([shown, torch.ones(1, 3, 40, 10)], dim=3)
    alpha = torch.cat([torch.ones(1, 1, 40, 30), torch.zeros(1, 1, 40, 10)], dim=3)
    weighed = colour_statistics(hidden, alpha)
    np.testing.assert_allclose(weighed.mean, found.mean, atol=1e-9)
    np.testing.assert_allclose(weighed.covariance, found.covariance, atol=1e-9)


def test_a_grey_target_leaves_no_chroma_at_all() -> None:
    grey = picture(2).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    source = picture(1)
    mapped = colour_map(*map(colour_statistics, (source, grey)))(source)
    assert float((mapped.amax(1) - mapped.amin(1)).max()) < 1e-5


def test_noise_in_a_nearly_grey_picture_is_not_stretched_without_bound() -> None:
    light = torch.rand(1, 1, 40, 30, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(1, 3, 40, 30, generator=torch.Generator().manual_seed(2))
    source = light + 1e-3 * noise
    found = colour_map(*map(colour_statistics, (source, picture(2))))
    assert np.linalg.eigvalsh(found.matrix).max() <= 4 + 1e-9
    mapped = found(source)
    chroma = (
        mapped
        - mapped.mean(1, keepdim=True)
        - (mapped - mapped.mean(1, keepdim=True)).mean((2, 3), keepdim=True)
    ).std()
    assert float(chroma) < 0.1


def test_mapping_to_its_own_colours_changes_nothing() -> None:
    source = picture(1)
    own = colour_statistics(source)
    torch.testing.assert_close(colour_map(own, own)(source), source, rtol=0, atol=1e-3)


def test_blending_equal_statistics_gives_the_same_and_orders_do_not_matter() -> None:
    one, two = colour_statistics(picture(1)), colour_statistics(picture(2))
    halves = (0.5, 0.5)
    np.testing.assert_allclose(blended([one, one], halves).second, one.second)
    np.testing.assert_allclose(blended([one, two], halves).mean, blended([two, one], halves).mean)
    np.testing.assert_allclose(blended([one, two], (0, 1)).mean, two.mean)


def test_flat_pictures_take_the_targets_mean() -> None:
    flat = torch.full((1, 3, 8, 8), 0.5)
    target = ColourStatistics(np.array([0.1, 0.2, 0.3]), np.eye(3) * 0.2)
    mapped = colour_map(colour_statistics(flat), target)(flat)
    np.testing.assert_allclose(mapped.mean((0, 2, 3)).numpy(), target.mean, atol=1e-6)
