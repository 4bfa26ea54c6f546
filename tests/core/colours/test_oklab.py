import pytest
import torch

from napari_nst.core.colours.guided_filter import guided
from napari_nst.core.colours.oklab import to_oklab, to_rgb


def pixel(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # of https://bottosson.github.io/posts/oklab and the CSS Color 4 specification's examples
        ((1, 1, 1), (1, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 1, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 1), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_known_colours_have_their_published_oklab_values(rgb, lab):
    torch.testing.assert_close(to_oklab(pixel(*rgb)), pixel(*lab), atol=1e-4, rtol=0)


def test_there_and_back_is_the_same_picture():
    shown = torch.rand(1, 3, 40, 30, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(to_rgb(to_oklab(shown)), shown, atol=2e-4, rtol=0)


def test_colours_beyond_srgb_keep_lightness_and_hue():
    lab = to_oklab(torch.rand(1, 3, 40, 30, generator=torch.Generator().manual_seed(1)))
    beyond = lab * torch.tensor([1.0, 3, 3]).view(1, 3, 1, 1)
    again = to_oklab(to_rgb(beyond))
    torch.testing.assert_close(again[:, :1], lab[:, :1], atol=2e-3, rtol=0)
    across = again[:, 1] * lab[:, 2] - again[:, 2] * lab[:, 1]
    assert float(across.abs().max()) < 1e-3
    assert float((again[:, 1:].norm(dim=1) - 3 * lab[:, 1:].norm(dim=1)).max()) < 2e-3


def naive(guide: torch.Tensor, values: torch.Tensor, radius: int, epsilon: float) -> torch.Tensor:
    """The guided filter as in the paper, window by window."""
    height, width = guide.shape[-2:]

    def window(y: int, x: int) -> tuple[slice, slice]:
        return (
            slice(max(0, y - radius), y + radius + 1),
            slice(max(0, x - radius), x + radius + 1),
        )

    slope, offset = torch.zeros_like(guide), torch.zeros_like(guide)
    for y in range(height):
        for x in range(width):
            g, p = (each[0, 0][window(y, x)] for each in (guide, values))
            covariance = (g * p).mean() - g.mean() * p.mean()
            slope[0, 0, y, x] = covariance / (g.var(correction=0) + epsilon)
            offset[0, 0, y, x] = p.mean() - slope[0, 0, y, x] * g.mean()
    found = torch.zeros_like(guide)
    for y in range(height):
        for x in range(width):
            a, b = (each[0, 0][window(y, x)].mean() for each in (slope, offset))
            found[0, 0, y, x] = a * guide[0, 0, y, x] + b
    return found


def test_the_guided_filter_is_the_papers():
    random = torch.Generator().manual_seed(1)
    guide, values = torch.rand(2, 1, 1, 9, 12, generator=random, dtype=torch.float64)
    found = guided(guide, values, radius_px=2, epsilon=1e-2)
    wanted = naive(guide, values, 2, 1e-2).float()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_noise_goes_and_an_edge_of_the_guide_stays():
    random = torch.Generator().manual_seed(1)
    edge = (torch.arange(40) >= 20).float().expand(1, 1, 40, 40)
    noisy = edge + 0.1 * torch.randn(1, 1, 40, 40, generator=random)
    found = guided(edge, noisy, radius_px=4, epsilon=1e-4)
    assert float((found - edge).std()) < 0.03
    assert float((found[..., 20] - found[..., 19]).mean()) > 0.9
