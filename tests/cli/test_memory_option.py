"""--memory, --tile and --scratch: what is read, and what is refused before the work."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_nst.cli import app as cli
from napari_nst.cli.options import memory_bytes
from napari_nst.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4GB", 4 * 10**9),
        ("4 gb", 4 * 10**9),
        ("1.5G", 15 * 10**8),
        ("500MB", 5 * 10**8),
        ("2GiB", 2 << 30),
        ("3000000000", 3 * 10**9),
        (None, None),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str | None, count: int | None) -> None:
    assert memory_bytes(text) == count


@pytest.mark.parametrize("text", ["", "much", "4XB", "-4GB", "4GB free", "50MB", "0"])
def test_other_amounts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--memory is (an amount such as|at least)"):
        memory_bytes(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--memory", "much"), "--memory is an amount such as 4GB"),
        (("--tile", "small"), "tile is an integer"),
        (("--tile", "-3"), "tile is between 0 and 65536"),
    ],
)
def test_bad_options_end_with_2_and_a_sentence(
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save("c.png")
    assert cli.main(["stylize", "c.png", "c.png", "-o", "out.png", *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out.png").exists()
