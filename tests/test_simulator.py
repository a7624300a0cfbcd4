"""The simulated market: closed-form checks of its truth, confounding where it belongs, and a believable scale."""

import datetime as dt

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaignwright.market import sim_demand, sim_media
from campaignwright.market.demo import draw_world
from campaignwright.market.sim_mailings import mail_effect
from campaignwright.market.simulator import Market
from campaignwright.market.words import ANGLES, AUDIENCES, CHANNELS, OFFERS, Strategy

END = dt.date(2026, 11, 22)


@pytest.fixture(scope="module")
def world():
    return draw_world(END, 0)


@pytest.fixture(scope="module")
def market(world):
    return world.market


@pytest.fixture(scope="module")
def history(world):
    return world.history


def plan(market, **changes):
    shoes = [
        product for product, place in zip(market.catalogue.ids, market.catalogue.category, strict=True) if place == 0
    ]
    fields = {
        "audience": "all", "products": shoes, "shares": {"search": 0.4, "social": 0.4, "email": 0.1, "display": 0.1},
        "discount": 0.15, "offer": "percent_off", "days": 14, "send_hour": 12, "weekly_frequency": 2, "angle": "value",
        "budget": 20_000, "start": dt.date(2026, 9, 7),
    }  # fmt: skip
    return Strategy(**{**fields, **changes})


def test_marginal_roas_is_elasticity_times_revenue_over_spend(market):
    """d ln h / d ln spend = s (1 - h) for Hill, so one channel's elasticity has a closed form."""
    base = plan(market, shares={"search": 1.0}, budget=4000)
    step = 1e-4
    up, down = (
        market.expected(plan(market, shares={"search": 1.0}, budget=4000 * (1 + sign * step))) for sign in (1, -1)
    )
    marginal = (up["revenue"] - down["revenue"]) / (up["spend"] - down["spend"])

    products = market.catalogue.index(base.products)
    truth, days = market.channels["search"], base.days + sim_media.TAIL_DAYS
    daily = np.r_[np.full(base.days, 4000 / base.days), np.zeros(sim_media.TAIL_DAYS)]
    shop = market.catalogue.sessions.sum()
    interest = shop * (market.catalogue.sessions[products].sum() / shop) ** 0.75
    pushed, _ = market._push("search", daily, base, products, interest)
    beta = truth.beta * np.exp(market.angle_fit("value", products, "all")) * sim_media.hour_effect(12, truth.hour)
    saturation = pushed / beta
    wave = sim_media.season(market.catalogue.categories[0], [base.start + dt.timedelta(day) for day in range(days)])
    elasticity = (wave * np.exp(pushed) * pushed * truth.slope * (1 - saturation)).sum() / (
        wave * np.expm1(pushed)
    ).sum()
    here = market.expected(base)
    assert marginal == pytest.approx(elasticity * here["revenue"] / here["spend"], rel=1e-3)


def test_best_markup_is_one_over_elasticity(market):
    catalogue = market.catalogue
    for place in (0, 100, 200):
        ratio = np.linspace(0.7, 1.8, 2201)[None, :]
        every = np.ones((len(catalogue.ids), 1)) * ratio
        demand = sim_demand.organic_response(catalogue, market.shoppers, market.panels["all"][:16], every, every * 0)[
            place
        ]
        price = catalogue.price[place] * ratio[0]
        best = int(np.argmax((price - catalogue.cost[place]) * demand))
        assert 0 < best < len(price) - 1
        local = np.gradient(np.log(demand), np.log(price))[best]
        assert (price[best] - catalogue.cost[place]) / price[best] == pytest.approx(1 / abs(local), rel=0.02)


def test_elasticities_are_those_of_the_literature(market):
    values = np.array([market.elasticity(product) for product in market.catalogue.ids])
    assert values.mean() == pytest.approx(-2.6, abs=0.15) and values.max() < -1.2 and values.min() > -5


def test_lag_autocorrelation_recovers_theta(market):
    rng = np.random.default_rng(1)
    for truth in market.channels.values():
        stock = sim_media.adstock(rng.gamma(2, 100, 40_000), truth.theta)
        assert np.corrcoef(stock[1:], stock[:-1])[0, 1] == pytest.approx(truth.theta, abs=0.02)


def test_randomised_arms_recover_the_effect_and_aimed_mailings_do_not(world):
    exposures, truth = world.tables["exposures"], world.mailings
    scores, biases = [], []
    for campaign, rows in exposures.groupby("campaign_id"):
        control = rows[rows.arm == "control"].conversion
        for arm, treated in rows[rows.arm != "control"].groupby("arm"):
            difference = treated.conversion.mean() - control.mean()
            error = np.sqrt(treated.conversion.var() / len(treated) + control.var() / len(control))
            effect = truth[(truth.campaign_id == campaign) & (truth.arm == arm)].effect.item()
            (scores if rows.randomised.iloc[0] else biases).append((difference - effect) / error)
    assert len(scores) >= 4 and len(biases) >= 3
    assert max(np.abs(scores)) < 3.5 and np.sqrt(np.mean(np.square(scores))) < 1.8
    assert np.mean(biases) > 4


def test_mailing_effect_differs_by_trait(market):
    who = np.arange(len(market.shoppers.tau))
    effect = mail_effect(market, np.full(len(who), 0.01), who, np.ones(len(who)))
    engaged = market.shoppers.engagement > 1
    assert effect[engaged].mean() > 1.3 * effect[~engaged].mean()
    assert (mail_effect(market, np.full(len(who), 0.01), who, np.zeros(len(who))) == 0).all()


