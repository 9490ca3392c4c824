"""Shared parts of the learners of `abstract_rules`, and the controls of that suite."""
