"""The small parts of decoding: text out of token ids piece by piece, and the choice of one token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher

CANDIDATES = 128
WINDOW, KEPT = 32, 6  # tokens decoded together, and those kept when the window moves on


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
        if len(shown) > WINDOW and not final:  # keep a few tokens as context, so that decoding stays cheap
            kept = tokens[-KEPT:]
            self.start = len(tokens) - len(kept)
            self.printed = len(self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))
        return piece


def choose(scores: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator) -> torch.Tensor:
    """A token for each row of `scores` (rows, vocabulary): the best at temperature 0, else a draw from the nucleus of mass
    `top_p`, 0-1. Returns (rows,).

    Only the CANDIDATES best tokens are drawn from; the rest has no mass worth the sorting.
    """
    if temperature <= 0:
        return scores.argmax(-1)
    best, order = scores.topk(min(CANDIDATES, scores.shape[-1]), dim=-1)
    probabilities = torch.softmax(best / temperature, dim=-1)
    probabilities[probabilities.cumsum(-1) - probabilities > top_p] = 0
    return order.gather(-1, torch.multinomial(probabilities, 1, generator=generator))[:, 0]


def mask_scores(scores: torch.Tensor, matcher: LLMatcher) -> torch.Tensor:
    """Set to -inf, in place, the `scores` (vocabulary,) of every token the grammar does not admit next."""
    bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    allowed = torch.from_numpy(np.unpackbits(bits, bitorder="little")[: scores.shape[0]].astype(bool))
    scores[: allowed.shape[0]].masked_fill_(~allowed, float("-inf"))
    scores[allowed.shape[0] :] = float("-inf")
    return scores
