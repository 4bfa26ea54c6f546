"""Small pictures and untrained weights."""

import numpy as np
import pytest

from napari_nst.weights import Weights, load


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load("untrained")


@pytest.fixture
def content() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


@pytest.fixture
def style() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 120, (48, 48, 3), np.uint8)
