"""Recorded traffic as scenarios: logs of real drives, replayed or made to react."""
