import pytest
import torch
from torch import Tensor

from napari_nst.core.vgg import CONVS


@pytest.fixture(scope="session")
def tiny_tensors() -> dict[str, Tensor]:
    """VGG-19's topology with a sixteenth of the channels, seeded, float64."""
    generator = torch.Generator().manual_seed(7)
    tensors = {}
    for name, (inputs, outputs) in CONVS.items():
        thin = (outputs // 16, inputs if inputs == 3 else inputs // 16, 3, 3)
        spread = (2 / (9 * thin[1])) ** 0.5
        tensors[f"{name}.weight"] = spread * torch.randn(
            thin, generator=generator, dtype=torch.float64
        )
        tensors[f"{name}.bias"] = 0.1 * torch.randn(
            thin[0], generator=generator, dtype=torch.float64
        )
    return tensors


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor, Tensor]:
    """Content, style and a random third picture; float64, odd sizes."""
    generator = torch.Generator().manual_seed(3)
    sizes = ((51, 67), (48, 80), (51, 67))
    content, style, third = (
        torch.rand((1, 3, *size), generator=generator, dtype=torch.float64) for size in sizes
    )
    return content, style, third
