"""What windows cost: `python benchmarks/windows.py`.

Time of one evaluation of loss and gradient by windows, a pixel, in units of that of a whole picture
of 1024 px, both in one process and in turns. The content's features are there already, as in a run.
"--pictures 2048 4096" shows that a pixel costs the same in larger ones; "--inner" times the window
in the middle alone, which has a halo on all sides.
"""

import argparse
import statistics
import time

import torch

from napari_nst import StyleConfig
from napari_nst.core.device import resolve_precision
from napari_nst.core.evaluate import loss_and_gradient, loss_and_gradient_by_windows
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.loss.targets import Part, measured, objective_of
from napari_nst.core.network.encoder import encoder_for
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.tiling.layout import Layout
from napari_nst.weights import load

WHOLE_PX = 1024


def main():
    arguments = parsed()
    device = torch.device("cpu")
    config = StyleConfig.preset(arguments.preset, precision=arguments.precision)
    weights = load(arguments.weights)
    dtype = resolve_precision(config.precision, device)
    encoder = encoder_for(config, weights.tensors, feed=weights.input, device=device, dtype=dtype)
    style = [Part([measured(encoder, noise(512), config)], (1.0,))]
    print(f"{arguments.preset}, {dtype}, {torch.get_num_threads()} threads")
    print("| window px | picture px | a pixel, in units of the whole picture's | s a megapixel |")
    print("|---|---|---|---|")

    def evaluate(side, tile_px):
        layout, pixels = Layout(tile_px), noise(side)
        objective = objective_of(encoder, pixels, style, config, balance=PUBLISHED, layout=layout)
        windows = layout.windows(pixels.size, encoder.taps)
        if len(windows) == 1:
            return lambda: loss_and_gradient(pixels.whole, encoder, objective, config)
        timed = [list(windows)[len(windows) // 2]] if arguments.inner else windows
        return lambda: loss_and_gradient_by_windows(
            pixels, timed, encoder, objective, config, layout
        )

    whole = evaluate(WHOLE_PX, None)
    for tile_px in arguments.windows:
        for side in arguments.pictures or [3 * tile_px]:
            parted = evaluate(side, tile_px)
            whole(), encoder.release()
            worked = tile_px if arguments.inner else side
            turns = [(seconds(whole) / WHOLE_PX**2, seconds(parted) / worked**2) for _ in range(3)]
            ratio = statistics.median(new / old for old, new in turns)
            a_megapixel = 1e6 * statistics.median(new for _, new in turns)
            print(f"| {tile_px} | {side} | {ratio:.2f} | {a_megapixel:.2f} |", flush=True)


def noise(side):
    generator = torch.Generator().manual_seed(side)
    return HeldPixels(torch.rand((1, 3, side, side), generator=generator))


def seconds(work):
    began = time.process_time()
    work()
    return time.process_time() - began


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--pictures", type=int, nargs="*", help="sides; three windows by default")
    parser.add_argument("--inner", action="store_true", help="time the window in the middle alone")
    parser.add_argument("--preset", default="gatys")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--weights", default="builtin")
    return parser.parse_args()


if __name__ == "__main__":
    main()
