"""Picture files to arrays in sRGB: `kinds` opens and recognises a file, then `tiff` or `raster`.

`colour` converts colour profiles, `pixels` holds what both decoders share. Writing is in
`napari_nst.files.images`, which is also where the rest of the package reads pictures from.
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
        Any file; what is not a picture is refused.
    note
        Called with one sentence for each thing that was ignored, as a damaged profile.

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
