"""The simulated shoppers: 20,000 customers with observed traits and hidden tastes, and who belongs to which audience.

Observed (in the workspace): age band, device, membership, country, opt-ins. Hidden: price sensitivity, promotion
sensitivity, engagement, affinities, the day a customer stops buying.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_CUSTOMERS = 20_000
HISTORY_DAYS = 728  # 104 weeks
NEW_DAYS, LAPSED_DAYS = 90, 120
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55+")
COUNTRIES = ("US", "CA", "GB", "DE", "CN", "SG")
SEGMENTS = ("new", "loyal", "lapsed", "regular")  # a partition of the customers, as reports break results down
PANEL = 256  # shoppers that stand for an audience in every expectation


@dataclass(frozen=True)
class Shoppers:
    """Aligned arrays over n customers. Times are days before the end of the history (0 = its last day).

    created: account made; left: last day on which the customer buys unprompted (0 = still active). rate: relative
    purchase rate (mean 1). price: multiplier on b_j (mean 1 over purchases). promo: utility of any promotion.
    engagement: ~N(0, 1). basket: multiplier on what an order is worth. affinity (n, 8), taste (n, 40): weights on
    categories and brands. tau: effect of one mailing on the log odds of buying. gamma: utility from traits (gamma'z).
    """

    created: np.ndarray
    left: np.ndarray
    rate: np.ndarray
    price: np.ndarray
    promo: np.ndarray
    engagement: np.ndarray
    basket: np.ndarray
    affinity: np.ndarray
    taste: np.ndarray
    age: np.ndarray
    mobile: np.ndarray
    member: np.ndarray
    country: np.ndarray
    opt_in: dict[str, np.ndarray]
    tau: np.ndarray
    gamma: np.ndarray

    def members(self, audience: str, ago: float = 0.0) -> np.ndarray:
        """Mask (n,) of an audience as it stood `ago` days before the end. Raises ValueError on an unknown name."""
        here = self.created >= ago
        lapsed = here & (self.left - ago >= LAPSED_DAYS)
        new = here & (self.created - ago < NEW_DAYS) & ~lapsed
        loyal = here & ~new & ~lapsed & (self.rate > 1.15)
        if audience == "all":
            return here
        if audience == "regular":
            return here & ~new & ~lapsed & ~loyal
        if audience == "high_value":
            worth = self.rate * self.basket
            return here & ~lapsed & (worth > np.quantile(worth, 0.85))
        if audience == "deal_seekers":
            hunger = self.promo / 0.1 + (self.price - 1) / 0.25
            return here & (hunger > np.quantile(hunger, 0.78))
        known = {"new": new, "loyal": loyal, "lapsed": lapsed}
        if audience not in known:
            raise ValueError(
                f"audience: {audience!r} is unknown; use all, new, loyal, lapsed, high_value or deal_seekers."
            )
        return known[audience]


def draw_shoppers(rng: np.random.Generator, n: int = N_CUSTOMERS, categories: int = 8, brands: int = 40) -> Shoppers:
    """Draw n shoppers. The mean mailing effect of 0.45 in log odds is Hillstrom's (0.57 % -> 0.88 %)."""
    before = rng.random(n) < 0.45
    created = np.where(before, HISTORY_DAYS + rng.exponential(300, n), rng.uniform(0, HISTORY_DAYS, n))
    life = np.where(rng.random(n) < 0.5, np.inf, rng.exponential(330, n) + 20)
    first = np.minimum(created, HISTORY_DAYS - 1.0)  # whoever is in the file was still buying when it begins
    left = np.maximum(first - life, 0.0)
    member, mobile = rng.random(n) < 0.3, rng.random(n) < 0.64
    age = rng.choice(len(AGE_BANDS), n, p=[0.16, 0.31, 0.25, 0.16, 0.12])
    engagement = rng.normal(0, 1, n) + 0.3 * member
    rate = rng.gamma(0.9, 1.0, n) * np.where(member, 1.7, 0.8)
    price = np.exp(rng.normal(0, 0.22, n)) * np.where(member, 0.92, 1.03) * np.where(age == 0, 1.1, 1.0)
    promo = np.clip(rng.normal(0.1, 0.1, n) + 0.04 * (age <= 1), -0.1, 0.6)
    basket = np.exp(rng.normal(0, 0.18, n)) * np.where(member, 1.06, 0.97)
    affinity = np.exp(rng.normal(0, 0.9, (n, categories)))
    affinity[:, 0] *= np.where(age <= 2, 1.2, 0.7)  # running shoes
    affinity[:, 7] *= np.where((age == 1) | (age == 2), 1.5, 0.7)  # toys
    affinity /= affinity.mean(axis=1, keepdims=True)
    lapsed = left >= LAPSED_DAYS
    tau = np.clip(0.45 + 0.2 * engagement + 0.25 * lapsed - 0.2 * member + 0.1 * mobile, -0.3, 1.6)
    gamma = 0.2 * np.log(rate + 0.15) + 0.1 * member - 0.08 * mobile - 0.3 * lapsed + rng.normal(0, 0.1, n)
    opt_in = {
        "email": rng.random(n) < 0.5 + 0.06 * engagement.clip(-2, 2) + 0.15 * member,
        "sms": rng.random(n) < 0.2 + 0.1 * member,
        "push": rng.random(n) < 0.18 + 0.2 * mobile,
    }
    country = rng.choice(len(COUNTRIES), n, p=[0.62, 0.08, 0.1, 0.05, 0.11, 0.04])
    opt_in["wechat"] = (country >= 4) & (rng.random(n) < 0.85)
    return Shoppers(
        created=created,
        left=left,
        rate=rate / rate.mean(),
        price=price / np.average(price, weights=np.exp(gamma)),
        promo=promo,
        engagement=engagement,
        basket=basket / basket.mean(),
        affinity=affinity,
        taste=np.exp(rng.normal(0, 0.7, (n, brands))),
        age=age,
        mobile=mobile,
        member=member,
        country=country,
        opt_in=opt_in,
        tau=tau,
        gamma=gamma - gamma.mean(),
    )
