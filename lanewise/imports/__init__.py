"""Readers of recorded real drives: each turns the files of a data set into messages of the bus."""
