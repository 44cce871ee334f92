"""Static geometry: frames, angles, polylines with Frenet coordinates, oriented boxes. SI units, radians, float64."""
