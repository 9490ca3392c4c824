"""Baselines, one file each, and what baselines and methods share."""
