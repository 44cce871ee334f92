"""Engines that run nets, behind one protocol."""
