"""The CSV files of a plan: Google Ads Editor, Meta bulk import, and the assets of messages, all as paused drafts.

Column names are the importers' own (see each constant). Cells that a spreadsheet would run as a formula are escaped. No
file sends or spends anything: every status is PAUSED.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

from campaignwright.market.export_labels import label
from campaignwright.market.export_numbers import day
from campaignwright.market.screen import screened

# Google Ads Editor, "Import a CSV file": headers in English; a blank leaves a value unchanged.
GOOGLE_COLUMNS = [
    "Campaign", "Ad Group", "Ad type", "Labels",
    *[name for n in range(1, 16) for name in (f"Headline {n}", f"Headline {n} position")],
    *[name for n in range(1, 5) for name in (f"Description {n}", f"Description {n} position")],
    "Path 1", "Path 2", "Final URL", "Campaign status", "Budget",
]  # fmt: skip
# Meta Ads Manager bulk import; the budget stands at the campaign, never at the ad set as well.
META_COLUMNS = [
    "Campaign Name", "Campaign Status", "Campaign Objective", "Buying Type", "Campaign Daily Budget", "Ad Set Name",
    "Ad Set Run Status", "Ad Set Time Start", "Ad Set Daily Budget", "Link", "Countries", "Age Min", "Age Max",
    "Optimization Goal", "Billing Event", "Ad Name", "Ad Status", "Title", "Body", "Creative Type", "Image File Name",
    "Call to Action", "URL Tags",
]  # fmt: skip
ASSET_COLUMNS = [
    "channel", "language", "variant", "audience", "send_at", "subject", "preheader", "title", "body", "text",
    "headline", "long_headline", "description", "merge_tags", "status",
]  # fmt: skip
ADDRESSES = ("Final URL", "Link", "URL Tags")  # columns that hold a link; in any other, one is taken out
ASSET_CHANNELS = ("email", "sms", "push", "display", "wechat", "xiaohongshu")
META_GOALS = {"awareness": ("OUTCOME_AWARENESS", "REACH"), "acquisition": ("OUTCOME_SALES", "OFFSITE_CONVERSIONS")}
WRITTEN_FROM = {"google-ads": ("search",), "meta": ("social",), "csv": ASSET_CHANNELS}  # format -> channels of its copy
TO_DO = {
    "en": {
        "url": "No shop address is set (workspace setting `url`): fill in the final URL of every ad.",
        "google-ads": "Add keywords and locations in Google Ads Editor, and set the dates {first} to {last}.",
        "meta": "Set the end date {last}, and add an image to every ad and the account's pixel for conversions.",
        "countries": "The customers' country is not known: fill in Countries.",
        "people": "As it stands the file shows the ads to everyone of age in the countries: add the customers of this audience "
                  "({audience}) as a custom audience.",
        "new": "As it stands the file shows the ads to your customers too: exclude them with a custom audience.",
        "set": "Create the set in the shop first: the prices in the copy are those of the set, and the links should lead to it.",
        "tags": "Replace {{{{first_name}}}} and {{{{last_product}}}} by your mailing tool's merge tags, with a fallback.",
        "display": "Display ads have no import file: put these texts into the ad account by hand, with images.",
        "holdout": "Leave {holdout} of the audience out at random when you send, or the effect cannot be measured.",
    },
    "zh": {
        "url": "未设置店铺网址（工作区设置 `url`）：请为每条广告填写最终到达网址。",
        "google-ads": "请在 Google Ads Editor 中添加关键字和地区，并把日期设为{first}至{last}。",
        "meta": "请把结束日期设为{last}，为每条广告添加图片，并添加账户的转化像素。",
        "countries": "客户所在国家未知：请填写 Countries 一列。",
        "people": "按文件导入，所在国家的成年人都会看到广告：请把这个人群（{audience}）的客户设为自定义受众。",
        "new": "按文件导入，老客户也会看到广告：请用自定义受众排除他们。",
        "set": "请先在店铺里建好组合商品：文案里的价格是一套的价格，链接要指向它。",
        "tags": "请把 {{{{first_name}}}} 和 {{{{last_product}}}} 换成邮件工具的合并标签，并设好备用文字。",
        "display": "展示广告没有导入文件：请把这些文字手动填进广告账户，并配图。",
        "holdout": "发送时请随机留出人群的 {holdout} 不发，否则测不出效果。",
    },
}
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?%?")


class ExportProblem(Exception):
    """The plan cannot be written in this format; the message is one line with the remedy."""


def safe_cell(value: object) -> str:
    """Text that no spreadsheet runs: a cell that starts with = + - @, tab or CR gets a leading apostrophe, unless it is
    a number (OWASP, "CSV Injection")."""
    text = "" if value is None else str(value)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def write_csv(columns: list[str], rows: list[dict[str, object]]) -> bytes:
    """UTF-8 CSV with a header; absent columns are blank; a link stands in the columns of addresses only."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        cells = {column: row.get(column) for column in columns}
        plain = {column: screened(cell) for column, cell in cells.items() if isinstance(cell, str) and column not in ADDRESSES}
        writer.writerow({column: safe_cell(cell) for column, cell in (cells | plain).items()})
    return buffer.getvalue().encode("utf-8")


