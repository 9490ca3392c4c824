"""Shared parts of the trajectory VAEs, and the controls of the `trajectories` suite."""
