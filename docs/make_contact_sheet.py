"""Run the samples as two folders and photograph the contact sheet's page in Chromium.

    .venv/bin/python docs/make_contact_sheet.py [FOLDER]

writes contact-sheet.webp, by default into docs/images.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from napari_nst import StyleConfig, samples, stylize_folder
from napari_nst.files.images import write_picture

CONTENTS, STYLES = ("astronaut", "cat"), ("brush strokes", "stained glass", "mosaic")
WINDOW = "--window-size=1000,760"


def main(folder: Path) -> None:
    """Write the picture into a folder."""
    config = StyleConfig.preset("default", size=256, steps=60)
    with TemporaryDirectory() as place:
        root = Path(place)
        for role in ("content", "style"):
            (root / role).mkdir()
        for name in CONTENTS:
            write_picture(root / "content" / f"{name}.png", samples.photograph(name))
        for name in STYLES:
            write_picture(root / "style" / f"{name}.png", samples.style(name))
        for result in stylize_folder(root / "content", root / "style", root / "out", config):
            print(result.pair.output.name, result.state)
        page, shot = root / "out" / "index.html", root / "shot.png"
        chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", WINDOW]
        command = [*chromium, "--hide-scrollbars", f"--screenshot={shot}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as picture:
            picture.convert("RGB").save(folder / "contact-sheet.webp", quality=85)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
