"""The colours of a result: measured by pieces, mapped pixel by pixel, or with a few rows around."""
