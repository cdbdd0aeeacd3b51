"""Measurements of pictures and videos: one metric per file, a metric is a function."""
