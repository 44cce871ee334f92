"""Detectors of others: nets that answer with boxes in the picture, and how such boxes become objects in `ego`."""
