"""The Emergent Symbol Binding Network of Webb, Sinha and Cohen (ICLR 2021, arXiv 2012.14601).

Two streams meet only in an external memory. One holds the looks of the images: the encoded and
normalised z_t. The other is a controller that never sees z: at each step it reads a retrieved key,
and writes a new key that is bound to z_t. Keys are retrieved by the similarity of the z alone, so
that they come to serve as symbols: the controller computes with them whatever the images are.

Similarities, retrieval weights and confidences depend on z alone and are computed before the
recurrence; until something is retrieved, the controller's state is the same in all problems and is
computed once. Both are exact.

First weights are the published ones: of the written key Kaiming-normal, of gate and classes
Xavier-normal, biases 0; `LSTM` says those of the controller.

Letters: B problems, T images, D = 128 features of z, K = 256 features of a key, H = 512 hidden
units, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import einsum, rearrange, repeat
from torch import Tensor, nn

from baselines.abstract_rules.encoders import FEATURES, initialise
from baselines.abstract_rules.sequence_classifier import (
    SequenceClassifier,
    SequenceNetwork,
    SequenceSettings,
    Shape,
    deduplicated,
)
from baselines.lstm import LSTM, Ledger
from benchmarks.protocol import Examples, Run, SymbenchError
from benchmarks.training import to_device

# Problems of each kind whose keys are compared.
COMPARED = 200


@dataclass(frozen=True)
class ESBNSettings(SequenceSettings):
    """confidence: retrieve a confidence with each key; default_memory: a learned entry instead."""

    confidence: bool = True
    default_memory: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.confidence and self.default_memory:
            raise SymbenchError(
                "default_memory stands in place of the confidence; set confidence to False with it."
            )


class ESBNNetwork(SequenceNetwork):
    """Controller, keys, gate and retrieval (the paper's section 3, Algorithm 1)."""

    KEY, HIDDEN = 256, 512

    def __init__(self, settings: ESBNSettings, shape: Shape) -> None:
        super().__init__(settings, shape)
        # The confidence has a weight of its own: products with one matrix of 769 columns, an odd
        # stride, take nearly twice as long on the CPU.
        self.controller = LSTM(int(settings.confidence), self.KEY, self.HIDDEN)
        self.key = initialise(nn.Linear(self.HIDDEN, self.KEY), "relu")
        self.gate = initialise(nn.Linear(self.HIDDEN, 1), "linear")
        self.output = initialise(nn.Linear(self.HIDDEN, shape.classes), "linear")
        self.confidence, self.default_memory = settings.confidence, settings.default_memory
        if self.confidence:
            self.gamma = nn.Parameter(torch.ones(()))
            self.beta = nn.Parameter(torch.zeros(()))
        if self.default_memory:
            self.default_key = nn.Parameter(torch.zeros(self.KEY))
            self.default_z = nn.Parameter(torch.zeros(FEATURES))
        self.later: Tensor
        reachable = torch.ones(shape.length - 1, shape.length - 1, dtype=torch.bool).tril()
        self.register_buffer("later", ~reachable, persistent=False)

    def attend(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z: (B, T, D) → retrieval weights (B, T-1, T-1) and mean confidences (B, T-1, 1).

        Row t-1 belongs to step t, the first step that reads, and column i to the entry written at
        step i; entries that are not written yet have weight 0. A default entry comes before all.
        """
        similarity = z[:, 1:] @ rearrange(z[:, :-1], "b i d -> b d i")
        visible = similarity.masked_fill(self.later, float("-inf"))
        if self.default_memory:
            default = einsum(z[:, 1:], self.default_z, "b t d, d -> b t")
            visible = torch.cat([default[..., None], visible], -1)
        # Similarities are sums of 128 products, so that most weights are 0 or 1 but for rounding.
        # Weights too small to change any sum become 0, as denormal numbers, among them or their
        # gradients, make a matrix product ten times slower on the CPU.
        weights = F.threshold(visible.softmax(-1), torch.finfo(z.dtype).eps ** 2, 0.0)
        if not self.confidence:
            return weights, weights[..., :0]
        confidence = torch.sigmoid(self.gamma * similarity + self.beta)
        return weights, (weights * confidence).sum(-1, keepdim=True)

    def reason(self, z: Tensor) -> Tensor:
        """z: (B, T, D) → (B, C)."""
        return self.bind(z)[0]

    def bind(self, z: Tensor) -> tuple[Tensor, list[Tensor]]:
        """z: (B, T, D) → logits (B, C), and the key (B, K) that was written for each image."""
        batch, length, _ = z.shape
        weights, confidence = self.attend(z)
        # At t = 0 and 1 nothing has been retrieved yet, so that one row stands for all problems.
        # Step 0, from a state of zeros, needs no product at all.
        drive = Ledger(self.controller.weight_recurrent, [1] + [batch] * (length - 1))
        speak = Ledger(
            torch.cat([self.key.weight, self.gate.weight]), [1, 1] + [batch] * (length - 2)
        )
        bias, spoken_bias = self.controller.bias, torch.cat([self.key.bias, self.gate.bias])[None]
        keys: list[Tensor] = []
        if self.default_memory:
            keys.append(repeat(self.default_key, "k -> b k", b=batch))

        h, cell = LSTM.step(bias, z.new_zeros(1, self.HIDDEN))
        retrieved, seen = z.new_zeros(1, self.KEY), bias
        for t in range(length):
            if t > 0:
                rows = len(retrieved)
                gates = drive(torch.cat([retrieved, h.expand(rows, -1)], 1), seen)
                h, cell = LSTM.step(gates, cell.expand(rows, -1))
            spoken = speak(h, spoken_bias.expand(len(h), -1))
            if t > 0:
                gate = spoken[:, self.KEY :].sigmoid()
                weight = weights[:, t - 1, None, : len(keys)]
                read = torch.bmm(weight, torch.stack(keys, 1))[:, 0]
                retrieved, seen = gate * read, bias.expand(batch, -1)
                if self.confidence:
                    column = self.controller.weight_given.t()
                    seen = torch.addmm(bias, gate * confidence[:, t - 1], column)
            keys.append(F.relu(spoken[:, : self.KEY]).expand(batch, -1))

        # One more step, with z = 0, lets the controller act on the key that the last image
        # retrieved.
        gates = drive(torch.cat([retrieved, h.expand(batch, -1)], 1), seen)
        h, _ = LSTM.step(gates, cell.expand(batch, -1))
        return self.output(h), keys[-length:]


class ESBN(SequenceClassifier):
    """Emergent Symbol Binding Network.

    illustrations: `key_similarity` (T, T), the mean cosine of the keys written at step t for
    training symbols and at step u for withheld ones; on its diagonal near 1 where keys have become
    symbols that do not depend on the images.

    Deviations: none known.
    """

    version = 2
    Settings = ESBNSettings
    Network = ESBNNetwork

    learned: Examples | None = None

    def fit(self, examples: Examples, run: Run) -> None:
        """Learn as every `SequenceClassifier`; then some problems are kept for `key_similarity`."""
        super().fit(examples, run)
        self.learned = examples.select(("images",)).take(slice(0, COMPARED))

    def evaluate(self, inputs: Examples, run: Run) -> dict[str, np.ndarray]:
        """Logits (N, C); after training `illustrations` has `key_similarity` (T, T)."""
        answers = super().evaluate(inputs, run)
        if self.learned is None:
            return answers
        withheld = inputs.select(("images",)).take(slice(0, COMPARED))
        ours, theirs = (self._mean_keys(some, run.device) for some in (self.learned, withheld))
        self.illustrations = {"key_similarity": (ours @ theirs.T).cpu().numpy()}
        return answers

    def _mean_keys(self, problems: Examples, device: str) -> Tensor:
        """The mean over problems of the written keys, each of length 1: (T, K).

        The product of two means is the mean cosine of all pairs of a problem here and one there.
        """
        assert isinstance(self.network, ESBNNetwork)
        images = deduplicated(problems["images"])
        batch = to_device(Examples({"images": images}), device)["images"]
        with torch.inference_mode():
            z = self.network.context_norm(self.network.encode_sequences(batch))
            _, keys = self.network.bind(z)
            return torch.stack([F.normalize(key.float(), dim=1).mean(0) for key in keys])
