"""Reactive traffic on a lane map: vehicles that keep the rules, cyclists and people on foot with places to go."""
