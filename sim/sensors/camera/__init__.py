"""Cameras: the rig, the software renderer and the node that publishes pictures."""
