"""Order exports of shops as they come: whose column is whose, which orders do not stand, and how orders are numbered."""

import shlex

import pytest

from campaignwright.market.importers import ImportProblem, import_file, recognise
from campaignwright.market.workspace import Workspace

SHOPIFY = (
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku\n"
    "#1,a@x.com,paid,USD,90,2026-01-02,1,Trail shoe,60,TS\n"
    "#1,,,,,2026-01-02,1,Sock,30,\n"
)
LINES = "Order ID,SKU,Quantity,Price,Order date"


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        yield opened


@pytest.fixture
def load(workspace, tmp_path):
    def write(content, **options):
        path = tmp_path / "export.csv"
        path.write_text(content)
        return import_file(workspace, path, **options)

    return write


def column(workspace, sql):
    return workspace.query(sql).iloc[:, 0].tolist()


def test_shopify_products_are_named_by_their_lines_not_by_the_order_number(workspace, load):
    load(SHOPIFY)
    assert column(workspace, "SELECT name FROM products ORDER BY product_id DESC") == ["Trail shoe", "Sock"]


def test_a_buyers_name_never_becomes_a_products(workspace, load):
    load(f"{LINES},Name,Product\n7,A1,1,5,2026-01-02,Jane Doe,Mug\n")
    load(f"{LINES},Name\n8,A2,1,5,2026-01-02,Jane Doe\n")
    assert column(workspace, "SELECT name FROM products ORDER BY product_id") == ["Mug", "A2"]


def test_orders_and_customers_exports_know_a_customer_by_the_same_id(workspace, load):
    load(SHOPIFY.replace("Email", "Customer ID,Email").replace("a@x.com", "77,a@x.com").replace("#1,,", "#1,,,"))
    load("Customer ID,Email,Accepts Email Marketing,Total Spent,Total Orders\n77,a@x.com,yes,90,1\n")
    assert column(workspace, "SELECT customer_id FROM customers") == [workspace.pseudonym("a@x.com")]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("completed", "paid"), ("Versendet", "paid"), ("", "paid"), ("wc-processing", "paid"), ("Partially refunded", "paid"),
        ("teilweise erstattet", "paid"), ("Awaiting fulfillment", "paid"), ("Cancelled", "cancelled"), ("canceled", "cancelled"),
        ("VOIDED", "cancelled"), ("Storniert", "cancelled"), ("已取消", "cancelled"), ("refunded", "refunded"),
        ("Returned", "refunded"), ("Erstattet", "refunded"), ("已退款", "refunded"), ("pending payment", "pending"),
        ("on-hold", "pending"), ("Zahlung ausstehend", "pending"), ("待付款", "pending"),
    ],
)  # fmt: skip
def test_the_status_word_of_an_order_decides_whether_it_counts(workspace, load, word, status):
    load(f"{LINES},Order status\n7,A1,2,5,2026-01-02,{word}\n7,A2,1,5,2026-01-02,\n8,A1,1,5,2026-01-02,shipped\n")
    load(f"order_id,ordered_at,total,status\n9,2026-01-02,5,{word}\n", table="orders")
    assert column(workspace, "SELECT status FROM orders ORDER BY order_id") == [status, "paid", status]


def test_payment_status_counts_beside_the_order_status(workspace, load):
    load(f"{LINES},Status,Payment status\n7,A1,2,5,2026-01-02,completed,refunded\n")
    assert column(workspace, "SELECT status FROM orders") == ["refunded"]


def test_a_cancelled_line_of_an_order_that_stands_is_no_sale(workspace, load):
    report = load(f"{LINES},Item status\n7,A1,2,5,2026-01-02,Shipped\n7,A2,1,50,2026-01-02,Cancelled\n7,A1,-1,5,2026-01-03,Returned\n")
    assert report.reasons == {"a cancelled or refunded line of an order that stands otherwise": 1}
    assert workspace.query("SELECT status, total FROM orders").values.tolist() == [["paid", 5]]


def test_a_later_export_says_that_an_order_was_cancelled(workspace, load):
    load(f"{LINES},Status\n7,A1,2,5,2026-01-02,shipped\n8,A1,1,5,2026-01-02,shipped\n")
    report = load(f"{LINES},Status\n7,A1,2,5,2026-01-02,cancelled\n")
    assert column(workspace, "SELECT status FROM orders ORDER BY order_id") == ["cancelled", "paid"]
    assert report.rows_kept == 0 and any("new status" in warning for warning in report.warnings)


