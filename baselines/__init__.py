"""Baselines, one file each, and the parts that baselines and methods share."""
