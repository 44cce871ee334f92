"""Many scenarios, planners and seeds to one table: suites, resumable batches, comparisons, summaries."""
