"""The small parts of decoding: text out of token ids piece by piece, and the choice of one token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher


class Printer:
    """Turns growing token lists into text pieces that never end inside a character, without end-of-turn markers."""

    def __init__(self, tokenizer: Any, ends: set[int]) -> None:
        self.tokenizer = tokenizer
        self.ends = ends
        self.printed = 0  # characters given out
        self.start = 0  # token from which text is decoded again

    def take(self, tokens: list[int], *, final: bool) -> str:
        """The text that is new since the last call."""
        shown = [token for token in tokens[self.start :] if token not in self.ends]
        text = self.tokenizer.decode(shown, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if not final and text.endswith("\ufffd"):
            return ""
        piece = text[self.printed :]
        self.printed = len(text)
        if len(shown) > 64 and not final and text.endswith(("\n", " ")):
            self.start, self.printed = len(tokens), 0
        return piece


def choose(scores: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator) -> int:
    """A token from `scores` (vocabulary,): the best at temperature 0, else a draw from the nucleus of mass `top_p`."""
    if temperature <= 0:
        return int(scores.argmax())
    probabilities = torch.softmax(scores / temperature, dim=-1)
    if top_p < 1:
        ordered, order = probabilities.sort(descending=True)
        ordered[ordered.cumsum(0) - ordered > top_p] = 0
        probabilities = torch.zeros_like(probabilities).scatter_(0, order, ordered)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def mask_scores(scores: torch.Tensor, matcher: LLMatcher) -> torch.Tensor:
    """Set to -inf, in place, the `scores` (vocabulary,) of every token the grammar does not admit next."""
    bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    allowed = torch.from_numpy(np.unpackbits(bits, bitorder="little")[: scores.shape[0]].astype(bool))
    scores[: allowed.shape[0]].masked_fill_(~allowed, float("-inf"))
    scores[allowed.shape[0] :] = float("-inf")
    return scores