def campaign_name(plan: dict[str, Any]) -> str:
    """A name that people and ad accounts can tell apart: shop, objective, start and plan."""
    objective = label("objective", plan["brief"]["objective"], "en")
    return f"{plan['created_for']['shop']} {objective} {plan['strategy']['start']} {plan['plan_hash'][:6]}"


def _asset(plan: dict[str, Any], channel: str) -> list[dict[str, Any]]:
    return next((asset["variants"] for asset in plan["assets"] if asset["channel"] == channel), [])


def _daily(plan: dict[str, Any], channel: str) -> str:
    """The channel's daily budget with two decimals, from its figure."""
    key = next(row["daily"]["figure"] for row in plan["budget"]["channels"] if row["channel"] == channel)
    return f"{next(figure['value'] for figure in plan['figures'] if figure['id'] == key):.2f}"


def _need(plan: dict[str, Any], channel: str, what: str) -> list[dict[str, Any]]:
    variants = _asset(plan, channel)
    if not any(row["channel"] == channel for row in plan["budget"]["channels"]):
        raise ExportProblem(f"This plan has no {what}: nothing to write. Add the channel to the brief and plan again.")
    if not variants:
        raise ExportProblem(f"This plan has no copy for {what}: write it first (write_copy {channel}).")
    return variants


def google_ads(plan: dict[str, Any]) -> bytes:
    """Google Ads Editor CSV: one paused campaign with its daily budget, one responsive search ad a variant.

    Raises ExportProblem without the search channel or its copy. Keywords, targeting and dates are set in the account.
    """
    variants = _need(plan, "search", "search ads")
    name = campaign_name(plan)
    group = next((product["name"] for product in plan["price"]["products"]), plan["created_for"]["shop"])
    rows: list[dict[str, object]] = [{"Campaign": name, "Campaign status": "Paused", "Budget": _daily(plan, "search")}]
    for variant in variants:
        fields = variant["fields"]
        row: dict[str, object] = {
            "Campaign": name, "Ad Group": group, "Ad type": "Responsive search ad",
            "Labels": f"campaignwright {plan['plan_hash']}", "Final URL": plan["created_for"]["url"],
            "Campaign status": "Paused",
        }
        row |= {f"Headline {n}": text for n, text in enumerate(fields["headlines"], 1)}
        row |= {f"Description {n}": text for n, text in enumerate(fields["descriptions"], 1)}
        rows.append(row)
    return write_csv(GOOGLE_COLUMNS, rows)