def test_naive_price_regression_is_biased_and_the_shock_cures_it(market, history):
    """Managers raise prices and skip promotions when demand is high; only who knows xi gets the elasticity right."""
    sold = np.argsort(-history.units.sum(axis=1))[:70]
    paid = history.price[sold] * (1 - history.discount[sold])
    stocked = history.on_hand[sold] > 0
    stocked[:, :30] &= (market.catalogue.launched[sold] > 728)[:, None]
    cut = history.discount[sold]
    rows = {"p": np.log(paid), "promo": cut > 0, "rival": np.log(history.competitor[sold])}
    rows |= {f"dip {lag}": np.pad(cut, ((0, 0), (lag, 0)))[:, : cut.shape[1]] for lag in (1, 2, 3)}
    design = np.column_stack([value[stocked].astype(float) for value in rows.values()])
    dummies = np.eye(len(sold))[np.nonzero(stocked)[0]]
    units, season = history.units[sold][stocked], np.log(history.season[sold][stocked])
    shock = history.xi[sold][stocked]
    slopes = {}
    for name, offset in (("naive", season), ("informed", season + shock)):
        fit = sm.GLM(units, np.column_stack([design, dummies]), family=sm.families.Poisson(), offset=offset).fit()
        slopes[name] = fit.params[0]
    weights = history.units[sold].sum(axis=1)
    truth = np.average([market.elasticity(market.catalogue.ids[place]) for place in sold], weights=weights)
    assert slopes["informed"] == pytest.approx(truth, abs=0.25)
    assert slopes["naive"] > truth + 0.5


def test_spend_follows_demand_so_campaigns_are_confounded(market, history):
    shock, spend = [], []
    for campaign in history.campaigns:
        strategy = campaign["strategy"]
        week = (strategy.start - history.begin).days // 7
        shock.append(history.xi[market.catalogue.index(strategy.products), week].mean())
        spend.append(np.log(strategy.budget))
    assert np.corrcoef(shock, spend)[0, 1] > 0.1


def test_a_running_shoe_campaign_at_roas_4_is_neither_trivial_nor_hopeless(market):
    rng = np.random.default_rng(2)
    roas = []
    for _ in range(400):
        chosen = rng.choice(CHANNELS, int(rng.integers(2, 5)), replace=False)
        shares = dict(zip(chosen.tolist(), rng.dirichlet(np.ones(len(chosen))).tolist(), strict=True))
        changes = {
            "audience": str(rng.choice(AUDIENCES)),
            "shares": shares,
            "discount": float(rng.choice([0.05, 0.1, 0.15, 0.2])),
            "angle": str(rng.choice(ANGLES)),
            "weekly_frequency": float(rng.uniform(1, 4)),
            "start": dt.date(2026, 12, 1),
        }
        roas.append(market.expected(plan(market, **changes))["roas"])
    assert 0.003 < np.mean(np.array(roas) >= 4) < 0.25


@given(
    audience=st.sampled_from(AUDIENCES), shares=st.dictionaries(st.sampled_from(CHANNELS), st.floats(0, 1), max_size=8),
    discount=st.floats(0, 0.9), offer=st.sampled_from(OFFERS), days=st.integers(1, 366), hour=st.integers(0, 23),
    frequency=st.floats(0, 14), budget=st.floats(0, 1e8), start=st.dates(dt.date(2000, 1, 1), dt.date(2060, 1, 1)),
    count=st.integers(0, 40),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
@example(audience="all", shares={"wechat": 1.0}, discount=0.0, offer="none", days=1, hour=0, frequency=8.6e-231, budget=4919.0,
         start=dt.date(2000, 1, 1), count=0)
def test_any_strategy_can_be_scored(
    market, audience, shares, discount, offer, days, hour, frequency, budget, start, count
):
    total = sum(shares.values())
    shares = {channel: share / total for channel, share in shares.items()} if total > 1e-6 else {}
    strategy = Strategy(
        audience=audience, products=market.catalogue.ids[:count], shares=shares, discount=discount, offer=offer,
        days=days, send_hour=hour, weekly_frequency=frequency, angle="value", budget=budget, start=start,
    )  # fmt: skip
    first = market.expected(strategy)
    assert all(np.isfinite(value) for value in first.values())
    assert all(first[name] >= 0 for name in ("impressions", "clicks", "orders", "revenue", "spend"))
    assert first["orders"] <= first["clicks"] <= first["impressions"] + 1e-6
    assert first["spend"] == pytest.approx(budget if shares else 0.0)
    assert first == market.expected(strategy)
    by_channel = market.by_channel(strategy)
    assert sum(row["revenue"] for row in by_channel.values()) == pytest.approx(first["revenue"])


def test_more_money_brings_more_at_a_falling_rate(market):
    revenue = [market.expected(plan(market, budget=budget))["revenue"] for budget in (5_000, 20_000, 80_000)]
    assert revenue[0] < revenue[1] < revenue[2]
    assert (revenue[1] - revenue[0]) / 15_000 > (revenue[2] - revenue[1]) / 60_000


def test_too_many_messages_tire_people(market):
    clicks = [
        market.expected(plan(market, shares={"email": 1.0}, weekly_frequency=often))["clicks"] for often in (1, 2.5, 10)
    ]
    assert clicks[1] > clicks[0] and clicks[1] > clicks[2]


def test_unknown_names_are_one_clear_line(market):
    with pytest.raises(ValueError, match="audience: 'martians'"):
        market.expected(plan(market, audience="martians"))
    with pytest.raises(ValueError, match="products: 'p999'"):
        market.expected(plan(market, products=["p999"]))


def test_same_seed_same_market_other_seed_another(market):
    again, other = Market.draw(0), Market.draw(1)
    strategy = plan(market)
    assert again.expected(strategy) == market.expected(strategy) != other.expected(strategy)
