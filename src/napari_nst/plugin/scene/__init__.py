"""Where pictures lie on the canvas, what the view shows of them, and what covers what."""
