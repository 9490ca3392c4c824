"""Suites, one file each: tasks, method entries and profiles."""
