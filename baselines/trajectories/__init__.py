"""What the trajectory VAEs share, and the controls of the `trajectories` suite."""
