"""Max pooling behind a ReLU, strip by strip, against torch's autograd."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from napari_nst.core.network.pooling import MaxRoutes

CPU = torch.device("cpu")


def picture(height, width, dtype, *, levels):
    """Random features with ties, above and below zero."""
    generator = torch.Generator().manual_seed(height * width)
    flow = torch.randint(-levels, levels + 1, (1, 5, height, width), generator=generator) / levels
    return flow.to(dtype).relu_().contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(8, 6), (9, 7), (2, 3), (13, 2)])
@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_strips_pool_and_unpool_as_torch_does_the_whole(size, dtype, levels):
    height, width = size
    flow = picture(height, width, dtype, levels=levels)
    leaf = flow.clone().requires_grad_()
    expected = functional.max_pool2d(functional.relu(leaf), 2)
    arriving = torch.randn_like(expected).contiguous(memory_format=torch.channels_last)
    expected.backward(arriving)

    codes = torch.empty_like(expected, dtype=torch.int8)
    routes = MaxRoutes(codes, size, dtype)
    cuts = [*range(0, height - 1, 4), height]
    strips = [slice(*pair) for pair in pairwise(cuts)]
    pooled = [routes.pool(flow[:, :, r], slice(r.start // 2, r.stop // 2)) for r in strips]
    assert torch.equal(torch.cat(pooled, 2), expected)

    back = [routes.unpool(arriving, (top, min(top + 3, height))) for top in range(0, height, 3)]
    assert torch.equal(torch.cat(back, 2), leaf.grad)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_zeros_with_a_sign_are_zeros_and_what_is_no_number_stays_so(dtype):
    nan = float("nan")
    rows = [[-0.0, -0.0, -0.0, 0.0, -nan, 1.0], [-0.0, -0.0, 2.0, 1.0, 0.0, -0.0]]
    flow = torch.tensor(rows, dtype=dtype)[None, None].contiguous(memory_format=torch.channels_last)
    codes = torch.empty((1, 1, 1, 3), dtype=torch.int8)
    routes = MaxRoutes(codes, (2, 6), dtype)
    pooled = routes.pool(flow, slice(0, 1))
    expected = torch.tensor([[[[0.0, 2.0, nan]]]], dtype=dtype)
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0, equal_nan=True)
    back = routes.unpool(torch.ones((1, 1, 1, 3), dtype=dtype), (0, 2))
    assert back[..., :4].tolist() == [[[[0, 0, 0, 0], [0, 0, 1, 0]]]]
