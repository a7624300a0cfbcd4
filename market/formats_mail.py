"""E-mail and message platforms: Klaviyo and Mailchimp campaign exports.

Impressions are deliveries, clicks are unique clicks, conversions are orders that the platform attributes. Sending
costs are not in these files: spend and budget stay NULL.
"""

from __future__ import annotations

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write
from campaignwright.market.formats_campaigns import (
    campaign_ids,
    campaigns_write,
    language_of,
    results_write,
    state_offers,
)
from campaignwright.market.workspace import Workspace


def _build(sheet: Sheet, workspace: Workspace, source: str) -> list[Write]:
    """Campaigns, results on the day of sending, and the subject line as copy."""
    frame = sheet.frame
    frame["key"] = frame["number"].fillna(
        frame["campaign"] + " " + frame["sent_at"].dt.strftime("%Y-%m-%d %H:%M").fillna("")
    )
    sheet.reject_repeated(["key"], "this campaign id")
    sent = frame["delivered"].fillna(frame["recipients"] - frame["bounces"].fillna(0))
    sheet.reject(sent.isna(), "neither deliveries nor recipients")
    frame["impressions"] = sent
    rows = sheet.rows()
    rows["campaign_id"] = campaign_ids(source, rows["key"])
    rows["name"] = rows["campaign"].fillna(rows["subject"])
    medium = rows["medium"].fillna("email").str.casefold()
    rows["channel"] = "email"
    for channel in ("sms", "push"):
        rows.loc[medium.str.contains(channel), "channel"] = channel
    rows["day"], rows["send_hour"] = rows["sent_at"].dt.normalize(), rows["sent_at"].dt.hour.astype("Int64")
    rows["audience"], rows["spend"] = rows["audience"], float("nan")
    rows["language"] = rows["subject"].map(language_of, na_action="ignore")
    rows["offer_text"] = rows["subject"].fillna("") + " " + rows["name"].fillna("")
    state_offers(rows, "offer_text", sheet)
    sheet.warnings.append(
        "Sending costs are not in the export: spend, budget and ROAS of these campaigns are not known."
    )
    copies = rows[rows["subject"].notna()].assign(
        text=lambda f: f["subject"], copy_id=lambda f: f["campaign_id"] + "-subject"
    )
    return [
        campaigns_write(rows, source, workspace),
        results_write(rows),
        Write("copies", copies, "replace", ("copy_id",)),
    ]


def build_klaviyo(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """See `_build`."""
    return _build(sheet, workspace, "klaviyo")


def build_mailchimp(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """See `_build`."""
    return _build(sheet, workspace, "mailchimp")


def _totals(conversions: str) -> tuple[Total, ...]:
    return (
        Total("recipients", lambda f: f["recipients"]),
        Total("clicks", lambda f: f["clicks"], ("campaign_results", "clicks")),
        Total(conversions, lambda f: f["conversions"], ("campaign_results", "conversions")),
        Total("revenue", lambda f: f["revenue"], ("campaign_results", "revenue")),
    )


_SHARED = (
    Column("subject", ("Subject", "Subject line")),
    Column("audience", ("List", "Lists", "Audience")),
    Column("recipients", ("Total Recipients", "Recipients"), "number", required=True, filled=True, minimum=0),
    Column("delivered", ("Successful Deliveries",), "number", minimum=0),
    Column("clicks", ("Unique Clicks",), "number", required=True, minimum=0),
    Column("currency", ("Currency",)),
)

KLAVIYO = Format(
    key="klaviyo",
    title="a Klaviyo campaigns export",
    columns=(
        Column("campaign", ("Campaign Name",), required=True, filled=True),
        Column("sent_at", ("Send Time",), "time", required=True, filled=True),
        Column(
            "conversions",
            ("Unique Placed Order", "Total Placed Orders", "Placed Order"),
            "number",
            required=True,
            minimum=0,
        ),
        Column("revenue", ("Revenue",), "money", required=True, minimum=0),
        Column("bounces", ("Bounces",), "number", minimum=0),
        Column("number", ("Campaign ID",), "id"),
        Column("medium", ("Campaign Channel",)),
        *_SHARED,
    ),
    build=build_klaviyo,
    totals=_totals("placed_orders"),
)

MAILCHIMP = Format(
    key="mailchimp",
    title="a Mailchimp campaigns export",
    columns=(
        Column("campaign", ("Title",), required=True),
        Column("sent_at", ("Send Date",), "time", required=True, filled=True),
        Column("conversions", ("Total Orders",), "number", minimum=0),
        Column("revenue", ("Total Revenue", "Total Gross Sales"), "money", minimum=0),
        Column("bounces", ("Total Bounces",), "number", minimum=0),
        Column("number", ("Unique Id",), "id"),
        Column("medium", ("Campaign Channel",)),
        Column("opens", ("Unique Opens",), "number", required=True, minimum=0),
        *_SHARED,
    ),
    build=build_mailchimp,
    totals=_totals("orders"),
)

FORMATS = (KLAVIYO, MAILCHIMP)
