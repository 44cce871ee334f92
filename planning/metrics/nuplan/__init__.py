"""The nuPlan closed-loop score with its sub-scores, equal to the devkit's numbers (docs/metrics.md names each
quirk)."""
