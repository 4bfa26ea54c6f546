"""How large a picture is in the world, which its result keeps whatever its number of pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """The rectangle that a picture covers.

    Parameters
    ----------
    height, width
        From border to border.
    top, left
        Where its upper left corner is.
    unit
        Of all four, a name of UDUNITS-2 such as "micrometer"; "" where it is not known.
    """

    height: float
    width: float
    top: float = 0.0
    left: float = 0.0
    unit: str = ""

    def pixel(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return height and width of a pixel of a picture of (H, W) that covers the rectangle."""
        return self.height / size[0], self.width / size[1]
