"""Write every sample style anew."""

from PIL import Image

from napari_nst.samples import style_path
from tools.paint_samples import PAINTERS

# Full-resolution colour: the usual halved one doubles the error at the mosaic's small tiles.
JPEG = {"quality": 90, "subsampling": "4:4:4", "optimize": True}

for name, paint in PAINTERS.items():
    path = style_path(name)
    Image.fromarray(paint()).save(path, **JPEG)
    print(f"{path}: {path.stat().st_size // 1000} kB")
