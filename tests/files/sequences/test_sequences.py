"""Sequences of every kind come back as they were written, and damage is told with the file."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from napari_nst.errors import ImageError
from napari_nst.files.images import write_picture
from napari_nst.files.sequences import video
from napari_nst.files.sequences.frames import Frames, frame_names
from napari_nst.files.sequences.sequences import open_sequence, output_kind, write_sequence


def pictures(count: int = 4, *, channels: int = 3, size: tuple[int, int] = (20, 24)) -> list:
    """Draw smooth pictures, which no codec harms much; each is brighter than the one before."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    base = np.stack([4 * rows, 4 * columns, 0 * rows + 60], -1)
    frames = [np.clip(base + 25 * n, 0, 255).astype(np.uint8) for n in range(count)]
    if channels == 4:
        alpha = np.where(columns < 12, 255, 0).astype(np.uint8)
        frames = [np.dstack([frame, alpha]) for frame in frames]
    return frames


def like(count: int = 4, **changes: object) -> Frames:
    frames = Frames(Path("x"), "video", frame_names(count), lambda _: np.empty(0))
    return replace(frames, rate=Fraction(12), **changes)


def test_a_folder_is_read_by_number_whatever_its_names(tmp_path: Path) -> None:
    frames = pictures(12)
    for number, frame in enumerate(frames):
        write_picture(tmp_path / f"shot3_{number * 2}.png", frame)
    (tmp_path / "notes 1.txt").write_text("no frame")
    found = open_sequence(tmp_path)
    assert list(found.names[:3]) == ["shot3_0", "shot3_2", "shot3_4"]
    assert len(found) == 12
    np.testing.assert_array_equal(found[11], frames[11])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("name", ["a.tif", "a.apng", "a.webp", "a.gif"])
def test_files_come_back_with_size_durations_and_alpha(
    tmp_path: Path, name: str, channels: int
) -> None:
    frames = pictures(channels=channels)
    write_sequence(tmp_path / name, frames, like(durations_ms=[80, 120, 80, 200]), "")
    found = open_sequence(tmp_path / name)
    assert len(found) == 4
    for index, frame in enumerate(frames):
        assert found[index].shape == frame.shape
        if channels == 4:
            np.testing.assert_array_equal(found[index][..., 3], frame[..., 3])
        opaque = np.abs(found[index][:, :12, :3].astype(int) - frame[:, :12, :3])
        assert opaque.mean() < (8 if name.endswith(("gif", "webp")) else 1e-9)
    if found.kind == "animation":
        assert found.durations_ms == [80, 120, 80, 200]


def test_pages_of_16_bits_and_floats_stay_exact(tmp_path: Path) -> None:
    for dtype, scale in ((np.uint16, 257.0), (np.float32, 1 / 255)):
        frames = [(frame * scale).astype(dtype) for frame in pictures()]
        write_sequence(tmp_path / "a.tif", frames, like(), "")
        found = open_sequence(tmp_path / "a.tif")
        np.testing.assert_array_equal(np.stack([found[n] for n in range(4)]), frames)


@pytest.mark.parametrize("size", [(20, 24), (21, 25)])
def test_a_video_keeps_rate_count_and_size(tmp_path: Path, size: tuple[int, int]) -> None:
    pytest.importorskip("av")
    frames = pictures(6, size=size)
    write_sequence(tmp_path / "a.mp4", frames, like(6), "")
    found = open_sequence(tmp_path / "a.mp4")
    assert (len(found), found.rate) == (6, 12)
    for index in (0, 5, 2):  # backwards, too
        assert np.abs(found[index].astype(int) - frames[index]).mean() < 6


def test_without_pyav_a_sentence_tells_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(video, "import_module", absent)
    with pytest.raises(ImageError, match=r"pip install 'napari-nst\[video\]'"):
        output_kind(tmp_path / "a.mp4")


def test_what_is_no_sequence_is_refused_by_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no numbered pictures"):
        open_sequence(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ImageError, match=r"a\.txt is no sequence"):
        open_sequence(tmp_path / "a.txt")
    with pytest.raises(ImageError, match=r"'\.txt'"):
        output_kind(tmp_path / "b.txt")
    for name in ("x-1.png", "y-1.png"):
        write_picture(tmp_path / name, pictures()[0])
    with pytest.raises(ImageError, match=r"x-1.png and y-1.png .* the same number"):
        open_sequence(tmp_path)


def test_a_file_that_ends_early_is_told(tmp_path: Path) -> None:
    write_sequence(tmp_path / "a.gif", pictures(), like(durations_ms=[100] * 4), "")
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=r"a\.gif cannot be read: its frame \d is damaged"):
        open_sequence(tmp_path / "a.gif")
    pytest.importorskip("av")
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(99))
    with pytest.raises(ImageError, match=r"a\.mp4 cannot be read"):
        open_sequence(tmp_path / "a.mp4")
