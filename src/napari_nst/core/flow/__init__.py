"""Motion between frames: optical flow, warping, and what of it can be relied on."""
