"""Customers as sequences of steps, for the networks of `behaviour_net`. A step is what a customer did of one kind on one day.

Kinds: purchase, view, cart. A step carries its products and seven numbers that sum up the customer so far, so that a network
starts from what a rule on recency and frequency knows. No network is known here.
The suite `models` alone uses both so far; the copilot's chance to buy again is `churn`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace

KINDS = ("purchase", "view", "cart")
LONGEST, WIDEST = 64, 40  # steps of a customer, products of a step: the latest, the first
NUMBERS = 7

EVENTS = """
SELECT o.customer_id, CAST(o.ordered_at AS DATE) AS day, 'purchase' AS kind, l.product_id, sum(l.quantity * l.unit_price) AS money
FROM orders o JOIN order_lines l USING (order_id)
WHERE o.customer_id IS NOT NULL AND coalesce(o.status, 'paid') = 'paid' AND l.quantity > 0 AND l.unit_price > 0
GROUP BY 1, 2, 4
UNION ALL
SELECT customer_id, CAST(happened_at AS DATE), kind, product_id, 0.0 FROM events
WHERE customer_id IS NOT NULL AND product_id IS NOT NULL AND kind IN ('view', 'cart') GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4"""


def events(workspace: Workspace) -> pd.DataFrame:
    """customer_id, day, kind, product_id, money (of the line; 0 unless bought): one row a customer, day, kind and product."""
    frame = workspace.query(EVENTS)
    return frame.assign(day=pd.to_datetime(frame["day"]))


@dataclass(frozen=True)
class Sequences:
    """`customers` (n,), each with the steps `start[i]:start[i + 1]`, in time; `day` (steps,) days since `origin`; `kind` (steps,);
    `numbers` (steps, 7); products of step s are `items[first[s]:first[s + 1]]`, indices into `catalogue`."""

    customers: np.ndarray
    start: np.ndarray
    day: np.ndarray
    kind: np.ndarray
    numbers: np.ndarray
    items: np.ndarray
    first: np.ndarray
    catalogue: pd.Index
    origin: pd.Timestamp


def sequences(frame: pd.DataFrame, catalogue: pd.Index, origin: pd.Timestamp) -> Sequences:
    """From an `events` frame; products outside `catalogue` count in the numbers only. Steps beyond the last 64 are dropped."""
    kind = pd.Categorical(frame["kind"], KINDS).codes
    frame = frame.assign(kind=kind, at=(frame["day"] - origin).dt.days, item=catalogue.get_indexer(frame["product_id"]))
    frame = frame.sort_values(["customer_id", "at", "kind"], ascending=[True, True, False], kind="stable")
    step = frame.groupby(["customer_id", "at", "kind"], sort=False).ngroup().to_numpy()
    steps = frame.groupby(step).agg(customer_id=("customer_id", "first"), at=("at", "first"), kind=("kind", "first"),
                                    lines=("item", "size"), money=("money", "sum"))
    numbers = _numbers(steps)
    late = steps.groupby("customer_id").cumcount(ascending=False).to_numpy() < LONGEST
    known = (frame["item"] >= 0).to_numpy() & late[step] & (frame.groupby(step).cumcount().to_numpy() < WIDEST)
    new_step = np.cumsum(late) - 1
    sizes = np.bincount(new_step[step[known]], minlength=late.sum())
    kept = steps[late]
    customers, start = np.unique(kept["customer_id"].to_numpy(dtype=str), return_index=True)
    return Sequences(customers, np.append(start, len(kept)), kept["at"].to_numpy(), kept["kind"].to_numpy(), numbers[late],
                     frame["item"].to_numpy()[known], np.append(0, np.cumsum(sizes)), catalogue, origin)


def _numbers(steps: pd.DataFrame) -> np.ndarray:
    """(steps, 7): logs of the gap before, products, money, purchases so far, tenure, money so far, mean gap of purchases so far."""
    bought = (steps["kind"] == 0).astype(float)
    customer = steps["customer_id"]
    gap = steps["at"].groupby(customer).diff().fillna(0)
    often, money = bought.groupby(customer).cumsum(), steps["money"].groupby(customer).cumsum()
    tenure = steps["at"] - steps["at"].groupby(customer).transform("first")
    mean_gap = (tenure / (often - 1).clip(lower=1)).where(often > 1, 90.0)
    columns = [gap, steps["lines"], steps["money"], often, tenure, money, mean_gap]
    return np.column_stack([np.log1p(column.clip(lower=0)) for column in columns]).astype(np.float32)
