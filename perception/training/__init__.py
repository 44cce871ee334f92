"""Training of the camera net: samples on disk, the loop, scores and the model card."""
