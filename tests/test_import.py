"""Exports of each format, made by hand as the platforms write them, and what they become in the workspace."""

# ruff: noqa: E501 (header lines as the platforms write them)

import gzip
import json
from datetime import date

import pandas as pd
import pytest

from campaignwright.market import formats_parse
from campaignwright.market.importers import ImportProblem, import_file, recognise
from campaignwright.market.workspace import Workspace

GOOGLE = """Campaign report
"November 1, 2026 - November 3, 2026"
Day,Campaign,Currency code,Clicks,Impr.,CTR,Avg. CPC,Cost,Conversions,Cost / conv.,Conv. rate,Conv. value
2026-11-01,Brand search,GBP,"1,200","20,500",5.85%,0.50,"1,600.00",40.00,40.00,3.33%,"6,400.00"
2026-11-02,Brand search,GBP,800,"10,000",8.00%,0.50,400.00,10.00,40.00,1.25%,"1,000.50"
2026-11-03,20% off autumn,GBP,10,500,2.00%,0.50,5.00,--,--,--,--
Total: Campaigns, --,--,"2,010","31,000",6.48%,1.00,"2,005.00",50.00,40.10,2.49%,"7,400.50"
Total: Account, --,--,"9,010","91,000",6.48%,1.00,"7,005.00",50.00,40.10,2.49%,"7,400.50"
"""
META = (
    "Reporting starts,Reporting ends,Campaign name,Campaign delivery,Attribution setting,Results,Result indicator,Reach,"
    "Frequency,Cost per results,Amount spent (EUR),Impressions,"
    '"CPM (cost per 1,000 impressions) (EUR)",Link clicks,CPC (cost per link click) (EUR),CTR (link click-through rate)\n'
    "2026-10-01,2026-10-31,Retargeting,active,7-day click,12,actions:offsite_conversion.fb_pixel_purchase,5000,1.4,10,"
    "120.50,7000,17.2,90,1.33,1.28\n"
    "2026-10-01,2026-10-31,Reach push,active,7-day click,9000,reach,9000,1.1,0.01,80,9900,8.1,15,5.33,0.15\n"
    "2026-10-01,2026-10-31,,,,,,14000,1.3,,200.50,16900,11.8,105,1.9,0.6\n"
)
KLAVIYO = (
    "Campaign Name,Tags,Subject,List,Send Time,Send Weekday,Total Recipients,Unique Placed Order,Placed Order Rate,Revenue,"
    "Unique Opens,Open Rate,Total Opens,Unique Clicks,Click Rate,Total Clicks,Unsubscribes,Spam Complaints,"
    "Spam Complaints Rate,Successful Deliveries,Bounces,Bounce Rate,Campaign ID,Campaign Channel\n"
    'Autumn,,"25% off boots, today",VIP,2026-10-02 18:30:00,Friday,1000,12,1.2%,"$1,440.00",400,40%,500,60,6%,80,1,0,0,990,'
    "10,1%,AbC1,email\n"
    "Text,,,All,2026-10-03 09:00:00,Saturday,500,2,0.4%,80.00,,,,15,3%,15,0,0,0,495,5,1%,AbC2,sms\n"
)
MAILCHIMP = (
    "Title,Subject,List,Send Date,Send Weekday,Total Recipients,Successful Deliveries,Soft Bounces,Hard Bounces,Total Bounces,"
    "Times Forwarded,Forwarded Opens,Unique Opens,Open Rate,Total Opens,Unique Clicks,Click Rate,Total Clicks,Unsubscribes,"
    "Abuse Complaints,Times Liked on Facebook,Folder Id,Unique Id,Total Orders,Total Gross Sales,Total Revenue\n"
    'June,Free shipping all week,Everyone,"Jun 09, 2018 09:30 pm",Saturday,2000,1980,10,10,20,0,0,700,35%,900,'
    "110,5.5%,150,3,0,0,,u1,7,350.00,340.00\n"
)
SHOP_ORDERS = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Created at,"
    "Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Shipping Name,Shipping Country,Phone,Cancelled at\n"
    "#1001,Jane.Doe@example.com,paid,2026-01-02 10:00:00 +0100,USD,90,0,0,90.00,TEN,10.00,2026-01-02 10:00:00 +0100,"
    "2,Trail shoe,40.00,TS-1,Jane Doe,US,+1 555 010 4477,\n"
    "#1001,Jane.Doe@example.com,,,,,,,,,,2026-01-02 10:00:00 +0100,1,Sock,20.00,SO-1,,,,\n"
    "#1002,bob@example.com,refunded,2026-01-03 11:00:00 +0100,USD,20,0,0,20.00,,0.00,2026-01-03 11:00:00 +0100,"
    "1,Sock,20.00,SO-1,Bob,DE,,\n"
)
SHOP_PRODUCTS = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,"
    "Cost per item,Image Src,Status\n"
    'trail-shoe,Trail shoe,"<p>Grip,\nand more</p>",Peak,Shoes,,Size,42,TS-1,14,40.00,18.00,a.png,active\n'
    "trail-shoe,,,,,,,43,TS-2,3,40.00,18.00,,\n"
    "trail-shoe,,,,,,,,,,,,b.png,\n"
    "sock,Sock,,Peak,Socks,,Title,Default Title,SO-1,100,20.00,,,active\n"
)
SHOP_CUSTOMERS = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Country Code,Phone,"
    "Accepts SMS Marketing,Total Spent,Total Orders,Note\n"
    "'77,Jane,Doe,jane.doe@example.com,yes,US,+15550104477,no,90.00,1,call +1 555 010 4477\n"
    "'78,Ann,Lee,ann@example.com,no,GB,,yes,0.00,0,\n"
)
RETAIL = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    "536365,85123A,WHITE HEART,6,12/1/2010 8:26,2.55,17850.0,United Kingdom\n"
    "536365,85123A,WHITE HEART,6,12/1/2010 8:26,2.55,17850.0,United Kingdom\n"
    "536365,POST,POSTAGE,1,12/1/2010 8:26,18.00,17850.0,United Kingdom\n"
    "C536379,85123a,WHITE HEARTS,-1,12/13/2010 9:41,2.55,17850,United Kingdom\n"
    "536380,22633,HAND WARMER,3,12/14/2010 9:41,1.85,,France\n"
    "536381,22633,damaged,-20,12/14/2010 9:41,0,,France\n"
    "536382,AMAZONFEE,AMAZON FEE,1,12/14/2010 9:41,100,,France\n"
)


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        yield opened


