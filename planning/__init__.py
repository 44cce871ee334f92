"""Scene to trajectory to command: planners, control, the safety gate, and the metrics that judge a drive."""
