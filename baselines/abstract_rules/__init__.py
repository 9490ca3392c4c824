"""What the learners of `abstract_rules` share, and the controls of that suite."""
