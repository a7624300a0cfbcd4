"""Public research files as they are published: Hillstrom, Dominick's orange juice, Upworthy pairs, Complete Journey.

They let a workspace learn from real outcomes. What each cannot support is said in the import report's warnings.
"""

from __future__ import annotations

import hashlib
import json

import pandas as pd

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write
from campaignwright.market.formats_campaigns import language_of
from campaignwright.market.formats_sales import customers_of
from campaignwright.market.workspace import Workspace

_ARMS = {"mens e-mail": "mens_email", "womens e-mail": "womens_email", "no e-mail": "control"}


def build_hillstrom(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """64,000 customers, three randomised arms of equal chance; the file has no ids, so the line number stands for one."""
    frame = sheet.frame
    frame["arm"] = frame["segment"].str.casefold().map(_ARMS)
    sheet.reject(frame["arm"].isna(), "the segment is none of Mens E-Mail, Womens E-Mail, No E-Mail")
    rows = sheet.kept.copy()
    rows["customer_id"] = [workspace.pseudonym(f"hillstrom {sheet.raw.sha256[:8]} {line}") for line in sheet.line[rows.index]]
    traits = rows[["recency", "history", "history_segment", "mens", "womens", "zip_code", "newbie", "shop_channel"]]
    rows["traits"] = [json.dumps({"source": "hillstrom", **{k: v for k, v in record.items() if pd.notna(v)}}) for record in traits.to_dict("records")]
    rows["campaign_id"], rows["propensity"], rows["randomised"] = "hillstrom", 1 / 3, True
    sheet.warnings.append("A randomised e-mail test of another shop (2008): its customers have no orders and no dates here; visits, "
                          "conversions and spend were counted for two weeks after the mailing.")
    campaign = pd.DataFrame([{"campaign_id": "hillstrom", "name": "Hillstrom e-mail test: men's and women's merchandise",
                              "shares": json.dumps({"email": 1.0}), "source": "hillstrom"}])
    return [Write("customers", rows, "new"), Write("campaigns", campaign, "merge"), Write("exposures", rows)]


def build_dominicks(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Brand-store-weeks without their store and week: price, units and whether featured."""
    rows = sheet.kept.rename(columns={"brand": "product_id"})
    rows["on_promotion"] = rows["feat"].astype(float) > 0
    products = rows.groupby("product_id", sort=True)["price"].median().reset_index()
    products["name"] = products["product_id"].str.replace(".", " ", regex=False).str.title() + " orange juice"
    products["brand"], products["category"] = products["product_id"], "orange juice"
    sheet.warnings.append("The file has neither dates nor stores: promotion timing and seasons cannot be told from price.")
    return [Write("products", products, "fill"), Write("prices", rows)]


def build_upworthy(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Two `copies` a pair, tied by `campaign_id`. Only the winner is known: `clicks` is 1 for it and 0 for the other, a rank and
    no count, with `impressions` NULL so that no click rate can be made of it. There is no row in `campaigns`."""
    frame = sheet.frame
    winner = frame["label"].str.extract(r"(?i)^headline ([12]) has more")[0]
    sheet.reject(winner.isna(), "the label does not say which headline had more clicks")
    key = (frame["headline_1"].fillna("") + "\n" + frame["headline_2"].fillna("")).map(
        lambda text: "upworthy-" + hashlib.blake2b(text.encode(), digest_size=6).hexdigest())
    frame["pair"] = key
    sheet.reject_repeated(["pair"], "this pair")
    sheet.reject_stored(workspace, "copies", "campaign_id", "pair", "the pair was already imported from an earlier file")
    rows = sheet.kept
    sides = [pd.DataFrame({"copy_id": rows["pair"] + f"-{side}", "campaign_id": rows["pair"], "channel": "headline",
                           "text": rows[f"headline_{side}"], "clicks": (winner[rows.index] == str(side)).astype(float),
                           "language": rows[f"headline_{side}"].map(language_of).fillna("en")}) for side in (1, 2)]
    sheet.warnings.append("Only the winner of each pair is known: it stands as clicks 1 against 0, a rank and no count; impressions are "
                          "not known, so no click rate follows.")
    return [Write("copies", pd.concat(sides, ignore_index=True))]


def build_journey_transactions(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Baskets. Unit price = what the retailer received per unit (the loyalty price); the discounts are the order's discount."""
    frame = sheet.frame
    sheet.reject(frame["quantity"] <= 0, "the quantity is 0")
    sheet.reject_stored(workspace, "orders", "order_id", "order_id", "the order was already imported from an earlier file")
    lines = sheet.kept.copy()
    lines["unit_price"] = lines["value"] / lines["quantity"]
    lines["line"] = lines.groupby("order_id", sort=False).cumcount() + 1
    lines["discount"] = lines[["retail_discount", "coupon_discount", "match_discount"]].fillna(0).sum(axis=1)
    orders = lines.groupby("order_id", sort=False).agg(customer_id=("customer_id", "first"), ordered_at=("ordered_at", "min"),
                                                       total=("value", "sum"), discount=("discount", "sum")).reset_index()
    orders["status"], orders["country"] = "paid", None
    prices = lines.groupby("product_id", sort=True)["unit_price"].median().rename("price").reset_index()
    prices["name"] = prices["product_id"]
    sheet.warnings.append("Products are known by number until the products file is imported.")
    return [Write("products", prices, "fill"), customers_of(orders), Write("orders", orders), Write("order_lines", lines)]


def build_journey_products(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Product master data: name = type and package size, category = product category."""
    sheet.reject_repeated(["product_id"], "this product id")
    rows = sheet.kept.copy()
    named = rows[["product_type", "package_size"]].fillna("").agg(" ".join, axis=1).str.strip()
    rows["name"] = named.where(named != "", rows["category"]).fillna(rows["department"]).fillna(rows["product_id"])
    rows["category"] = rows["category"].fillna(rows["department"])
    return [Write("products", rows, "merge")]


def build_journey_campaigns(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Coupon mailings with type and dates; their cost and channel are not stated."""
    sheet.reject_repeated(["number"], "this campaign id")
    sheet.reject(sheet.frame["until"] < sheet.frame["start"], "the campaign ends before it starts")
    rows = sheet.kept.copy()
    rows["campaign_id"] = "journey-" + rows["number"].astype("object")
    rows["name"] = "Complete Journey " + rows["type"].astype("object") + ", campaign " + rows["number"].astype("object")
    rows["days"], rows["source"] = (rows["until"] - rows["start"]).dt.days + 1, "complete_journey"
    sheet.warnings.append("Targeting was not randomised and no cost is stated: no causal effect and no ROAS follow from these campaigns.")
    return [Write("campaigns", rows, "merge")]


def build_journey_sends(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Who was mailed: exposures, not randomised, outcome not known."""
    sheet.reject_repeated(["number", "customer_id"], "this campaign and household")
    rows = sheet.kept.copy()
    rows["campaign_id"] = "journey-" + rows["number"].astype("object")
    rows["arm"], rows["randomised"] = "mailed", False
    sheet.warnings.append("Targeting was not randomised: these exposures say who was mailed, not what the mailing did.")
    customers = rows[["customer_id"]].drop_duplicates()
    return [Write("customers", customers, "new"), Write("exposures", rows, "replace", ("campaign_id", "customer_id"))]


def build_journey_redemptions(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Coupon redemptions as conversions per campaign and day; who saw a coupon without redeeming it is in the mailings file."""
    rows = sheet.kept.assign(campaign_id=lambda f: "journey-" + f["number"].astype("object"))
    counts = rows.groupby(["campaign_id", "day"], sort=True).size().astype(float).rename("conversions").reset_index()
    counts["channel"], counts["segment"] = None, None
    sheet.warnings.append("Redemptions count as conversions; impressions, clicks, spend and revenue are not in this file.")
    return [Write("campaign_results", counts, "replace", ("campaign_id", "channel", "segment", "day"))]


def build_journey_people(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Household traits."""
    sheet.reject_repeated(["customer_id"], "this household")
    rows = sheet.kept.copy()
    traits = rows[["age", "income", "home_ownership", "household_size", "kids_count"]].to_dict("records")
    rows["traits"] = [json.dumps({k: v for k, v in record.items() if pd.notna(v)}) for record in traits]
    return [Write("customers", rows, "merge")]


HILLSTROM = Format(
    key="hillstrom", title="the Hillstrom e-mail test",
    columns=(
        Column("segment", ("segment",), required=True, filled=True),
        Column("visit", ("visit",), "flag", required=True, filled=True),
        Column("conversion", ("conversion",), "flag", required=True, filled=True),
        Column("spend", ("spend",), "money", required=True, filled=True, minimum=0),
        Column("recency", ("recency",), "number", required=True),
        Column("history", ("history",), "number", required=True),
        Column("history_segment", ("history_segment",)), Column("mens", ("mens",), "number", required=True),
        Column("womens", ("womens",), "number", required=True), Column("zip_code", ("zip_code",)),
        Column("newbie", ("newbie",), "number"), Column("shop_channel", ("channel",)),
    ),
    build=build_hillstrom,
    totals=(Total("spend", lambda f: f["spend"], ("exposures", "spend")),
            Total("visits", lambda f: f["visit"].astype(float), ("exposures", "visit::INT")),
            Total("conversions", lambda f: f["conversion"].astype(float), ("exposures", "conversion::INT"))),
)

DOMINICKS = Format(
    key="dominicks_oj", title="Dominick's orange juice",
    columns=(Column("units", ("sales",), "number", True, True, 0), Column("price", ("price",), "money", True, True, 0),
             Column("brand", ("brand",), "id", True, True), Column("feat", ("feat",), "flag", True)),
    build=build_dominicks,
    totals=(Total("units", lambda f: f["units"], ("prices", "units")), Total("price", lambda f: f["price"], ("prices", "price"))),
)

UPWORTHY = Format(
    key="upworthy_pairs", title="Upworthy headline pairs",
    columns=(Column("headline_1", ("headline_1",), required=True, filled=True), Column("headline_2", ("headline_2",), required=True, filled=True),
             Column("label", ("label",), required=True, filled=True)),
    build=build_upworthy, totals=(Total("pairs", lambda f: f["pair" if "pair" in f else "label"].notna().astype(float),
                                        ("copies", "CASE WHEN campaign_id LIKE 'upworthy-%' THEN clicks END")),),
)

_HOUSEHOLD = Column("customer_id", ("household_id",), "customer", True, True)

JOURNEY_TRANSACTIONS = Format(
    key="complete_journey_transactions", title="Complete Journey transactions",
    columns=(
        _HOUSEHOLD, Column("order_id", ("basket_id",), "id", True, True), Column("product_id", ("product_id",), "id", True, True),
        Column("quantity", ("quantity",), "number", True, True), Column("value", ("sales_value",), "money", True, True, 0),
        Column("retail_discount", ("retail_disc",), "money", True), Column("coupon_discount", ("coupon_disc",), "money"),
        Column("match_discount", ("coupon_match_disc",), "money"),
        Column("ordered_at", ("transaction_timestamp",), "time", True, True),
    ),
    build=build_journey_transactions,
    totals=(Total("sales_value", lambda f: f["value"], ("order_lines", "quantity * unit_price")),
            Total("quantity", lambda f: f["quantity"], ("order_lines", "quantity"))),
)

JOURNEY_PRODUCTS = Format(
    key="complete_journey_products", title="Complete Journey products",
    columns=(Column("product_id", ("product_id",), "id", True, True), Column("department", ("department",), required=True),
             Column("category", ("product_category",), required=True), Column("product_type", ("product_type",), required=True),
             Column("package_size", ("package_size",)), Column("brand", ("brand",))),
    build=build_journey_products,
)

JOURNEY_CAMPAIGNS = Format(
    key="complete_journey_campaigns", title="Complete Journey campaign descriptions",
    columns=(Column("number", ("campaign_id",), "id", True, True), Column("type", ("campaign_type",), required=True, filled=True),
             Column("start", ("start_date",), "date", True, True), Column("until", ("end_date",), "date", True, True)),
    build=build_journey_campaigns,
)

JOURNEY_SENDS = Format(
    key="complete_journey_sends", title="Complete Journey campaign mailings",
    columns=(Column("number", ("campaign_id",), "id", True, True), _HOUSEHOLD), build=build_journey_sends,
)

JOURNEY_REDEMPTIONS = Format(
    key="complete_journey_redemptions", title="Complete Journey coupon redemptions",
    columns=(Column("number", ("campaign_id",), "id", True, True), _HOUSEHOLD, Column("coupon", ("coupon_upc",), "id", True),
             Column("day", ("redemption_date",), "date", True, True)),
    build=build_journey_redemptions,
    totals=(Total("redemptions", lambda f: f["coupon"].notna().astype(float)),),
)

JOURNEY_PEOPLE = Format(
    key="complete_journey_demographics", title="Complete Journey demographics",
    columns=(_HOUSEHOLD, Column("age", ("age",), required=True), Column("income", ("income",), required=True),
             Column("home_ownership", ("home_ownership",), required=True), Column("household_size", ("household_size",)),
             Column("kids_count", ("kids_count",))),
    build=build_journey_people,
)

FORMATS = (HILLSTROM, DOMINICKS, UPWORTHY, JOURNEY_TRANSACTIONS, JOURNEY_PRODUCTS, JOURNEY_CAMPAIGNS, JOURNEY_SENDS,
           JOURNEY_REDEMPTIONS, JOURNEY_PEOPLE)
