"""What is around the ego: `/perception/objects` in `ego` and `/perception/tracks` in `odom`."""
