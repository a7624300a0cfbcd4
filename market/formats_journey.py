"""The Complete Journey (dunnhumby), as its R package publishes it: one format a table.

Its campaigns were targeted, not randomised, and neither their cost nor their channel is stated; the reports say so.
"""

from __future__ import annotations

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write, traits
from campaignwright.market.formats_sales import customers_of
from campaignwright.market.workspace import Workspace


def build_journey_transactions(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Baskets. Unit price = what the retailer received per unit (the loyalty price); the discounts are the
    order's discount.
    """
    frame = sheet.frame
    sheet.reject(frame["quantity"] <= 0, "the quantity is 0")
    sheet.reject_stored(
        workspace, "orders", "order_id", "order_id", "the order was already imported from an earlier file"
    )
    lines = sheet.rows()
    lines["unit_price"] = lines["value"] / lines["quantity"]
    lines["line"] = lines.groupby("order_id", sort=False).cumcount() + 1
    lines["discount"] = lines[["retail_discount", "coupon_discount", "match_discount"]].fillna(0).sum(axis=1)
    orders = (
        lines.groupby("order_id", sort=False)
        .agg(
            customer_id=("customer_id", "first"),
            ordered_at=("ordered_at", "min"),
            total=("value", "sum"),
            discount=("discount", "sum"),
        )
        .reset_index()
    )
    orders["status"], orders["country"] = "paid", None
    prices = lines.groupby("product_id", sort=True)["unit_price"].median().rename("price").reset_index()
    prices["name"] = prices["product_id"]
    sheet.warnings.append("Products are known by number until the products file is imported.")
    return [
        Write("products", prices, "fill"),
        customers_of(orders),
        Write("orders", orders),
        Write("order_lines", lines),
    ]


def build_journey_products(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Product master data: name = type and package size, category = product category."""
    sheet.reject_repeated(["product_id"], "this product id")
    rows = sheet.rows()
    named = rows[["product_type", "package_size"]].fillna("").agg(" ".join, axis=1).str.strip()
    rows["name"] = named.where(named != "", rows["category"]).fillna(rows["department"]).fillna(rows["product_id"])
    rows["category"] = rows["category"].fillna(rows["department"])
    return [Write("products", rows, "merge")]


def build_journey_campaigns(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Coupon mailings with type and dates; their cost and channel are not stated."""
    sheet.reject_repeated(["number"], "this campaign id")
    sheet.reject(sheet.frame["until"] < sheet.frame["start"], "the campaign ends before it starts")
    rows = sheet.rows()
    rows["campaign_id"] = "journey-" + rows["number"].astype("object")
    rows["name"] = "Complete Journey " + rows["type"].astype("object") + ", campaign " + rows["number"].astype("object")
    rows["days"], rows["source"] = (rows["until"] - rows["start"]).dt.days + 1, "complete_journey"
    sheet.warnings.append(
        "Targeting was not randomised and no cost is stated: no causal effect and no ROAS follow from these campaigns."
    )
    return [Write("campaigns", rows, "merge")]


def build_journey_sends(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Who was mailed: exposures, not randomised, outcome not known."""
    sheet.reject_repeated(["number", "customer_id"], "this campaign and household")
    rows = sheet.rows()
    rows["campaign_id"] = "journey-" + rows["number"].astype("object")
    rows["arm"], rows["randomised"] = "mailed", False
    sheet.warnings.append("Targeting was not randomised: these exposures say who was mailed, not what the mailing did.")
    customers = rows[["customer_id"]].drop_duplicates()
    return [Write("customers", customers, "new"), Write("exposures", rows, "replace", ("campaign_id", "customer_id"))]


def build_journey_redemptions(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Coupon redemptions as conversions per campaign and day; who saw a coupon without redeeming it is in the
    mailings file.
    """
    rows = sheet.rows().assign(campaign_id=lambda f: "journey-" + f["number"].astype("object"))
    counts = rows.groupby(["campaign_id", "day"], sort=True).size().astype(float).rename("conversions").reset_index()
    counts["channel"], counts["segment"] = None, None
    sheet.warnings.append(
        "Redemptions count as conversions; impressions, clicks, spend and revenue are not in this file."
    )
    return [Write("campaign_results", counts, "replace", ("campaign_id", "channel", "segment", "day"))]


def build_journey_people(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Household traits."""
    sheet.reject_repeated(["customer_id"], "this household")
    rows = sheet.rows()
    rows["traits"] = traits(rows[["age", "income", "home_ownership", "household_size", "kids_count"]])
    return [Write("customers", rows, "merge")]


_HOUSEHOLD = Column("customer_id", ("household_id",), "customer", True, True)

JOURNEY_TRANSACTIONS = Format(
    key="complete_journey_transactions",
    title="Complete Journey transactions",
    columns=(
        _HOUSEHOLD,
        Column("order_id", ("basket_id",), "id", True, True),
        Column("product_id", ("product_id",), "id", True, True),
        Column("quantity", ("quantity",), "number", True, True),
        Column("value", ("sales_value",), "money", True, True, 0),
        Column("retail_discount", ("retail_disc",), "money", True),
        Column("coupon_discount", ("coupon_disc",), "money"),
        Column("match_discount", ("coupon_match_disc",), "money"),
        Column("ordered_at", ("transaction_timestamp",), "time", True, True),
    ),
    build=build_journey_transactions,
    totals=(
        Total("sales_value", lambda f: f["value"], ("order_lines", "quantity * unit_price")),
        Total("quantity", lambda f: f["quantity"], ("order_lines", "quantity")),
    ),
)

JOURNEY_PRODUCTS = Format(
    key="complete_journey_products",
    title="Complete Journey products",
    columns=(
        Column("product_id", ("product_id",), "id", True, True),
        Column("department", ("department",), required=True),
        Column("category", ("product_category",), required=True),
        Column("product_type", ("product_type",), required=True),
        Column("package_size", ("package_size",)),
        Column("brand", ("brand",)),
    ),
    build=build_journey_products,
)

JOURNEY_CAMPAIGNS = Format(
    key="complete_journey_campaigns",
    title="Complete Journey campaign descriptions",
    columns=(
        Column("number", ("campaign_id",), "id", True, True),
        Column("type", ("campaign_type",), required=True, filled=True),
        Column("start", ("start_date",), "date", True, True),
        Column("until", ("end_date",), "date", True, True),
    ),
    build=build_journey_campaigns,
)

JOURNEY_SENDS = Format(
    key="complete_journey_sends",
    title="Complete Journey campaign mailings",
    columns=(Column("number", ("campaign_id",), "id", True, True), _HOUSEHOLD),
    build=build_journey_sends,
)

JOURNEY_REDEMPTIONS = Format(
    key="complete_journey_redemptions",
    title="Complete Journey coupon redemptions",
    columns=(
        Column("number", ("campaign_id",), "id", True, True),
        _HOUSEHOLD,
        Column("coupon", ("coupon_upc",), "id", True),
        Column("day", ("redemption_date",), "date", True, True),
    ),
    build=build_journey_redemptions,
    totals=(Total("redemptions", lambda f: f["coupon"].notna().astype(float)),),
)

JOURNEY_PEOPLE = Format(
    key="complete_journey_demographics",
    title="Complete Journey demographics",
    columns=(
        _HOUSEHOLD,
        Column("age", ("age",), required=True),
        Column("income", ("income",), required=True),
        Column("home_ownership", ("home_ownership",), required=True),
        Column("household_size", ("household_size",)),
        Column("kids_count", ("kids_count",)),
    ),
    build=build_journey_people,
)

FORMATS = (
    JOURNEY_TRANSACTIONS,
    JOURNEY_PRODUCTS,
    JOURNEY_CAMPAIGNS,
    JOURNEY_SENDS,
    JOURNEY_REDEMPTIONS,
    JOURNEY_PEOPLE,
)
