"""Measures of sameness between texts, for suite `copy`: runs recalled word for word, distinct pairs, self-BLEU.

Tokens are lower-case English words, slots such as `{product}` and single Chinese characters; a text is its list of tokens.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

TOKEN = re.compile(r"\{\w+\}|[a-z']+|[\u4e00-\u9fff]", re.IGNORECASE)
END = "\x00"  # between two texts, so that no run reaches from one into the next
ORDERS = 4
EPSILON = 0.1  # what an n-gram order without a match counts, as method 1 of Chen and Cherry


def tokens(texts: Sequence[str]) -> list[str]:
    """The tokens of the texts, one after the other."""
    return TOKEN.findall(" . ".join(texts).lower())


class Recall:
    """The texts that a writer was taught, to look for what it repeats. One character stands for one token, so that a run of
    tokens is a piece of one long string and Python's own substring search finds it."""

    def __init__(self, taught: Sequence[Sequence[str]]) -> None:
        self.codes: dict[str, str] = {}
        parts = [self._coded(text, grow=True) for text in taught]
        self.starts = [0]
        for part in parts:
            self.starts.append(self.starts[-1] + len(part) + 1)
        self.whole = "".join(part + END for part in parts)

    def _coded(self, text: Sequence[str], *, grow: bool = False) -> str:
        if grow:
            for token in text:
                self.codes.setdefault(token, chr(0xF0000 + len(self.codes)))
        return "".join(self.codes.get(token, "\x01") for token in text)

    def longest(self, text: Sequence[str], *, but: Sequence[int] = ()) -> float:
        """Share, 0-1, of `text` that the longest run found in one taught text covers; taught texts numbered `but` are left out."""
        coded, known, best, start = self._coded(text), self.whole, 0, 0
        for number in sorted(but, reverse=True):
            known = known[: self.starts[number]] + known[self.starts[number + 1] :]
        while start + best < len(coded):
            if coded[start : start + best + 1] in known:
                best += 1
            else:
                start += 1
        return best / max(len(coded), 1)


def pairs(text: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Neighbouring tokens."""
    return zip(text, text[1:], strict=False)


def distinct(texts: Sequence[Sequence[str]]) -> float:
    """Distinct-2: different token pairs among all, 0-1 (Li et al. 2016, https://aclanthology.org/N16-1014). Falls as the number
    of texts grows: compare sets of one size."""
    found = [pair for text in texts for pair in pairs(text)]
    return len(set(found)) / max(len(found), 1)


def _grams(text: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[at : at + order]) for at in range(len(text) - order + 1))


def self_bleu(texts: Sequence[Sequence[str]]) -> list[float]:
    """For each text its BLEU-4, 0-1, against all the others (self-BLEU of Zhu et al. 2018, https://arxiv.org/abs/1802.01886;
    BLEU of Papineni et al. 2002, https://aclanthology.org/P02-1040; an order without a match counts 0.1, method 1 of Chen and
    Cherry 2014, https://aclanthology.org/W14-3346). 1: each is made of the others. Rises with the number of texts: compare
    sets of one size. A text shorter than four tokens is scored on the orders it has. Empty texts score 0."""
    counts = [[_grams(text, order) for text in texts] for order in range(1, ORDERS + 1)]
    ceilings = [_two_most(several) for several in counts]
    lengths = Counter(map(len, texts))
    scores = []
    for number, text in enumerate(texts):
        logs = []
        for several, ceiling in zip(counts, ceilings, strict=True):
            own = several[number]
            if not own:
                continue
            hits = sum(min(count, _most_elsewhere(ceiling[gram], number)) for gram, count in own.items())
            logs.append(math.log((hits or EPSILON) / own.total()))
        others = [size for size, count in lengths.items() if count > (size == len(text))]
        nearest = min(others, key=lambda size: (abs(size - len(text)), size), default=0)
        brevity = min(1.0, math.exp(1 - nearest / len(text))) if text else 0.0
        scores.append(brevity * math.exp(sum(logs) / len(logs)) if logs else 0.0)
    return scores


def _two_most(several: Sequence[Counter]) -> dict[tuple[str, ...], list[tuple[int, int]]]:
    """n-gram -> its two highest (count, text number): enough to know the most in all texts but one."""
    found: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for number, counter in enumerate(several):
        for gram, count in counter.items():
            found[gram] = sorted([*found.get(gram, []), (count, number)], reverse=True)[:2]
    return found


def _most_elsewhere(two: list[tuple[int, int]], number: int) -> int:
    """The highest count outside text `number`; 0 when no other text has the n-gram."""
    return next((count for count, owner in two if owner != number), 0)
