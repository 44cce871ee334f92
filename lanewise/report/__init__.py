"""The report of a drive: one page that explains it, the same pictures as a video, both from `scene.ReportData`."""
