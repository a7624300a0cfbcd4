"""Cells as spreadsheets, regions and careless hands write them: read as meant, or refused with a reason, never misread."""

import pandas as pd
import pytest

from campaignwright.market import formats_parse as parse
from campaignwright.market.importers import ImportProblem, import_file
from campaignwright.market.workspace import Workspace
from campaignwright.ui import cli


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        yield opened


@pytest.fixture
def prices(workspace, tmp_path):
    """Import price cells (one product each) and return the report."""

    def run(*cells, delimiter=",", currency=None, column=None):
        rows = [f'P{n}{delimiter}"{cell}"' + (f"{delimiter}{column[n]}" if column else "") for n, cell in enumerate(cells)]
        header = delimiter.join(["product_id", "price"] + (["currency"] if column else []))
        path = tmp_path / "prices.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return import_file(workspace, path, table="prices", currency=currency)

    return run


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("１０", 10), ("１2", 12), ("１，０００．５０", 1000.5), ("١٢٣", 123), ("१२", 12), ("￥１００", 100), ("（5.00）", -5),
        ("100 kr", 100), ("R$ 100", 100), ("Rs. 100", 100), ("Rs.100", 100), ("$.50", 0.5), ("1 234.50 zł", 1234.5),
        ("£10.00 GBP", 10), ("-US$5", -5), ("€ -5.00", -5),
    ],
)  # fmt: skip
def test_numbers_in_any_digits_and_with_any_sign(cell, value):
    assert parse.number(cell) == value


@pytest.mark.parametrize("cell", ["10²", "②", "½", "١٬٢٣٤", "€10 USD", "0,125", "1.5元角"])
def test_what_is_no_plain_number_is_not_misread(cell):
    assert parse.number(cell) != parse.number(cell)


def test_amounts_that_state_different_currencies_are_refused_with_their_lines(prices, workspace):
    with pytest.raises(ImportProblem, match=r"amounts in \$ and EUR and GBP and JPY; there is no .*line 2, 3, 4, 5"):
        prices("$10.00", "€10.00", "£10.00", "JPY 1000")
    with pytest.raises(ImportProblem, match="amounts in USD and EUR; .*line 2, 3"):
        prices("10.00", "€10.00", column=["USD", "USD"])
    with pytest.raises(ImportProblem, match="line 3 states the unknown currency 'PCS'"):
        prices("10.00", "10 PCS")
    assert workspace.count("prices") == 0


def test_a_currency_in_the_cells_is_the_files(prices, workspace):
    assert prices("€10.00", "10.00 EUR").totals["price"]["kept"] == 20
    assert workspace.currency == "EUR"
    with pytest.raises(ImportProblem, match="is in CNY, the workspace in EUR"):
        prices("￥10.00")
    with pytest.raises(ImportProblem, match=r"line 2 has amounts in '\$', the workspace is in EUR; say which currency it is \(USD, CAD"):
        prices("$10.00")


def test_a_shared_sign_is_the_stated_or_the_workspaces_currency(prices, workspace):
    with pytest.raises(ImportProblem, match=r"line 2 has amounts in 'kr'.*--currency SEK"):
        prices("100 kr")
    prices("100 kr", currency="nok")
    assert workspace.currency == "NOK"
    assert prices("kr 50", "60").rows_kept == 2


def test_a_bare_dollar_settles_a_new_workspace(prices, workspace):
    assert any("Amounts with '$' count as USD; if they are in another" in note for note in prices("$10.00").warnings)
    with pytest.raises(ImportProblem, match="is in EUR, the workspace in USD"):
        prices("€10.00")


def test_signs_in_a_currency_column_count_as_codes(prices, workspace):
    assert prices("10.00", "C$11.00", column=["CAD", "$"]).rows_kept == 2
    assert workspace.currency == "CAD"


def test_klaviyo_revenue_in_euros_does_not_enter_a_dollar_workspace(prices, workspace, tmp_path):
    prices("$10.00")
    path = tmp_path / "klaviyo.csv"
    path.write_text(
        "Campaign Name,Send Time,Total Recipients,Unique Placed Order,Revenue,Unique Clicks\n"
        'Autumn,2026-10-02 18:30:00,1000,12,"€1.440,00",60\n'
    )
    with pytest.raises(ImportProblem, match="is in EUR, the workspace in USD"):
        import_file(workspace, path)


