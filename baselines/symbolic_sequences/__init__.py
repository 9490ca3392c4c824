"""The controls of the `symbolic_sequences` suite."""
