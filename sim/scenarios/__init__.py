"""Scenario engines: what moves everything that the stack does not drive."""
