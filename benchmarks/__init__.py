"""Ratios against what a user would otherwise do."""
