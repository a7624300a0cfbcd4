"""Public research files as they are published: Hillstrom, Dominick's orange juice, Upworthy pairs.

They let a workspace learn from real outcomes. What each cannot support is said in the import report's warnings.
"""

from __future__ import annotations

import hashlib
import json

import pandas as pd

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write, traits
from campaignwright.market.formats_campaigns import language_of
from campaignwright.market.workspace import Workspace

_ARMS = {"mens e-mail": "mens_email", "womens e-mail": "womens_email", "no e-mail": "control"}


def build_hillstrom(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """64,000 customers, three randomised arms of equal chance; the file has no ids, so the line number stands for
    one.
    """
    frame = sheet.frame
    frame["arm"] = frame["segment"].str.casefold().map(_ARMS)
    sheet.reject(frame["arm"].isna(), "the segment is none of Mens E-Mail, Womens E-Mail, No E-Mail")
    rows = sheet.rows()
    rows["customer_id"] = [
        workspace.pseudonym(f"hillstrom {sheet.raw.sha256[:8]} {line}") for line in sheet.line[rows.index]
    ]
    rows["traits"] = traits(
        rows[["recency", "history", "history_segment", "mens", "womens", "zip_code", "newbie", "shop_channel"]],
        source="hillstrom",
    )
    rows["campaign_id"], rows["propensity"], rows["randomised"] = "hillstrom", 1 / 3, True
    sheet.warnings.append(
        "A randomised e-mail test of another shop (2008): its customers have no orders and no dates here; visits, "
        "conversions and spend were counted for two weeks after the mailing."
    )
    campaign = pd.DataFrame(
        [
            {
                "campaign_id": "hillstrom",
                "name": "Hillstrom e-mail test: men's and women's merchandise",
                "shares": json.dumps({"email": 1.0}),
                "source": "hillstrom",
            }
        ]
    )
    return [Write("customers", rows, "new"), Write("campaigns", campaign, "merge"), Write("exposures", rows)]


def build_dominicks(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Brand-store-weeks without their store and week: price, units and whether featured."""
    rows = sheet.rows().rename(columns={"brand": "product_id"})
    rows["on_promotion"] = rows["feat"].astype(float) > 0
    products = rows.groupby("product_id", sort=True)["price"].median().reset_index()
    products["name"] = products["product_id"].str.replace(".", " ", regex=False).str.title() + " orange juice"
    products["brand"], products["category"] = products["product_id"], "orange juice"
    sheet.warnings.append(
        "The file has neither dates nor stores: promotion timing and seasons cannot be told from price."
    )
    return [Write("products", products, "fill"), Write("prices", rows)]


def build_upworthy(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Two `copies` a pair, tied by `campaign_id`; no row in `campaigns`.

    Only the winner is known: `clicks` is 1 for it and 0 for the other, a rank and no count, with `impressions` NULL so
    that no click rate can be made of it.
    """
    frame = sheet.frame
    winner = frame["label"].str.extract(r"(?i)^headline ([12]) has more")[0]
    sheet.reject(winner.isna(), "the label does not say which headline had more clicks")
    key = (frame["headline_1"].fillna("") + "\n" + frame["headline_2"].fillna("")).map(
        lambda text: "upworthy-" + hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    )
    frame["pair"] = key
    sheet.reject_repeated(["pair"], "this pair")
    sheet.reject_stored(
        workspace, "copies", "campaign_id", "pair", "the pair was already imported from an earlier file"
    )
    rows = sheet.rows()
    sides = [
        pd.DataFrame(
            {
                "copy_id": rows["pair"] + f"-{side}",
                "campaign_id": rows["pair"],
                "channel": "headline",
                "text": rows[f"headline_{side}"],
                "clicks": (winner[rows.index] == str(side)).astype(float),
                "language": rows[f"headline_{side}"].map(language_of).fillna("en"),
            }
        )
        for side in (1, 2)
    ]
    sheet.warnings.append(
        "Only the winner of each pair is known: it stands as clicks 1 against 0, a rank and no count; impressions are "
        "not known, so no click rate follows."
    )
    return [Write("copies", pd.concat(sides, ignore_index=True))]


HILLSTROM = Format(
    key="hillstrom",
    title="the Hillstrom e-mail test",
    columns=(
        Column("segment", ("segment",), required=True, filled=True),
        Column("visit", ("visit",), "flag", required=True, filled=True),
        Column("conversion", ("conversion",), "flag", required=True, filled=True),
        Column("spend", ("spend",), "money", required=True, filled=True, minimum=0),
        Column("recency", ("recency",), "number", required=True),
        Column("history", ("history",), "number", required=True),
        Column("history_segment", ("history_segment",)),
        Column("mens", ("mens",), "number", required=True),
        Column("womens", ("womens",), "number", required=True),
        Column("zip_code", ("zip_code",)),
        Column("newbie", ("newbie",), "number"),
        Column("shop_channel", ("channel",)),
    ),
    build=build_hillstrom,
    totals=(
        Total("spend", lambda f: f["spend"], ("exposures", "spend")),
        Total("visits", lambda f: f["visit"].astype(float), ("exposures", "visit::INT")),
        Total("conversions", lambda f: f["conversion"].astype(float), ("exposures", "conversion::INT")),
    ),
)

DOMINICKS = Format(
    key="dominicks_oj",
    title="Dominick's orange juice",
    columns=(
        Column("units", ("sales",), "number", True, True, 0),
        Column("price", ("price",), "money", True, True, 0),
        Column("brand", ("brand",), "id", True, True),
        Column("feat", ("feat",), "flag", True),
    ),
    build=build_dominicks,
    totals=(
        Total("units", lambda f: f["units"], ("prices", "units")),
        Total("price", lambda f: f["price"], ("prices", "price")),
    ),
)

UPWORTHY = Format(
    key="upworthy_pairs",
    title="Upworthy headline pairs",
    columns=(
        Column("headline_1", ("headline_1",), required=True, filled=True),
        Column("headline_2", ("headline_2",), required=True, filled=True),
        Column("label", ("label",), required=True, filled=True),
    ),
    build=build_upworthy,
    totals=(
        Total(
            "pairs",
            lambda f: f["pair" if "pair" in f else "label"].notna().astype(float),
            ("copies", "CASE WHEN campaign_id LIKE 'upworthy-%' THEN clicks END"),
        ),
    ),
)

FORMATS = (HILLSTROM, DOMINICKS, UPWORTHY)