def test_the_decimal_mark_is_decided_by_the_file(prices):
    assert prices("10.125", "3,50", delimiter=";").totals["price"]["kept"] == 10128.5
    assert prices("1,000", "3.50", delimiter=";").totals["price"]["kept"] == 1003.5
    assert prices("1,000", "2,345,678").totals["price"]["kept"] == 2346678
    assert prices("10.125", "1234.500").totals["price"]["kept"] == pytest.approx(1244.625)


@pytest.mark.parametrize(("cell", "delimiter", "read"), [("10.125", ";", "10125"), ("10.125", ",", "10.125"), ("1,000", ";", "1")])
def test_an_undecided_decimal_mark_is_named_in_the_report(prices, cell, delimiter, read):
    report = prices(cell, "12", delimiter=delimiter)
    assert any(f"numbers such as {cell} are read as {read}." in note for note in report.warnings)
    assert not any("decimal mark" in note for note in prices(cell, "12", "2.75", delimiter=delimiter).warnings)


def test_another_currency_for_a_file_imported_before_is_said_not_ignored(prices, workspace):
    prices("10.00")
    with pytest.raises(ImportProblem, match="imported before and its amounts count as USD; EUR was not applied.*--currency EUR"):
        prices("10.00", currency="eur")
    with pytest.raises(ImportProblem, match="'EURO' is no known currency; use an ISO code such as"):
        prices("10.00", currency="euro")
    assert prices("10.00", currency="usd").unchanged


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("13-Dec-2025", "2025-12-13"), ("13-Dec-25", "2025-12-13"), ("13 December 2025 14:05", "2025-12-13 14:05"),
        ("12/13/25 9:41AM", "2025-12-13 09:41"), ("12/13/2025 9:41:05 p.m.", "2025-12-13 21:41:05"),
        ("45992", "2025-12-01"), ("45992.5", "2025-12-01 12:00"), ("２０２５-12-01", "2025-12-01"),
        ("2025年12月1日 14:05:09", "2025-12-01 14:05:09"), ("2025年12月1日下午2:05", "2025-12-01 14:05"),
        ("2025.12.1", "2025-12-01"), ("2025/12/1 9:05", "2025-12-01 09:05"), ("2025-12-01T09:05:00Z", "2025-12-01 09:05"),
        ("2025-12-01 09:05:00.123 +0100", "2025-12-01 09:05"), ("20251201", "2025-12-01"), ("20251201 09:05", "2025-12-01 09:05"),
        ("Oct 02, 2026, 06:30 pm", "2026-10-02 18:30"), ("Jun 09, 2018 09:30 pm", "2018-06-09 21:30"), ("Sat, Jun 09, 2018", "2018-06-09"),
    ],
)  # fmt: skip
def test_dates_as_spreadsheets_and_platforms_write_them(cell, meant):
    parsed, bad, _ = parse.dates(pd.Series([cell]), day_first=True)
    assert not bad[0] and parsed[0] == pd.Timestamp(meant)


@pytest.mark.parametrize("cell", ["12345", "60001", "202512", "2025-13-01", "45992 apples", "31-Feb-2025"])
def test_what_is_no_date_is_not_misread(cell):
    assert parse.dates(pd.Series([cell]), day_first=True)[1][0]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("product_id,price\nA,1.50,\nB,2.50,,\n", 2),  # a trailing comma on every row
        ("product_id,price,\nA,1.50\nB,2.50\n", 2),  # ... or on the header
        ("product_id,price,note\nA,1.50\nB,2.50,\n", 2),  # the last, empty cell left out
        ("product_id,price,note\nA,1.50,\nB,2", 1),  # cut short: 2 may have been 2.50
        ("product_id,price,note\nA,1.50,new\nB,2.50\n", 1),
        ("product_id,price\nA,1.50,7\nB,2.50\n", 1),
    ],
)
def test_an_empty_cell_more_or_less_at_the_end_is_no_torn_line(workspace, tmp_path, text, kept):
    (tmp_path / "prices.csv").write_text(text)
    assert import_file(workspace, tmp_path / "prices.csv", table="prices").rows_kept == kept


