"""Fields of one value each, as forms are made of: numbers, sliders, texts, choices."""
