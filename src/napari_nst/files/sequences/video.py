"""Videos by PyAV, the extra "video": every kind that FFmpeg reads, H.264 out.

PyAV rather than imageio-ffmpeg: it seeks and counts frames within Python, and its wheels are of one
piece for all systems; imageio-ffmpeg pipes frames through a program that it starts.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import first_line
from napari_nst.files.depth import as_uint8
from napari_nst.files.disk import appearing_whole
from napari_nst.files.outputs import disk_errors_translated
from napari_nst.files.sequences.frames import DEFAULT_RATE, Frame, Frames, frame_names

_QUALITY = "16"
"""H.264's constant rate factor: 18 passes for lossless to the eye, and strokes are fine."""

_CONTAINERS = {".mkv": "matroska", ".mov": "mov"}


def video(path: Path) -> Frames:
    """Open a video; all of it is decoded once to count its frames and find a broken one.

    Raises
    ------
    ImageError
        If PyAV is not installed, or it is no video or damaged.
    """
    count, rate = 0, DEFAULT_RATE
    for count, (_, rate) in enumerate(_decoded(path), 1):  # noqa: B007 - the last of each
        pass
    if not count:
        raise ImageError(f"{path} has no frames; is it a video?")
    reader = _Reader(path)
    names = frame_names(count)
    return Frames(path, "video", names, lru_cache(maxsize=8)(reader.read), rate=rate)


def write_video(path: Path, frames: Iterable[Frame], rate: Fraction) -> None:
    """Write frames as H.264, atomically; sides of odd lengths keep every pixel (4:4:4).

    Raises
    ------
    ImageError
        If PyAV is not installed, or it cannot be encoded or written.
    """
    av = _av()
    try:
        with disk_errors_translated(path), appearing_whole(path) as part:
            container = _CONTAINERS.get(path.suffix.lower(), "mp4")
            with av.open(str(part), "w", format=container) as output:
                stream = None
                for picture in frames:
                    rgb = _without_alpha(as_uint8(picture))
                    if stream is None:
                        stream = output.add_stream("libx264", rate=rate)
                        stream.height, stream.width = rgb.shape[:2]
                        is_odd = stream.height % 2 or stream.width % 2
                        stream.pix_fmt = "yuv444p" if is_odd else "yuv420p"
                        stream.options = {"crf": _QUALITY}
                    output.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
                if stream is not None:
                    output.mux(stream.encode())
    except av.error.FFmpegError as error:
        raise ImageError(f"{path} cannot be written: {first_line(error)}") from error


def check_video() -> None:
    """Raise ImageError, with how to install it, if PyAV is missing."""
    _av()


class _Reader:
    """Reads frames in order; going back starts anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames: Iterator[tuple[Frame, Fraction]] = iter(())
        self._next: int | None = None

    def read(self, index: int) -> Frame:
        if self._next is None or index < self._next:
            self._frames, self._next = _decoded(self._path), 0
        for frame, _ in self._frames:
            self._next += 1
            if self._next > index:
                return frame
        raise ImageError(f"{self._path} ends before its frame {index + 1}; it has changed")


def _decoded(path: Path) -> Iterator[tuple[Frame, Fraction]]:
    """Yield every frame, shape (H, W, 3), uint8, and the frames a second."""
    av = _av()
    count = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ImageError(f"{path} has no pictures, only sound; name a video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
            for frame in container.decode(stream):
                yield np.asarray(frame.to_ndarray(format="rgb24")), rate
                count += 1
    except (av.error.FFmpegError, OSError) as error:
        where = f"frame {count + 1} of {path}" if count else str(path)
        raise ImageError(
            f"{where} cannot be read: {first_line(error)}; convert the video, or name a folder of "
            "its frames"
        ) from error


def _without_alpha(picture: Frame) -> Frame:
    """Return RGB, on white where there is opacity: H.264 has none."""
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, 2)
    if picture.shape[2] == 3:
        return np.ascontiguousarray(picture)
    opacity = picture[..., 3:].astype(np.float32) / 255
    white = picture[..., :3] * opacity + 255 * (1 - opacity)
    return np.rint(white).astype(np.uint8)


def _av() -> Any:  # noqa: ANN401 - a module
    try:
        return import_module("av")
    except ImportError as error:
        raise ImageError(
            "videos need PyAV; install it by: pip install 'napari-nst[video]', or name a folder of "
            "frames"
        ) from error
