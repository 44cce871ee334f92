"""NAVSIM scores: PDMS and EPDMS of proposals simulated over four seconds; they score for `pdm-closed` too."""
