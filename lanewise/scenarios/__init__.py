"""Shipped scenarios and the roads they are driven on; all of them made here."""