def meta(plan: dict[str, Any]) -> bytes:
    """Meta bulk-import CSV: one paused campaign with the daily budget, one ad set, one ad a variant.

    Raises ExportProblem without the social channel or its copy. Images are added in Ads Manager.
    """
    variants = _need(plan, "social", "social ads")
    name, made_for = campaign_name(plan), plan["created_for"]
    objective, goal = META_GOALS.get(plan["brief"]["objective"], ("OUTCOME_SALES", "OFFSITE_CONVERSIONS"))
    start = dt.datetime.combine(dt.date.fromisoformat(plan["strategy"]["start"]), dt.time())
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    rows: list[dict[str, object]] = [{
        "Campaign Name": name, "Campaign Status": "PAUSED", "Campaign Objective": objective,
        "Buying Type": "AUCTION", "Campaign Daily Budget": _daily(plan, "social"),
        "Ad Set Name": f"{name} audience", "Ad Set Run Status": "PAUSED",
        "Ad Set Time Start": start.strftime("%m/%d/%Y %H:%M"), "Link": made_for["url"],
        "Countries": made_for["country"],
        "Age Min": 18, "Age Max": 65, "Optimization Goal": goal, "Billing Event": "IMPRESSIONS",
        "Ad Name": f"{name} {variant['id']}", "Ad Status": "PAUSED", "Title": variant["fields"]["headline"],
        "Body": variant["fields"]["text"], "Creative Type": "Link Page Post Ad", "Call to Action": "SHOP_NOW",
        "URL Tags": f"utm_source=meta&utm_medium=paid_social&utm_campaign={slug}&utm_content={variant['id']}",
    } for variant in variants]
    return write_csv(META_COLUMNS, rows)


def assets(plan: dict[str, Any]) -> bytes:
    """CSV of the messages: one row a variant, with its send times. Merge tags stay, as {{first_name}}."""
    rows: list[dict[str, object]] = []
    by_channel = {asset["channel"]: asset for asset in plan["assets"]}
    for asset in [by_channel[channel] for channel in ASSET_CHANNELS if channel in by_channel]:
        for variant in asset["variants"]:
            times = [row["at"] or row["date"] for row in plan["calendar"] if row["asset"] == variant["id"]]
            fields = {name: _tags(text) for name, text in variant["fields"].items()}
            found = sorted(set(re.findall(r"\{\{(\w+)\}\}", " ".join(fields.values()))))
            rows.append({
                "channel": asset["channel"], "language": asset["language"], "variant": variant["id"], "status": "PAUSED",
                "audience": plan["strategy"]["audience"], "send_at": "; ".join(dict.fromkeys(times)),
                "merge_tags": "; ".join(found), **fields})
    if not rows:
        raise ExportProblem(f"This plan has no copy for {', '.join(ASSET_CHANNELS)}: nothing to write.")
    return write_csv(ASSET_COLUMNS, rows)


def _tags(text: str) -> str:
    """Merge tags as mailing tools write them: {first_name} -> {{first_name}}."""
    return re.sub(r"\{(\w+)\}", r"{{\1}}", text)


def to_do(plan: dict[str, Any], format: str) -> list[str]:
    """What a person must still do before the file can run, in the plan's language; nothing when it would be empty."""
    if not any(_asset(plan, channel) for channel in WRITTEN_FROM.get(format, ())):
        return []
    strategy, language = plan["strategy"], plan["language"]
    start = dt.date.fromisoformat(strategy["start"])
    days = (start, start + dt.timedelta(days=strategy["days"] - 1))
    first, last = (day(one, language, plan["brief"]["currency"]) for one in days)
    words = {"first": first, "last": last, "audience": label("audience", strategy["audience"], language),
             "holdout": f"{_held_out(plan):.0%}"}  # fmt: skip
    return [TO_DO[language][name].format(**words) for name in _steps(plan, format)]


def _steps(plan: dict[str, Any], format: str) -> list[str]:
    """The names (`TO_DO`) of what is left to do with this file."""
    made_for, who = plan["created_for"], plan["strategy"]["audience"]
    steps = {
        "url": format != "csv" and not made_for["url"], "google-ads": format == "google-ads", "meta": format == "meta",
        "countries": format == "meta" and not made_for["country"], "people": format == "meta" and who not in ("all", "new"),
        "new": format == "meta" and who == "new", "set": plan["strategy"]["offer"] == "bundle",
    }  # fmt: skip
    if format == "csv":
        texts = str([variant["fields"] for channel in ASSET_CHANNELS for variant in _asset(plan, channel)])
        steps |= {"tags": re.search(r"\{\w+\}", texts), "display": _asset(plan, "display"), "holdout": _held_out(plan) > 0}
    return [name for name, needed in steps.items() if needed]


def _held_out(plan: dict[str, Any]) -> float:
    """The share of the audience that the plan's test leaves out; 0 without a test."""
    arms = {arm["name"]: arm["share"]["figure"] for arm in plan["experiment"]["arms"]}
    return next((figure["value"] for figure in plan["figures"] if figure["id"] == arms.get("control")), 0.0)