@pytest.fixture
def make(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def balanced(report):
    assert report.rows_read == report.rows_kept + report.rows_rejected
    assert all(t["file"] == t["kept"] + t["rejected"] for t in report.totals.values())
    return report


def everything(workspace):
    """All text stored anywhere, the settings included."""
    tables = workspace.query("SELECT table_name FROM information_schema.tables")["table_name"]
    return "\n".join(workspace.query(f"FROM {table}").to_csv() for table in tables)


def test_google_report_skips_preamble_and_checks_total_rows(workspace, make):
    report = balanced(import_file(workspace, make("google.csv", GOOGLE)))
    assert (report.format, report.rows_kept, workspace.currency) == ("google_ads", 3, "GBP")
    assert report.totals["spend"]["file"] == 2005 and report.totals["clicks"]["kept"] == 2010
    campaigns = workspace.query("SELECT * FROM campaigns ORDER BY name").set_index("name")
    brand = campaigns.loc["Brand search"]
    assert (brand["budget"], brand["days"], brand["start"].date(), brand["source"]) == (
        2000,
        2,
        date(2026, 11, 1),
        "google_ads",
    )
    assert json.loads(brand["shares"]) == {"search": 1.0}
    assert campaigns.loc["20% off autumn", ["offer", "discount"]].tolist() == ["percent_off", 0.2]
    assert workspace.scalar("SELECT count(*) FROM campaign_results WHERE conversions IS NULL") == 1


def test_google_report_in_utf16_tabs_is_the_same(workspace, make):
    rows = [line.split(",") for line in GOOGLE.replace('"1,200"', "1200").splitlines()[2:3]]
    body = (
        "\t".join(rows[0])
        + "\n2026-11-01\tMarke\tEUR\t1.200\t20.500\t5,85 %\t0,50\t1.600,00\t40,00\t40,00\t3,33 %\t6.400,00\n"
    )
    report = balanced(import_file(workspace, make("google.csv", ("Bericht\n1.-3. November\n" + body).encode("utf-16"))))
    assert report.totals["spend"]["kept"] == 1600 and report.totals["impressions"]["kept"] == 20500
    assert workspace.currency == "EUR"


def test_google_total_that_does_not_add_up_is_refused(workspace, make):
    with pytest.raises(ImportProblem, match="line 7 says 2,010.00 clicks, its rows add up to 1,210.00"):
        import_file(
            workspace,
            make("cut.csv", GOOGLE.replace("2026-11-02,Brand search,GBP,800", "2026-11-02,Brand search,GBP,0")),
        )
    assert workspace.count("campaign_results") == workspace.count("imports") == 0


def test_newer_google_export_restates_days_without_counting_them_twice(workspace, make):
    import_file(workspace, make("a.csv", GOOGLE))
    newer = "\n".join(GOOGLE.splitlines()[2:3]) + "\n2026-11-02,Brand search,GBP,900,10000,9%,0.5,450,11,40,1%,1100\n"
    newer += "2026-11-04,Brand search,GBP,100,1000,9%,0.5,50,1,40,1%,100\n"
    import_file(workspace, make("b.csv", newer))
    brand = workspace.query("SELECT * FROM campaigns WHERE name = 'Brand search'").iloc[0]
    assert (brand["budget"], brand["days"]) == (1600 + 450 + 50, 4)
    assert workspace.scalar("SELECT sum(clicks) FROM campaign_results") == 1200 + 900 + 100 + 10


def test_meta_export_reads_currency_from_headers_and_counts_only_purchases(workspace, make):
    report = balanced(import_file(workspace, make("meta.csv", META)))
    assert (report.format, report.rows_read, workspace.currency) == ("meta_ads", 2, "EUR")
    results = workspace.query(
        "SELECT c.name, c.days, r.* FROM campaign_results r JOIN campaigns c USING (campaign_id) ORDER BY c.name"
    )
    assert results["channel"].tolist() == ["social", "social"] and results["days"].tolist() == [31, 31]
    assert results["clicks"].tolist() == [15, 90]
    assert results["conversions"].fillna(-1).tolist() == [-1, 12]  # reach is no conversion
    assert results["revenue"].isna().all() and any("ROAS" in warning for warning in report.warnings)


def test_klaviyo_campaigns_give_results_send_hour_and_subject(workspace, make):
    report = balanced(import_file(workspace, make("klaviyo.csv", KLAVIYO)))
    assert report.format == "klaviyo" and report.totals["revenue"]["kept"] == 1520
    autumn = workspace.query(
        "SELECT c.*, r.* FROM campaigns c JOIN campaign_results r USING (campaign_id) WHERE name = 'Autumn'"
    ).iloc[0]
    assert (autumn["channel"], autumn["send_hour"], autumn["impressions"], autumn["clicks"], autumn["conversions"]) == (
        "email",
        18,
        990,
        60,
        12,
    )
    assert (autumn["offer"], autumn["discount"], autumn["audience"]) == ("percent_off", 0.25, "VIP")
    assert workspace.scalar("SELECT channel FROM campaign_results WHERE impressions = 495") == "sms"
    copy = workspace.query("SELECT * FROM copies").iloc[0]
    assert (copy["text"], copy["impressions"], copy["clicks"], copy["language"]) == (
        "25% off boots, today",
        990,
        60,
        "en",
    )


def test_mailchimp_dates_with_pm(workspace, make):
    report = balanced(import_file(workspace, make("mailchimp.csv", MAILCHIMP)))
    row = workspace.query("SELECT * FROM campaigns JOIN campaign_results USING (campaign_id)").iloc[0]
    assert report.format == "mailchimp"
    assert (row["send_hour"], row["day"].date(), row["revenue"], row["offer"]) == (
        21,
        date(2018, 6, 9),
        340,
        "free_shipping",
    )


def test_shop_files_join_on_pseudonyms_and_skus(workspace, make):
    orders = balanced(import_file(workspace, make("orders.csv", SHOP_ORDERS)))
    products = balanced(import_file(workspace, make("products.csv", SHOP_PRODUCTS)))
    customers = balanced(import_file(workspace, make("customers.csv", SHOP_CUSTOMERS)))
    assert (orders.format, products.format, customers.format) == (
        "shopify_orders",
        "shopify_products",
        "shopify_customers",
    )
    assert workspace.query("SELECT status FROM orders ORDER BY order_id")["status"].tolist() == ["paid", "refunded"]
    assert workspace.scalar(
        "SELECT sum(quantity * unit_price) FROM order_lines WHERE order_id = '#1001'"
    ) == pytest.approx(90)
    shoe = workspace.query("SELECT * FROM products WHERE product_id = 'TS-1'").iloc[0]
    assert (shoe["name"], shoe["price"], shoe["cost"], shoe["category"], shoe["brand"]) == (
        "Trail shoe 42",
        40,
        18,
        "Shoes",
        "Peak",
    )
    assert workspace.scalar("SELECT name FROM products WHERE product_id = 'SO-1'") == "Sock"
    assert workspace.scalar("SELECT on_hand FROM stock WHERE product_id = 'TS-2'") == 3
    assert products.rows_rejected == 1 and products.rejected[0].line == 5  # the picture row, counted in physical lines
    jane = workspace.pseudonym("jane.doe@example.com")
    row = workspace.query("SELECT * FROM customers WHERE customer_id = ?", [jane]).iloc[0]
    assert (row["email_opt_in"], row["sms_opt_in"], row["created_on"].date()) == (True, False, date(2026, 1, 2))
    assert workspace.scalar("SELECT count(*) FROM customers") == 3


def test_nothing_personal_is_stored(workspace, make):
    poisoned = SHOP_ORDERS.replace("Trail shoe", "Trail shoe for jane.doe@example.com call +44 7700 900123").replace(
        "SO-1", "x@y.org"
    )
    reports = [
        import_file(workspace, make(f"{n}.csv", text))
        for n, text in enumerate((poisoned, SHOP_PRODUCTS, SHOP_CUSTOMERS))
    ]
    broken = SHOP_ORDERS.replace(",2,Trail", ",bob@example.com,Trail").replace("#100", "#200")
    reports.append(import_file(workspace, make("broken.csv", broken)))
    said = (
        everything(workspace)
        + (workspace.path / "workspace.json").read_text()
        + "".join(r.model_dump_json() for r in reports)
    )
    for secret in ("example.com", "y.org", "Jane Doe", "900123", "010 4477", "5550104477", "@"):
        assert secret not in said.replace("'@'", "")


def test_newer_orders_export_skips_known_orders_but_takes_over_their_status(workspace, make):
    import_file(workspace, make("a.csv", SHOP_ORDERS))
    newer = SHOP_ORDERS.replace("#1001,Jane.Doe@example.com,paid", "#1001,Jane.Doe@example.com,refunded").replace(
        "#1002", "#1003"
    )
    report = balanced(import_file(workspace, make("b.csv", newer)))
    assert (report.rows_kept, report.rows_rejected, workspace.count("orders"), workspace.count("order_lines")) == (
        1,
        2,
        3,
        4,
    )
    assert list(report.reasons) == ["the order was already imported from an earlier file"]
    assert workspace.scalar("SELECT status FROM orders WHERE order_id = '#1001'") == "refunded"


def test_online_retail_decisions(workspace, make):
    report = balanced(import_file(workspace, make("retail.csv.gz", gzip.compress(RETAIL.encode()))))
    assert (report.format, report.rows_read, report.rows_kept, workspace.currency) == ("online_retail", 7, 5, "GBP")
    assert {r.line: r.reason for r in report.rejected} == {
        7: "negative quantity outside a cancellation",
        8: "a fee, commission or bad debt of the shop, not a sale",
    }
    assert workspace.query("SELECT order_id, status, total FROM orders ORDER BY order_id").values.tolist() == [
        ["536365", "paid", 48.6],
        ["536380", "paid", 5.55],
        ["C536379", "cancelled", -2.55],
    ]
    assert workspace.query("SELECT product_id, name, price FROM products ORDER BY 1").values.tolist() == [
        ["22633", "HAND WARMER", 1.85],
        ["85123A", "WHITE HEART", 2.55],
    ]
    assert workspace.scalar("SELECT count(*) FROM order_lines WHERE product_id IS NULL") == 1  # postage
    customer = workspace.query("SELECT * FROM customers").iloc[0]
    assert (customer["customer_id"], customer["created_on"].date()) == (workspace.pseudonym("17850"), date(2010, 12, 1))


def test_same_file_again_changes_nothing(workspace, make):
    first = import_file(workspace, make("a.csv", RETAIL))
    before = everything(workspace)
    again = import_file(workspace, make("renamed.csv.gz", gzip.compress(RETAIL.encode())))
    assert again.unchanged and again.totals == first.totals and again.rows_rejected == first.rows_rejected
    assert again.rejected == first.rejected and everything(workspace) == before


def test_generic_file_with_mapping(workspace, make):
    path = make(
        "odd.csv",
        "Beleg;Tag;Summe;Kunde\nR1;31.12.2025;1.234,50;anna@example.de\nR2;01.02.2026;10,00;\nR1;01.02.2026;5,00;\n",
    )
    mapping = {"order_id": "Beleg", "ordered_at": "Tag", "total": "Summe", "customer_id": "Kunde"}
    report = balanced(import_file(workspace, path, table="orders", mapping=mapping, currency="EUR"))
    assert (report.rows_kept, report.totals["total"]["kept"], workspace.currency) == (2, 1244.5, "EUR")
    assert report.rejected[0].model_dump() == {"line": 4, "reason": "this order_id already stands on line 2"}
    assert workspace.scalar("SELECT customer_id FROM orders WHERE order_id = 'R1'") == workspace.pseudonym(
        "anna@example.de"
    )
    assert import_file(workspace, path, table="orders", mapping=mapping).unchanged


def test_generic_order_lines_with_dates_make_orders_products_and_customers(workspace, make):
    path = make("lines.csv", "No,When,Item,N,Each,Who\n1,2026-01-02,mug,2,5.00,7\n1,2026-01-02,cup,1,3.00,7\n")
    mapping = {
        "order_id": "No",
        "ordered_at": "When",
        "product_id": "Item",
        "quantity": "N",
        "unit_price": "Each",
        "customer_id": "Who",
    }
    import_file(workspace, path, table="order_lines", mapping=mapping)
    assert [workspace.count(t) for t in ("orders", "order_lines", "products", "customers")] == [1, 2, 2, 1]
    assert workspace.scalar("SELECT total FROM orders") == 13


def test_prices_by_column_names_alone(workspace, make):
    path = make("prices.tsv", "Product ID\tDate\tPrice\tCompetitor price\tUnits\nA\t2026-01-01\t9.99\t10.50\t12\n")
    assert import_file(workspace, path, table="prices").rows_kept == 1
    assert workspace.scalar("SELECT competitor_price FROM prices") == 10.5


def test_headers_in_any_case_spacing_and_order(workspace, make):
    lines = [line.split(",") for line in RETAIL.splitlines()]
    shuffled = (
        "\n".join(",".join(reversed(line)) for line in lines)
        .replace("InvoiceNo", " invoice no ")
        .replace("UnitPrice", "UNIT PRICE")
    )
    assert recognise(make("odd.csv", shuffled)) == "online_retail"


def test_progress_runs_from_start_to_end(workspace, make):
    seen = []
    import_file(workspace, make("a.csv", RETAIL), progress=lambda share, what: seen.append((share, what)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0 and all(what for _, what in seen)


def test_windows_1252_and_chinese_files_are_read_and_said(workspace, make):
    report = import_file(workspace, make("w.csv", RETAIL.replace("WHITE HEART,", "CAFÉ £5,").encode("cp1252")))
    assert "Windows-1252" in report.warnings[0]
    assert workspace.scalar("SELECT name FROM products WHERE product_id = '85123A'") == "CAFÉ £5"
    chinese = "订单号,商品编号,商品名称,数量,单价,下单时间\nD1,P1,跑步鞋经典款,2,299.00,2026-01-02 10:00:00\n"
    report = import_file(workspace, make("c.csv", chinese.encode("gb18030")))
    assert (
        "GB18030" in report.warnings[0]
        and workspace.scalar("SELECT name FROM products WHERE product_id = 'P1'") == "跑步鞋经典款"
    )


def ads(days, code):
    """A Google Ads report of one campaign with these days, in the currency `code`."""
    rows = "".join(f"{day},Brand,{code},10,500,5.00,1,20\n" for day in days)
    return f"Day,Campaign,Currency code,Clicks,Impr.,Cost,Conversions,Conv. value\n{rows}"


WEEK = [f"{day:02}/12/2026" for day in range(1, 8)]


@pytest.mark.parametrize(
    ("days", "code", "home", "months", "read_as"),
    [
        (WEEK, "GBP", "USD", {12}, "day/month, as usual with GBP"),
        (WEEK, "USD", "USD", set(range(1, 8)), "month/day, as usual with USD"),
        ([*WEEK, "13/12/2026"], "USD", "USD", {12}, None),
        (["12/01/2026", "12/14/2026"], "GBP", "GBP", {12}, None),
        (["01.12.2026", "02.12.2026"], "USD", "USD", {12}, None),
        (["2026-12-01", "2026-12-02"], "GBP", "USD", {12}, None),
    ],
)
def test_day_and_month_by_the_files_dates_then_by_its_currency(workspace, make, days, code, home, months, read_as):
    workspace.set(currency=home)
    report = import_file(workspace, make("google.csv", ads(days, code)))
    assert set(workspace.query("SELECT month(day) AS m FROM campaign_results")["m"]) == months
    said = [warning for warning in report.warnings if "month/day" in warning]
    assert [read_as in warning for warning in said] == ([True] if read_as else [])


def test_a_file_without_a_currency_follows_the_one_stated_or_the_workspaces(workspace, make):
    workspace.set(currency="EUR")
    rows = "".join(f"{number},{day},5.00\n" for number, day in enumerate(WEEK))
    path, mapping = make("orders.csv", "id,at,sum\n" + rows), {"order_id": "id", "ordered_at": "at", "total": "sum"}
    report = import_file(workspace, path, table="orders", mapping=mapping)
    assert set(workspace.query("SELECT month(ordered_at) AS m FROM orders")["m"]) == {12}
    assert any("day/month, as usual with EUR" in warning for warning in report.warnings)


def test_one_clear_date_column_tells_for_the_other():
    starts, ends = pd.Series(["01/12/2026", "02/12/2026"]), pd.Series(["14/12/2026"])
    assert formats_parse.day_order([starts]) is None and formats_parse.day_order([starts, ends]) is True
    assert formats_parse.day_order([starts, pd.Series(["12/14/2026 08:00"])]) is False
