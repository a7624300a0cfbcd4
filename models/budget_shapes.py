"""The two shapes of every media response: what is carried over to later days, and what saturates."""

from __future__ import annotations

import numpy as np
from scipy.special import expit


def adstock(money: np.ndarray, theta: float | np.ndarray) -> np.ndarray:
    """Geometric adstock along the last axis, scaled so that constant spend keeps its level: a = (1-θ)x + θ·a₋₁."""
    carried = np.zeros_like(money, dtype=float)
    level = np.zeros(money.shape[:-1])
    for t in range(money.shape[-1]):
        level = (1 - theta) * money[..., t] + theta * level
        carried[..., t] = level
    return carried


def hill(level: np.ndarray, half: float | np.ndarray, slope: float | np.ndarray) -> np.ndarray:
    """Saturation in 0-1: level^s / (half^s + level^s); 0 at 0."""
    ratio = np.maximum(level, 1e-12) / half
    return np.where(level > 0, expit(slope * np.log(ratio)), 0.0)
