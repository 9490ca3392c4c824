"""Datasets of symbench: one folder each, with a generator or loader and a card."""
