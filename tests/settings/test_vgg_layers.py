import pytest

from napari_nst.errors import ConfigError
from napari_nst.settings.vgg_layers import CONVS, convolutions_to, tap_geometry


@pytest.mark.parametrize(
    ("tap", "channels", "stride", "field"),
    [
        ("conv1_1", 64, 1, 3),
        ("relu1_2", 64, 1, 5),
        ("relu2_1", 128, 2, 10),
        ("relu3_1", 256, 4, 24),
        ("relu4_2", 512, 8, 84),
        ("relu5_1", 512, 16, 156),
    ],
)
def test_stride_and_receptive_field_follow_from_the_table(
    tap: str, channels: int, stride: int, field: int
) -> None:
    geometry = tap_geometry(tap)
    assert (geometry.channels, geometry.stride_px, geometry.receptive_field_px) == (
        channels,
        stride,
        field,
    )


def test_the_network_is_cut_behind_the_deepest_tap() -> None:
    assert convolutions_to(("relu1_1", "conv2_2", "relu1_2"))[-1] == "conv2_2"
    assert len(convolutions_to(("relu5_4",))) == len(CONVS) == 16


def test_an_unknown_tap_is_refused_with_an_example() -> None:
    with pytest.raises(ConfigError, match="relu4_2"):
        tap_geometry("block4_conv2")
