"""Data sets of real pictures with labelled boxes, as samples that the net learns from."""
