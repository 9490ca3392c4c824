"""Published figures, results and their rendering."""
