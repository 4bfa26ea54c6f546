"""How the picture moves downhill. Knows neither network nor loss."""