def test_shopify_refunds_lower_the_order_and_pending_orders_are_not_paid(workspace, load):
    def rows(second):
        return (
            "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Refunded Amount\n"
            f"#1,a@x.com,partially_refunded,USD,90,2026-01-02,3,Shoe,30,20\n#2,b@x.com,{second},USD,30,2026-01-02,1,Shoe,30,0\n"
            "#3,c@x.com,paid,USD,30,2026-01-02,1,Shoe,30,30\n"
        )

    report = load(rows("pending"))
    assert workspace.query("SELECT order_id, status, total FROM orders ORDER BY 1").values.tolist() == [
        ["#1", "paid", 70], ["#2", "pending", 30], ["#3", "refunded", 30],
    ]  # fmt: skip
    assert report.totals["order_total"]["kept"] == 150 and report.totals["order_total_after_refunds"]["kept"] == 130
    assert workspace.scalar("SELECT sum(quantity * unit_price) FROM order_lines WHERE order_id = '#1'") == 70
    load(rows("paid").replace("90,2026-01-02,3,Shoe,30,20", "90,2026-01-02,3,Shoe,30,50"))
    assert workspace.query("SELECT status, total FROM orders ORDER BY order_id").values.tolist()[:2] == [["paid", 40], ["paid", 30]]
    assert workspace.scalar("SELECT sum(quantity * unit_price) FROM order_lines WHERE order_id = '#1'") == 40


def test_order_numbers_that_begin_with_c_are_no_cancellations(workspace, load):
    load(f"{LINES}\nC1001,M,1,5,2026-01-02\nC1002,POST,2,5,2026-01-02\n")
    assert column(workspace, "SELECT status FROM orders") == ["paid", "paid"]
    assert sorted(column(workspace, "SELECT product_id FROM products")) == ["M", "POST"]


def test_only_six_digit_invoices_make_uci_online_retail(workspace, load, tmp_path):
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    load(f"{header}C1001,D,Dress,1,2026-01-02,20,5,Germany\nC1002,S,Shirt,1,2026-01-02,20,5,Germany\n", currency="EUR")
    assert workspace.currency == "EUR" and workspace.count("products") == 2
    (tmp_path / "uci.csv").write_text(f"{header}536365,85123A,HEART,6,2010-12-01,2.55,17850,UK\n")
    assert recognise(tmp_path / "uci.csv") == "online_retail"


def test_amazon_prices_are_for_the_line_and_woocommerce_costs_for_the_piece(workspace, load):
    amazon = "order-id,purchase-date,buyer-email,sku,product-name,quantity-purchased,currency,item-price\n"
    report = load(amazon + "058-1,2026-01-02T18:54:21+00:00,j@x.com,A1,Mug,2,USD,10\n")
    assert report.format == "amazon_orders" and workspace.scalar("SELECT total FROM orders") == 10
    woo = "Order Number,Order Status,Order Date,Email (Billing),SKU,Item Name,Quantity (- Refund),Item Cost\n"
    report = load(woo + "9,Completed,2026-01-02 10:00,k@x.com,A1,Mug,2,6\n")
    assert report.format == "sales_lines" and workspace.scalar("SELECT total FROM orders WHERE order_id = '9'") == 12
    assert workspace.count("customers") == 2
    load("Order ID,purchase-date,SKU,quantity-purchased,Item Cost\n10,2026-01-02,A1,2,6\n")
    assert workspace.scalar("SELECT total FROM orders WHERE order_id = '10'") == 12


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Bestelldatum;Bestell Nr;Kunde;Summe\n31.12.2025;R1;a@x.de;10,00\n", ["orders", "Bestell Nr", "Bestelldatum", "Summe", "Kunde"]),
        ('Datum,"Nr\n""1""",$ Wert\n2026-01-31,R1,5\n', ["orders", 'Nr "1"', "Datum"]),
        ("Tag,Kampagne,Kanal,Ausgaben\n2026-01-31,Sale,social,5\n", ["campaign_results", "Kampagne", "Kanal", "Tag"]),
        ("下单日期,订单,款号商品,数量,价格\n2026-01-31,D1,P1,2,5\n", ["order_lines", "订单", "下单日期", "款号商品", "数量", "价格"]),
    ],
)  # fmt: skip
def test_the_refusal_of_an_unknown_file_holds_a_line_that_imports_it(workspace, load, content, expected):
    with pytest.raises(ImportProblem) as problem:
        load(content)
    line = str(problem.value).split("such as: ")[1].split(" (or in the page")[0]
    program, verb, file, _, table, *maps = shlex.split(line)
    pairs = [pair.split("=", 1) for pair in maps[1::2]]
    assert (program, verb, file) == ("campaignwright", "import", "export.csv")
    assert [table, *(header for _, header in pairs)] == expected
    assert load(content, table=table, mapping=dict(pairs)).rows_kept == 1
