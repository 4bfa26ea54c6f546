"""Fetch the real ImageNet weights and run the preset "gatys" on them: `make verify-weights`."""

import sys
from pathlib import Path

from skimage import data

from napari_nst import StyleConfig, stylize
from napari_nst.cli import app as cli
from napari_nst.files.images import write_picture


def main() -> int:
    """Return 0 if the weights came and the loss fell to a tenth."""
    if code := cli.main(["weights", "download"]):
        return code
    config = StyleConfig.preset("gatys", size=256, steps=100)
    result = stylize(data.cat(), data.immunohistochemistry(), config, weights="imagenet")
    output = Path("demo/verified.png")
    output.parent.mkdir(exist_ok=True)
    write_picture(output, result.image, record=result.record)
    first, last = result.history[0].loss, result.history[-1].loss
    print(f"{output}: {result.reason}, loss {first:.4g} to {last:.4g}")
    return 0 if last < first / 10 else 1


if __name__ == "__main__":
    sys.exit(main())
