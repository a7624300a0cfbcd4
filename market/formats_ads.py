"""Advertising platforms: Google Ads report, Meta Ads export, and the public KAG Facebook ads table."""

from __future__ import annotations

import pandas as pd

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write
from campaignwright.market.formats_campaigns import campaign_ids, campaigns_write, results_write, state_offers
from campaignwright.market.formats_overlap import coverage_write
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.workspace import Workspace

CHECKED = {"clicks": 0.0, "impressions": 0.0, "spend": 0.01, "conversions": 0.01}  # field -> rounding allowed per row
GOOGLE_PARTS = ("ad_group", "device", "age", "gender")
META_PARTS = ("age", "gender", "platform")
TOTALS = (
    Total("spend", lambda f: f["spend"], ("campaign_results", "spend")),
    Total("clicks", lambda f: f["clicks"], ("campaign_results", "clicks")),
    Total("impressions", lambda f: f["impressions"], ("campaign_results", "impressions")),
)


def _check_totals(sheet: Sheet, totals: pd.Series, whole: pd.Series) -> None:
    """Compare the `whole` total rows with the sum of the data rows, then take all total rows out.

    Raises ImportProblem.
    """
    data = sheet.frame[~totals]
    for index in sheet.frame.index[whole]:
        for name, slack in ((name, slack) for name, slack in CHECKED.items() if sheet.has(name)):
            stated, added = sheet.frame.at[index, name], data[name].sum()
            if pd.notna(stated) and data[name].notna().any() and abs(stated - added) > slack * max(len(data), 1) + 1e-6:
                raise ImportProblem(
                    f"{sheet.raw.name}: the total on line {sheet.raw.line[index]} says {stated:,.2f} "
                    f"{name}, its rows add up to "
                    f"{added:,.2f}; the file is cut short or edited, export it again."
                )
    if totals.any():
        sheet.drop(totals)
        sheet.warnings.append(f"{int(totals.sum())} total row(s) were checked against the sum and not imported.")


_TOTAL = r"(?i)(?:total\b|gesamt\b|summe\b|总计|合计)\s*"
_WHOLE = ("", "campaigns", "campaign", "filtered campaigns", "all campaigns", "report", "kampagnen", "bericht", "广告系列", "报告")


def _google_totals(sheet: Sheet) -> None:
    """`Total: ...` rows. `Total: account` may hold more than the report shows and sub-totals less: only seen, not
    compared.
    """
    first = sheet.raw.frame.iloc[:, 0].str.strip()
    named = sheet.cell("campaign").str.strip() if sheet.has("campaign") else first
    totals = first.str.match(rf"{_TOTAL}(?:[:：-]|$)") | (named.str.match(rf"{_TOTAL}[:：]") & sheet.frame["day"].isna())
    label = first.where(first.str.match(_TOTAL), named).str.replace(rf"{_TOTAL}[:：-]?\s*", "", regex=True).str.casefold()
    _check_totals(sheet, totals, totals & label.isin(_WHOLE))


def _meta_totals(sheet: Sheet) -> None:
    """Meta's summary row has numbers but no campaign name."""
    totals = sheet.frame["campaign"].isna() & sheet.frame["impressions"].notna()
    if sheet.has("delivery"):
        totals &= sheet.frame["delivery"].isna()
    _check_totals(sheet, totals, totals & (totals.sum() == 1))


def _google_channel(types: pd.Series) -> pd.Series:
    """Campaign type -> channel; a report without types is taken for search."""
    text = types.fillna("").str.casefold()
    channel = pd.Series("search", index=types.index, dtype="object")
    channel[text.str.contains("display|video|demand|app|discovery|展示|视频|需求|应用|发现")] = "display"
    return channel


def _ids(source: str, rows: pd.DataFrame) -> pd.Series:
    """Campaign ids by the platform's number, else by name, within its account where the file names one."""
    named = (rows["account"] + "\n" + rows["campaign"]).fillna(rows["campaign"])
    return campaign_ids(source, rows["number"].fillna(named))


def _segment(rows: pd.DataFrame, fields: tuple[str, ...]) -> pd.Series:
    """The present fields joined, such as `30-34 M`; missing when none is."""
    parts = rows[list(fields)].fillna("").agg(" ".join, axis=1).str.split().str.join(" ")
    return parts.where(parts != "", None)


