"""How good perception is: detections, tracks, their uncertainty, lane marks, lights and weather against the truth."""
