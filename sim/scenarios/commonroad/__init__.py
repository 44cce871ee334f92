"""CommonRoad scenarios (2018b, 2020a): reader, goals, replayed traffic, solution files."""