def build_google(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """One result row a report row, one campaign a name."""
    sheet.reject_identical()
    rows = sheet.rows()
    rows["campaign_id"] = _ids("google_ads", rows)
    rows["name"], rows["channel"] = rows["campaign"], _google_channel(rows["type"])
    if not sheet.has("type"):
        sheet.warnings.append("The report has no campaign type; all campaigns are taken for search.")
    rows["segment"] = _segment(rows, GOOGLE_PARTS)
    covered = coverage_write(rows.assign(until=rows["day"]), "google_ads", GOOGLE_PARTS, sheet, workspace)
    rows = rows.drop(columns=["type", "currency"])
    state_offers(rows, "name", sheet)
    return [campaigns_write(rows, "google_ads", workspace), results_write(rows), covered]


_PURCHASE = r"purchase|lead|complete_registration|conversion|käufe|kauf\b|成效|购买|购物"


def build_meta(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """`Results` count as conversions only where the indicator says purchase, lead or the like."""
    sheet.reject(sheet.frame["until"] < sheet.frame["day"], "the reporting period ends before it starts")
    sheet.reject_identical()
    rows = sheet.rows()
    rows["campaign_id"] = _ids("meta_ads", rows)
    rows["name"], rows["channel"] = rows["campaign"], "social"
    bought = rows["indicator"].fillna("").str.contains(_PURCHASE, case=False)
    rows["conversions"] = rows["purchases"].fillna(rows["results"].where(bought))
    rows["clicks"] = rows["clicks"].fillna(rows["all_clicks"])
    if (rows["results"].notna() & ~bought & rows["purchases"].isna()).any():
        sheet.warnings.append(
            "Results that are not purchases, leads or conversions by their indicator were not counted as conversions."
        )
    rows["days"] = (rows["until"] - rows["day"]).dt.days + 1
    if (rows["days"] > 1).any():
        sheet.warnings.append(
            "Rows that cover several days stand on the first of them; export by day for daily learning."
        )
    if rows["revenue"].isna().all():
        sheet.warnings.append("The export has no conversion value: ROAS of these campaigns is not known.")
    rows["segment"] = _segment(rows, META_PARTS)
    covered = coverage_write(rows, "meta_ads", META_PARTS, sheet, workspace)
    state_offers(rows, "name", sheet)
    return [campaigns_write(rows, "meta_ads", workspace), results_write(rows), covered]


def build_kag(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """No dates, no revenue: days and revenue stay NULL. Conversions are the approved ones (purchases)."""
    sheet.reject_repeated(["ad_id"], "this ad id")
    sheet.frame["campaign_id"] = "kag-" + sheet.frame["campaign"].astype("object")
    sheet.frame["channel"] = "social"
    sheet.frame["segment"] = _segment(sheet.frame, ("age", "gender"))
    stored = workspace.query(
        "SELECT campaign_id, segment, impressions, clicks, spend FROM campaign_results WHERE day IS NULL "
        "AND campaign_id LIKE 'kag-%'"
    )
    known = pd.MultiIndex.from_frame(stored)
    met = pd.MultiIndex.from_frame(sheet.frame[list(stored.columns)]).isin(known)
    sheet.reject(pd.Series(met, index=sheet.frame.index), "this ad's result was already imported from an earlier file")
    rows = sheet.rows().assign(name=lambda f: "Facebook ads " + f["campaign"].astype("object"))
    rows["day"] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us]")
    sheet.warnings.append(
        "The file has no dates and no revenue: its campaigns have no days, and their ROAS is not known."
    )
    results = results_write(rows).frame
    return [campaigns_write(rows, "kag", workspace, restates=False), Write("campaign_results", results)]


GOOGLE = Format(
    key="google_ads",
    title="a Google Ads report",
    columns=(
        Column("day", ("Day", "Date", "Tag", "Datum", "日期", "天"), "date", required=True, filled=True),
        Column("campaign", ("Campaign", "Campaign name", "Kampagne", "广告系列"), required=True, filled=True),
        Column("clicks", ("Clicks", "Klicks", "点击次数"), "number", required=True, filled=True, minimum=0),
        Column(
            "impressions",
            ("Impr.", "Impressions", "Impressionen", "展示次数"),
            "number", required=True, filled=True, minimum=0,
        ),
        Column("spend", ("Cost", "Kosten", "费用"), "money", required=True, filled=True, minimum=0),
        Column("currency", ("Currency code", "Currency", "Währungscode", "Währung", "币种代码", "货币代码"), required=True),
        Column("conversions", ("Conversions", "转化次数", "转化"), "number", required=True, minimum=0),
        Column(
            "revenue",
            ("Conv. value", "Conversion value", "Total conv. value", "Conv.-Wert", "Conversion-Wert", "转化价值"),
            "money", minimum=0,
        ),
        Column("type", ("Campaign type", "Advertising channel", "Kampagnentyp", "广告系列类型")),
        Column("number", ("Campaign ID", "Kampagnen-ID", "广告系列 ID"), "id"),
        Column("ad_group", ("Ad group", "Anzeigengruppe", "广告组")),
        Column("device", ("Device", "Gerät", "设备")),
        Column("age", ("Age", "Age range", "Alter", "年龄")),
        Column("gender", ("Gender", "Geschlecht", "性别")),
        Column("account", ("Account name", "Account", "Kontoname", "Konto", "账号名称", "帐号名称", "账号", "广告账户名称", "帐户名称")),
    ),
    build=build_google,
    prepare=_google_totals,
    totals=(
        *TOTALS,
        Total("conversions", lambda f: f["conversions"]),
        Total("conversion_value", lambda f: f["revenue"]),
    ),
)

META = Format(
    key="meta_ads",
    title="a Meta Ads export",
    columns=(
        Column(
            "day",
            ("Reporting starts", "Day", "Berichtsstart", "Tag", "报告开始日期", "日期"),
            "date", required=True, filled=True,
        ),
        Column("until", ("Reporting ends", "Berichtsende", "报告结束日期"), "date", required=True, filled=True),
        Column("campaign", ("Campaign name", "Kampagnenname", "广告系列名称"), required=True, filled=True),
        Column("spend", ("Amount spent", "Ausgegebener Betrag", "花费金额", "已花费金额"), "money", required=True, minimum=0),
        Column("impressions", ("Impressions", "Impressionen", "展示次数"), "number", required=True, minimum=0),
        Column("clicks", ("Link clicks", "Link-Klicks", "Linkklicks", "链接点击量"), "number", minimum=0),
        Column("all_clicks", ("Clicks (all)", "Klicks (alle)", "点击量（全部）"), "number", minimum=0),
        Column("results", ("Results", "Ergebnisse", "成效"), "number", minimum=0),
        Column("indicator", ("Result indicator", "Result type", "Ergebnisindikator", "Ergebnistyp", "成效指标", "成效类型")),
        Column(
            "purchases",
            ("Purchases", "Website purchases", "Käufe", "Website-Käufe", "购买次数", "网站购物"),
            "number", minimum=0,
        ),
        Column(
            "revenue",
            (
                "Purchases conversion value", "Website purchases conversion value", "Conversion value",
                "Conversion-Wert für Käufe", "Conversion-Wert der Käufe", "购物转化价值", "购买转化价值",
            ),
            "money",
            minimum=0,
        ),
        Column("delivery", ("Campaign delivery", "Auslieferung der Kampagne", "Kampagnenauslieferung", "广告系列投放")),
        Column("currency", ("Currency", "Währung", "币种", "货币")),
        Column("number", ("Campaign ID", "Kampagnen-ID", "广告系列编号"), "id"),
        Column("age", ("Age", "Alter", "年龄")),
        Column("gender", ("Gender", "Geschlecht", "性别")),
        Column("platform", ("Platform", "Publisher platform", "Plattform", "平台")),
        Column("account", ("Account name", "Account", "Kontoname", "Konto", "账号名称", "帐号名称", "账号", "广告账户名称", "帐户名称")),
    ),
    build=build_meta,
    prepare=_meta_totals,
    totals=(
        TOTALS[0],
        Total("clicks", lambda f: f["clicks"].fillna(f["all_clicks"]), ("campaign_results", "clicks")),
        TOTALS[2],
    ),
)

KAG = Format(
    key="facebook_ads_kag",
    title="the KAG Facebook ads table",
    columns=(
        Column("ad_id", ("ad_id",), "id", required=True, filled=True),
        Column("campaign", ("xyz_campaign_id",), "id", required=True, filled=True),
        Column("age", ("age",), required=True),
        Column("gender", ("gender",), required=True),
        Column("impressions", ("Impressions",), "number", required=True, filled=True, minimum=0),
        Column("clicks", ("Clicks",), "number", required=True, filled=True, minimum=0),
        Column("spend", ("Spent",), "money", required=True, filled=True, minimum=0),
        Column("conversions", ("Approved_Conversion",), "number", required=True, minimum=0),
        Column("all_conversions", ("Total_Conversion",), "number", minimum=0),
    ),
    build=build_kag,
    totals=(
        *TOTALS,
        Total("conversions", lambda f: f["conversions"], ("campaign_results", "conversions")),
        Total("all_conversions", lambda f: f["all_conversions"]),
    ),
)

FORMATS = (GOOGLE, META, KAG)
