"""Sensors of the simulated car: each turns truth into what a real device would say, with that device's errors."""
