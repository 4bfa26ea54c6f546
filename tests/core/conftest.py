import pytest
import torch
from torch import Tensor

from tests.core.textbook import thin_vgg


@pytest.fixture(scope="session")
def tiny_tensors() -> dict[str, Tensor]:
    """VGG-19's topology with a sixteenth of the channels, seeded, float64."""
    return thin_vgg(16)


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor, Tensor]:
    """Content, style and a random third picture; float64, odd sizes."""
    generator = torch.Generator().manual_seed(3)
    sizes = ((51, 67), (48, 80), (51, 67))
    content, style, third = (
        torch.rand((1, 3, *size), generator=generator, dtype=torch.float64) for size in sizes
    )
    return content, style, third
