"""What makes a text get clicks in the simulated market: angle, tone, length and some wordings, by hidden weights.

`score` reads the text itself, so any new text can be scored exactly. It judges clicks only, not truth or good taste.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import ANGLES, AUDIENCES, CHANNELS, TONES

# Best length of the first line, in characters (a Chinese one counts two), by channel.
BEST_LENGTH = {
    "email": 38,
    "sms": 110,
    "push": 32,
    "search": 26,
    "social": 70,
    "display": 26,
    "wechat": 40,
    "xiaohongshu": 30,
}
_URGENT = re.compile(r"\b(last|ends|today|tonight|hurry|final|soon)\b|最后|今天|今晚|截止|马上", re.I)
_YOU = re.compile(r"\b(you|your|yours)\b|你", re.I)
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF☀-➿]")
FEATURES = ("length", "number", "question", "you", "exclamation", "urgent", "emoji", "capitals")


def width(text: str) -> int:
    """Characters, wide ones (Chinese, Japanese, Korean, full-width) counted twice."""
    return sum(2 if ord(letter) >= 0x2E80 else 1 for letter in text)


def features(text: str, channel: str) -> np.ndarray:
    """Shape (8,), in the order of FEATURES: squared log distance from the best length, then 0/1 marks."""
    first = text.split("\n", 1)[0]
    distance = np.log((width(first) + 4) / (BEST_LENGTH[channel] + 4))
    letters = [letter for letter in first if letter.isascii() and letter.isalpha()]
    capitals = len(letters) > 6 and sum(letter.isupper() for letter in letters) > 0.6 * len(letters)
    marks = [
        bool(re.search(r"\d", first)),
        "?" in text or "？" in text,
        bool(_YOU.search(text)),
        text.count("!") + text.count("！") > 1,
        bool(_URGENT.search(text)),
        bool(_EMOJI.search(text)),
        capitals,
    ]
    return np.array([min(distance**2, 2.0), *map(float, marks)])


@dataclass(frozen=True)
class CopyTruth:
    """Hidden weights in logs of the click rate. angle (5,), angle_category (5, 8), angle_audience (5, 6), tone (5, 8
    channels), wording (8,) in the order of FEATURES."""

    angle: np.ndarray
    angle_category: np.ndarray
    angle_audience: np.ndarray
    tone: np.ndarray
    wording: np.ndarray

    def angle_fit(self, angle: str, category_share: np.ndarray, audience: str) -> float:
        """Score of an angle for categories (shares, shape (8,), sum 1) and an audience, about -0.4 to 0.4."""
        row = ANGLES.index(angle)
        people = self.angle_audience[row, AUDIENCES.index(audience)] if audience in AUDIENCES else 0.0
        return float(self.angle[row] + self.angle_category[row] @ category_share + people)

    def score(self, text: str, channel: str, *, angle: str, tone: str, category: int, audience: str = "all") -> float:
        """Log of the factor on the channel's click rate for a text; 0 is ordinary. `category`: index 0-7."""
        share = np.eye(self.angle_category.shape[1])[category]
        style = self.tone[TONES.index(tone), CHANNELS.index(channel)]
        return float(self.angle_fit(angle, share, audience) + style + self.wording @ features(text, channel))


def draw_copy(rng: np.random.Generator) -> CopyTruth:
    """Draw the weights: spreads of 0.1-0.15 in logs, of the order that headline tests find (Upworthy archive)."""
    wording = np.array([-0.35, 0.10, 0.04, 0.12, -0.12, 0.06, 0.03, -0.15]) + rng.normal(0, 0.02, len(FEATURES))
    audience = rng.normal(0, 0.06, (len(ANGLES), len(AUDIENCES)))
    audience[ANGLES.index("value"), AUDIENCES.index("deal_seekers")] += 0.15
    audience[ANGLES.index("quality"), AUDIENCES.index("high_value")] += 0.12
    audience[ANGLES.index("social_proof"), AUDIENCES.index("new")] += 0.10
    return CopyTruth(
        angle=rng.normal(0, 0.07, len(ANGLES)),
        angle_category=rng.normal(0, 0.12, (len(ANGLES), 8)),
        angle_audience=audience,
        tone=rng.normal(0, 0.08, (len(TONES), len(CHANNELS))),
        wording=wording,
    )
