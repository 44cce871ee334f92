"""CommonRoad cost functions of a trajectory, as the official drivability checker computes them (docs/metrics.md)."""
