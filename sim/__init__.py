"""The built-in 2D simulator: world state, scripted traffic, sensors, scenario engines. It knows no planner."""
