"""What tests ask of rectangles."""


def is_whole_in(outer, inner):
    """Whether one rectangle lies within another."""
    return bool((outer[0] <= inner[0]).all() and (inner[1] <= outer[1]).all())
