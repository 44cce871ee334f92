"""Euro NCAP points for emergency braking and warning tests (rules of 2026)."""
