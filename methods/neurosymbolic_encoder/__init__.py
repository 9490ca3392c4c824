"""Neurosymbolic encoders: Zhan, Sun, Kennedy, Yue, Chaudhuri (TMLR 2022, arXiv 2107.13132).

A trajectory VAE, part of whose latent is the output of programs that are found by search. Read
`dsl` (the language), `programs` (trees), `population` (programs as networks), `search` (NEAR),
`network` (the VAE) and `method` (the algorithm), in this order.
"""

from methods.neurosymbolic_encoder.method import NeurosymbolicEncoder, NeurosymbolicSettings

__all__ = ["NeurosymbolicEncoder", "NeurosymbolicSettings"]
