"""Extracting Symbolic Sequences from Visual Representations: Martinez Pozos, Meza Ruiz (2025).

arXiv 2503.04900. Read `network` (the student and its loss), then `descriptor` (writes symbols),
`discretisation` (turns vectors into symbols), `interpreter` (reads symbols), `attention` (the
blocks of both), `settings` (sizes and schedules) and `method` (teacher, views, answers).
"""

from methods.symbolic_sequences.method import SymbolicSequences
from methods.symbolic_sequences.settings import SymbolicSettings

__all__ = ["SymbolicSequences", "SymbolicSettings"]
