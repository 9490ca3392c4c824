"""Shared parts of the generators of scenes, and the controls of the `scenes` suite."""
