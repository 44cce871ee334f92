"""The camera net: what it is, what it learns, and how its numbers become objects, marks and lights."""
