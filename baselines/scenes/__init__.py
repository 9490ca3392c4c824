"""What the generators of scenes share, and the controls of the `scenes` suite."""
