"""Choice in the simulated market: utilities, the multinomial logit with an outside option, offers, coupons, the dip.

u_ij = alpha_j + gamma'z_i - b_i ln(p_j (1 - d)) + promo_i 1[d > 0] + tau_i mail g(frequency) + omega copy + xi_jt
(docs/sources.md, "Simulator"). alpha_j is absorbed in the odds at the regular price. Visitors compare a set of fixed
breadth, so advertising more products widens the choice without multiplying the odds. Nothing here is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.sim_catalogue import Catalogue
from campaignwright.market.sim_shoppers import Shoppers

# Forward buying: part of what a promotion adds is taken from the next three weeks, in these shares.
DIP_WEEKS = np.array([0.5, 0.3, 0.2])
DIP_SHARE = 0.22
RETURN_COST = 4.0  # USD handling for an order sent back


@dataclass(frozen=True)
class OfferTruth:
    """One offer type. lift: utility; cost: USD an order, unconditional; cuts_price: does `discount` apply;
    basket: factor on units an order."""

    lift: float
    cost: float
    cuts_price: bool
    basket: float = 1.0


OFFER_TRUTH = {
    "none": OfferTruth(0.0, 0.0, False),
    "percent_off": OfferTruth(0.0, 0.0, True),
    "amount_off": OfferTruth(0.02, 0.0, True),
    "free_shipping": OfferTruth(0.14, 5.5, False),
    "bundle": OfferTruth(-0.25, 1.5, True, 1.35),
    "gift": OfferTruth(0.12, 4.5, False),
}


def redemption(discount: float, days: int, promo: np.ndarray) -> np.ndarray:
    """Share of a campaign's buyers who use its code, by shopper: logit in depth (0-0.9), expiry (days), promo taste."""
    return 1 / (1 + np.exp(-(0.4 + 7.0 * discount - 0.015 * days + 2.0 * promo)))


@dataclass(frozen=True)
class Choice:
    """Outcome of one visit, by shopper of a panel and product: all of shape (shoppers, products).

    odds: of ordering the product (before the channel's intent). paid: share of the regular price that a buyer pays.
    full: the odds had there been no discount and no offer.
    """

    odds: np.ndarray
    paid: np.ndarray
    full: np.ndarray

    def probability(self, intent: float = 1.0) -> np.ndarray:
        """Multinomial-logit probabilities of ordering each product, shape (shoppers, products)."""
        return intent * self.odds / (1 + intent * self.odds.sum(axis=1, keepdims=True))


def choose(
    catalogue: Catalogue,
    shoppers: Shoppers,
    panel: np.ndarray,
    products: np.ndarray,
    *,
    discount: float,
    offer: str,
    days: int,
    mail: float = 0.0,
    copy: float = 0.0,
    xi: np.ndarray | float = 0.0,
) -> Choice:
    """Choice of the shoppers `panel` (indices) among `products` (indices) under an offer.

    discount: 0-0.9, ignored by offers that do not cut the price. mail: g(frequency), 0-1, on owned channels. xi: demand
    shock in logs, a number or one per product.
    """
    truth = OFFER_TRUTH[offer]
    depth = discount if truth.cuts_price else 0.0
    used = redemption(depth, days, shoppers.promo[panel])[:, None] if depth else np.zeros((len(panel), 1))
    sensitivity = np.outer(shoppers.price[panel], catalogue.sensitivity[products])
    framing = _framing(catalogue.price[products], offer)
    share = catalogue.sessions[products] / catalogue.sessions[products].sum()
    taste = np.log(shoppers.affinity[panel][:, catalogue.category[products]])
    base = np.log(catalogue.odds[products] * share) + 0.25 * taste + shoppers.gamma[panel][:, None] + xi
    push = truth.lift + shoppers.tau[panel][:, None] * mail + copy
    gain = -sensitivity * used * np.log1p(-min(depth, 0.9)) * framing + shoppers.promo[panel][:, None] * used * (
        depth > 0
    )
    paid = np.broadcast_to(1 - used * depth, base.shape)
    return Choice(np.exp(base + push + gain), paid, np.exp(base))


def _framing(price: np.ndarray, offer: str) -> np.ndarray:
    """The rule of 100 (Gonzalez et al. 2016): an amount off looks larger than a percentage only above 100 USD."""
    return np.where(price >= 100, 1.08, 0.93) if offer == "amount_off" else np.ones_like(price)


def basket(
    catalogue: Catalogue, products: np.ndarray, worth: np.ndarray, choice: Choice, probability: np.ndarray, offer: str
) -> tuple[np.ndarray, float, float]:
    """Per visit: units by product, revenue (USD), and the revenue at the same prices had nothing been promoted.

    worth: the panel's basket multipliers, shape (shoppers,); probability: of ordering, shape (shoppers, products).
    """
    quantity = catalogue.quantity[products] * OFFER_TRUTH[offer].basket
    value = choice.paid * worth[:, None] * quantity * catalogue.price[products]
    without = choice.full / np.maximum(choice.odds, 1e-300)
    sold, plain = probability * value, probability * without * value
    units = (probability * worth[:, None]).mean(axis=0) * quantity
    return units, float(sold.sum(axis=1).mean()), float(plain.sum(axis=1).mean())


def margin(
    catalogue: Catalogue, products: np.ndarray, worth: np.ndarray, choice: Choice, probability: np.ndarray, offer: str
) -> float:
    """Margin a visit (USD): price paid less cost on what is kept, less the offer's cost and handling of returns."""
    truth, returned = OFFER_TRUTH[offer], catalogue.returns[products]
    unit = catalogue.price[products] * choice.paid - catalogue.cost[products]
    order = unit * catalogue.quantity[products] * truth.basket * worth[:, None] * (1 - returned)
    return float((probability * (order - truth.cost - returned * RETURN_COST)).sum(axis=1).mean())


def organic_response(
    catalogue: Catalogue, shoppers: Shoppers, panel: np.ndarray, ratio: np.ndarray, promoted: np.ndarray
) -> np.ndarray:
    """Chance of an order per organic session when each product sells at `ratio` x its regular price.

    ratio, promoted: shape (products, weeks). Returns the mean over the panel, same shape.
    """
    result = np.zeros_like(ratio)
    for shopper in panel:
        utility = (
            -shoppers.price[shopper] * catalogue.sensitivity[:, None] * np.log(ratio)
            + shoppers.promo[shopper] * promoted
        )
        taste = 0.25 * np.log(shoppers.affinity[shopper, catalogue.category])[:, None]
        odds = catalogue.odds[:, None] * np.exp(utility + shoppers.gamma[shopper] + taste)
        result += odds / (1 + odds)
    return result / len(panel)


def dip(lift: np.ndarray) -> np.ndarray:
    """Forward buying: log factor on sales from the log lift of earlier promotions, shape (products, weeks)."""
    depth = np.zeros_like(lift)
    for lag, share in enumerate(DIP_WEEKS, start=1):
        depth[:, lag:] -= DIP_SHARE * share * lift[:, :-lag]
    return depth
