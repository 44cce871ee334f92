"""Where the ego is, and how sure: `/localization/odometry` and `/localization/pose`."""
