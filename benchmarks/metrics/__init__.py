"""Pure functions of outputs and labels."""