def test_ids_that_excel_keeps_as_text(workspace, tmp_path):
    (tmp_path / "prices.csv").write_text('product_id,price\n="0007","=""1.50"""\n')
    import_file(workspace, tmp_path / "prices.csv", table="prices")
    assert workspace.query("SELECT product_id, price FROM prices").values.tolist() == [["0007", 1.5]]


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("經典跑步鞋,輕量防水外套,保溫水壺", "big5", "Big5"),
        ("經典跑步鞋,輕量防水外套,保溫水壺,不銹鋼", "gb18030", "GB18030"),
        ("经典跑步鞋,轻量防水外套,保温水壶", "gb18030", "GB18030"),
        ("Äpfel,ÖL,Café £5,Grüße,ÅÄÖ", "cp1252", "Windows-1252"),
    ],
)
def test_legacy_encodings_are_told_apart(workspace, tmp_path, text, encoding, said):
    names = text.split(",")
    rows = "".join(f"P{n},{name}\n" for n, name in enumerate(names))
    (tmp_path / "products.csv").write_bytes(("product_id,name\n" + rows).encode(encoding))
    report = import_file(workspace, tmp_path / "products.csv", table="products")
    assert said in report.warnings[0]
    assert workspace.query("SELECT name FROM products ORDER BY product_id")["name"].tolist() == names


def generic(workspace, tmp_path, table, text, **options):
    path = tmp_path / f"{table}.csv"
    path.write_text(text)
    return import_file(workspace, path, table=table, **options)


def test_channels_have_one_spelling_and_nonsense_is_rejected(workspace, tmp_path):
    rows = "A,carrier pigeon,1\nA,E-Mail,2\nA,E-Mail,2\nB,EMAIL,3\nB,微信,4\n"
    report = generic(workspace, tmp_path, "campaign_results", "campaign_id,channel,clicks\n" + rows)
    assert [r.model_dump() for r in report.rejected] == [
        {"line": 2, "reason": "'channel' is not one of email, sms, push, search, social, display, wechat, xiaohongshu"},
        {"line": 4, "reason": "the same row stands further up"},
    ]
    stored = workspace.query("SELECT channel, clicks FROM campaign_results ORDER BY clicks").values.tolist()
    assert stored == [["email", 2], ["email", 3], ["wechat", 4]]


def test_a_customer_is_in_one_arm_of_a_campaign(workspace, tmp_path):
    rows = "1,A,banana\n1,A,control\n2,A,Control\n2,A,control\n3,A,banana\n1,B,banana\n"
    report = generic(workspace, tmp_path, "exposures", "customer_id,campaign_id,arm\n" + rows)
    assert {r.line: r.reason for r in report.rejected} == {
        2: "the customer stands in more than one arm of this campaign",
        3: "the customer stands in more than one arm of this campaign",
        5: "this customer in this campaign already stands on line 4",
    }
    assert workspace.scalar("SELECT count(*) FROM exposures WHERE arm = 'control'") == 1


@pytest.mark.parametrize(
    ("table", "text", "reason"),
    [
        ("events", "customer_id,happened_at,kind\n1,2026-01-01,View\n1,2026-01-01,exploded\n", "'kind' is not one of view, cart, search"),
        ("campaigns", "campaign_id,name,days\nA,Spring,7\nB,Summer,0\n", "'days' is below 1"),
        ("campaigns", "campaign_id,name,send_hour\nA,Spring,7\nB,Summer,25\n", "'send_hour' is above 23"),
        ("prices", "product_id,price\nA,1.50\nA,2.50\n", "this product id, date, store already stands on line 2"),
        ("stock", "product_id,on_hand\nA,1\nA,2\n", "this product id, date already stands on line 2"),
    ],
)
def test_nonsense_in_generic_tables_is_rejected_with_a_reason(workspace, tmp_path, table, text, reason):
    report = generic(workspace, tmp_path, table, text)
    assert report.rows_kept == 1 and [r.model_dump() for r in report.rejected] == [{"line": 3, "reason": reason}]


def test_a_header_is_mapped_once(workspace, tmp_path):
    with pytest.raises(ImportProblem, match="header 'EK' is mapped to cost and to price; map it to one of them"):
        generic(
            workspace, tmp_path, "products", "Nr,Name,EK\n1,Mug,2\n", mapping={"product_id": "Nr", "cost": "EK", "price": "ek"}
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"currency": "euro"}, "--currency euro: expected an ISO code such as USD, EUR"),
        ({"mapping": ["price=A", "price=B"]}, "--map names price twice"),
        ({"mapping": ["price"]}, "--map expects table_column=file_column"),
    ],
)
def test_wrong_options_of_the_command_are_usage_errors(tmp_path, options, said):
    with pytest.raises(cli.Stop, match=said) as stop:
        cli.import_files([tmp_path / "prices.csv"], workspace=str(tmp_path / "shop"), table="prices", **options)
    assert stop.value.code == cli.USAGE
