"""Decode picture files to sRGB arrays: `kinds` opens and recognises, `tiff` or `raster` decodes.

`colour` converts colour profiles, `pixels` is shared by both decoders. The rest of the package
reads and writes pictures through `napari_nst.files.images`.
"""

from pathlib import Path

from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import DAMAGE, TIFF_MAGIC, first_line, open_file, refuse_foreign
from napari_nst.files.decode.pixels import Note, Pixels
from napari_nst.files.decode.raster import read_raster
from napari_nst.files.decode.tiff import read_tiff

_HEAD_BYTES = 4096


def decode(path: Path, note: Note) -> Pixels:
    """Read a picture file; see `napari_nst.files.images.read_picture`.

    Parameters
    ----------
    path
        Any file; anything but a picture is refused.
    note
        Called with one sentence for each ignored part, such as a damaged profile.

    Raises
    ------
    ImageError
        If there is no such file, it is damaged, too large, or not a picture.
    """
    with open_file(path) as file:
        try:
            head = file.read(_HEAD_BYTES)
            file.seek(0)
            refuse_foreign(head, path.suffix)
            if head[:4] in TIFF_MAGIC:
                return read_tiff(file, note)
            return read_raster(file, note)
        except ImageError as error:
            raise ImageError(f"{path} cannot be read as a picture: {error}") from error
        except DAMAGE as error:
            raise ImageError(
                f"{path} cannot be read as a picture: it is damaged, cut short, too large or of "
                f"another kind ({first_line(error)})"
            ) from error
