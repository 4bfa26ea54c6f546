"""Make a video with a moving object, stylize it, and write its flicker table.

    python docs/make_sequence.py sequence/ [--size 128] [--frames 24]

Writes input.mp4, the result out.mp4, table.md, and the frames of the result in frames/. For
comparison the table ends with two neighbours in the middle, each stylized alone (alone-*.png).
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from napari_nst import StyleConfig, stylize
from napari_nst.cli.app import main as napari_nst
from napari_nst.core.flow.optical import optical_flow
from napari_nst.core.flow.warping import reliable, warping_error
from napari_nst.core.picture import read_picture
from napari_nst.files.sequences.frames import Frames, frame_names
from napari_nst.files.sequences.sequences import open_sequence, write_sequence

STYLE = Path(__file__).parent.parent / "src/napari_nst/samples/brush-strokes.jpg"


def painted_frames(size: int, count: int) -> list[np.ndarray]:
    """Move a cup of coffee over a still photograph, from left to right."""
    ground = np.asarray(Image.fromarray(data.astronaut()).resize((size, size)))
    cup = Image.fromarray(data.coffee()[40:360, 130:470]).resize((size // 3, size // 3))
    frames = []
    for number in range(count):
        frame = ground.copy()
        left = round((size - size // 3) * number / (count - 1))
        frame[size // 2 : size // 2 + cup.height, left : left + cup.width] = np.asarray(cup)
        frames.append(frame)
    return frames


def alone(frames: Frames, size: int, folder: Path) -> str:
    """Stylize two neighbours in the middle, each alone; return their lines of the table."""
    pair = len(frames) // 2 - 1, len(frames) // 2
    style, config = np.asarray(Image.open(STYLE)), StyleConfig.preset("default", size=size)
    results = [stylize(frames[index], style, config) for index in pair]
    before, here = (read_picture(frames[index], "a frame").rgb for index in pair)
    flow = optical_flow(here, before)
    mask = reliable(flow, optical_flow(before, here))
    first, second = (read_picture(each.image, "a result").rgb for each in results)
    errors = "", f"{warping_error(second, first, flow, mask):.3e}"
    lines = []
    for index, result, error in zip(pair, results, errors, strict=True):
        Image.fromarray(result.image).save(folder / f"alone-{frames.names[index]}.png")
        style_loss, steps = result.history[-1].terms["style"], result.record.steps_done
        lines.append(
            f"| {frames.names[index]}, alone | own | 0.000 | {steps} | {result.seconds:.1f} | "
            f"{style_loss:.5g} | {error} |\n"
        )
    return "".join(lines)


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--frames", type=int, default=24)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    like = Frames(asked.folder, "folder", frame_names(asked.frames), lambda _: np.empty(0))
    source, result = asked.folder / "input.mp4", asked.folder / "out.mp4"
    write_sequence(source, painted_frames(asked.size, asked.frames), like, "")
    table = asked.folder / "table.md"
    options = ["--size", str(asked.size), "--report", str(table), "--overwrite", "--no-preview"]
    code = napari_nst(["sequence", str(source), str(STYLE), "-o", str(result), *options])
    if code == 0:
        found = open_sequence(result)
        (asked.folder / "frames").mkdir(exist_ok=True)
        for name, frame in zip(found.names, found, strict=True):
            Image.fromarray(frame).save(asked.folder / "frames" / f"{name}.png")
        with table.open("a") as file:
            file.write(alone(open_sequence(source), asked.size, asked.folder))
        print(table.read_text())
    return code


if __name__ == "__main__":
    raise SystemExit(main())
