"""Files that are wrong in one way each: one clear line, nothing changed; and a kill in the middle of an import."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaignwright.market import importers
from campaignwright.market.importers import ImportProblem, import_file, recognise
from campaignwright.market.workspace import Workspace, WorkspaceError
from campaignwright.ui import terminal

RETAIL_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
RETAIL = RETAIL_HEADER + "536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
GOOGLE_HEADER = "Day,Campaign,Currency code,Clicks,Impr.,Cost,Conversions,Conv. value\n"
GOOGLE = GOOGLE_HEADER + "2026-11-01,Brand,GBP,10,500,5.00,1,20\n"


def xlsx():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def plain_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("orders.csv", RETAIL)
    return buffer.getvalue()


WRONG = {
    "empty": (b"", "is empty; export it again"),
    "blank": (b"\xef\xbb\xbf\r\n \r\n", "is empty"),
    "header only": (RETAIL_HEADER, "header on line 1 but no row under it"),
    "xlsx": (xlsx(), "is an Excel workbook, whatever its name says; open it and save it as 'CSV UTF-8'"),
    "zip": (plain_zip(), "is a ZIP archive; unpack it"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel or Word file"),
    "pdf": (b"%PDF-1.7 ...", "a PDF"),
    "web page": (b"<!DOCTYPE html><html>sign in</html>", "web page, perhaps a sign-in page"),
    "binary": (bytes(range(256)) * 40, "holds binary data, not text"),
    "damaged gzip": (b"\x1f\x8b\x08\x00" + b"junk" * 20, "gzip archive is damaged"),
    "google without cost": (
        GOOGLE.replace("Cost,", "").replace("5.00,", ""),
        "Google Ads report, but the column 'Cost' is missing",
    ),
    "mixed encodings": (
        RETAIL.encode()
        + "536366,1,CAFÉ,1,2010-12-01 08:26:00,1,1,UK\n".encode()
        + "536367,1,CAFÉ,1,2010-12-01 08:26:00,1,1,UK\n".encode("cp1252"),
        "line 3 is UTF-8, line 4 is not",
    ),
    "huge cell": (
        RETAIL + "536366,1," + "x" * 10_000_000 + ",1,2010-12-01 08:26:00,1,1,UK\n",
        "line 3 has a cell of more than 131,072",
    ),
    "quote never closed": (
        RETAIL + '536366,1,"MUG,1,2010-12-01 08:26:00,1,1,UK\n536367,1,MUG,1,2010-12-01 08:26:00,1,1,UK\n',
        "line 3: a quotation mark opened there is never closed",
    ),
    "negative quantities": (RETAIL.replace(",6,", ",-6,"), "line 2: negative quantity outside a cancellation"),
    "unreadable dates": (RETAIL.replace("2010-12-01 08:26:00", "the other day"), "line 2: 'InvoiceDate' is not a date"),
    "unknown currency": (GOOGLE.replace("GBP", "XQZ"), "line 2 states the unknown currency 'XQZ'"),
    "two currencies": (
        GOOGLE + "2026-11-02,Brand,EUR,10,500,5.00,1,20\n",
        "amounts in GBP and EUR; there is no exchange rate",
    ),
    "unknown headers": (
        "colour,shape\nred,round\n",
        'headers .colour., .shape..* import export.csv --table orders --map order_id="colour" --map ordered_at="shape"',
    ),
    "utf-16 cut short": (RETAIL.encode("utf-16")[:-1], "breaks off in the middle of a UTF-16 character"),
    "broken json": ('{"headline_1": ["a"', "not valid JSON"),
    "uneven json": ('{"headline_1": ["a"], "headline_2": [], "label": []}', "lists differ in length"),
    "json that is no table": ('{"a": 1}', "JSON, but not a table"),
}


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        yield opened


def counts(workspace):
    return {
        t: workspace.count(t)
        for t in (
            "products",
            "customers",
            "orders",
            "order_lines",
            "campaigns",
            "campaign_results",
            "imports",
            "rejects",
        )
    }


@pytest.mark.parametrize("case", WRONG)
def test_wrong_file_is_one_clear_line_and_changes_nothing(case, workspace, tmp_path):
    content, expected = WRONG[case]
    path = tmp_path / "export.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    before, settings_before = counts(workspace), (workspace.path / "workspace.json").read_text()
    with pytest.raises(ImportProblem, match=f"^export.csv: .*{expected}") as problem:
        import_file(workspace, path)
    assert "\n" not in str(problem.value) and len(str(problem.value)) < 500
    assert counts(workspace) == before and (workspace.path / "workspace.json").read_text() == settings_before


def test_paths_that_cannot_be_read(workspace, tmp_path):
    with pytest.raises(ImportProblem, match="gone.csv: there is no such file"):
        import_file(workspace, tmp_path / "gone.csv")
    with pytest.raises(ImportProblem, match="is a folder"):
        import_file(workspace, tmp_path)
    locked = tmp_path / "locked.csv"
    locked.write_text(RETAIL)
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        with pytest.raises(ImportProblem, match="no permission"):
            import_file(workspace, locked)


def test_no_permission_is_said(workspace, tmp_path, monkeypatch):
    path = tmp_path / "locked.csv"
    path.write_text(RETAIL)
    monkeypatch.setattr(type(path), "read_bytes", lambda self: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(ImportProblem, match="locked.csv: no permission to read it"):
        import_file(workspace, path)


def test_currency_other_than_the_workspaces_is_refused_with_the_remedy(workspace, tmp_path):
    (tmp_path / "retail.csv").write_text(RETAIL)
    (tmp_path / "google.csv").write_text(GOOGLE.replace("GBP", "USD"))
    import_file(workspace, tmp_path / "retail.csv")
    with pytest.raises(ImportProblem, match="is in USD, the workspace in GBP.*convert the amounts to GBP first"):
        import_file(workspace, tmp_path / "google.csv")
    with pytest.raises(ImportProblem, match="'DOLLARS' is no known currency"):
        import_file(workspace, tmp_path / "google.csv", currency="dollars")
    assert workspace.currency == "GBP"


def test_bad_lines_are_rejected_by_line_and_the_rest_is_kept(workspace, tmp_path):
    path = tmp_path / "retail.csv"
    path.write_text(
        RETAIL + 'a,b\n\n536367,2,"TWO\nLINES",many,2010-12-01 08:26:00,1,1,UK\n536368,2,MUG,1,2010-12-41,1,1,UK\n'
        "536369,2,MUG,1,2010-12-01 08:26:00,1e300,1,UK\n,2,MUG,1,2010-12-01 08:26:00,1,1,UK\n"
    )
    report = import_file(workspace, path)
    assert (report.rows_read, report.rows_kept) == (6, 1)
    assert {r.line: r.reason for r in report.rejected} == {
        3: "the line has more or fewer cells than the header (8)",
        5: "'Quantity' is not a number",
        7: "'InvoiceDate' is not a date",
        8: "'UnitPrice' is not a number",
        9: "'InvoiceNo' is empty",
    }
    assert workspace.query("SELECT line, reason FROM rejects ORDER BY line")["line"].tolist() == [3, 5, 7, 8, 9]


def test_mapping_mistakes_name_the_alternatives(workspace, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("Nummer,Tag\n1,2026-01-01\n")
    for arguments, expected in (
        ({"table": "order"}, "no table 'order' to import into; choose one of products"),
        ({"table": "orders", "mapping": {"order": "Nummer"}}, "has no column 'order'; it has order_id"),
        ({"table": "orders", "mapping": {"order_id": "Number"}}, "has no header 'Number'.*its headers are Nummer, Tag"),
        (
            {"table": "orders", "mapping": {"order_id": "Nummer"}},
            "needs ordered_at; map ordered_at to one of the headers Nummer, Tag",
        ),
        ({"mapping": {"order_id": "Nummer"}}, "a column mapping needs the name of the table"),
    ):
        with pytest.raises(ImportProblem, match=expected):
            import_file(workspace, path, **arguments)


def test_an_error_while_storing_leaves_everything_as_it_was(workspace, tmp_path, monkeypatch):
    path = tmp_path / "retail.csv"
    path.write_text(RETAIL)
    monkeypatch.setattr(importers, "_log", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        import_file(workspace, path)
    assert not any(counts(workspace).values()) and workspace.currency == "USD"


def test_kill_in_the_middle_leaves_the_old_state(tmp_path):
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text(RETAIL)
    new.write_text(
        RETAIL_HEADER + "".join(f"{700000 + i},P{i % 50},MUG,1,2011-01-01 10:00:00,2.00,{i},UK\n" for i in range(3_000))
    )
    with Workspace.open(tmp_path / "shop", create=True) as workspace:
        import_file(workspace, old)
        before = counts(workspace)
    script = textwrap.dedent("""
        import sys, time
        from campaignwright.market.importers import import_file
        from campaignwright.market.workspace import Workspace

        def progress(share, what):
            if what == "committing":  # all rows are written, the transaction is open
                print("written", flush=True)
                time.sleep(60)

        import_file(Workspace.open(sys.argv[1]), sys.argv[2], progress=progress)
    """)
    child = subprocess.Popen([sys.executable, "-c", script, tmp_path / "shop", new], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "written\n"
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    with Workspace.open(tmp_path / "shop") as workspace:
        assert counts(workspace) == before
        report = import_file(workspace, new)
        assert not report.unchanged and report.rows_kept == 3_000
        assert workspace.count("orders") == before["orders"] + 3_000


cells = st.one_of(
    st.text(max_size=30),
    st.text("0123456789.,-+%£$ ()eE", max_size=12),
    st.emails(),
    st.floats().map(str),
    st.integers().map(str),
    st.datetimes().map(str),
    st.sampled_from(
        [
            "",
            "=1+1",
            "--",
            "NULL",
            "\x00",
            "\ufeff",
            '"',
            "1e309",
            "٣",
            "−5",
            "C1",
            "  ",
            "nan",
            "inf",
            "Total: ",
            "+44 1",
        ]
    ),
)
VALID = {
    RETAIL_HEADER: ["536365", "85123A", "HEART", "6", "2010-12-01 08:26:00", "2.55", "17850", "UK"],
    GOOGLE_HEADER: ["2026-11-01", "Brand", "GBP", "10", "500", "5.00", "1", "20"],
    "Reporting starts,Reporting ends,Campaign name,Amount spent (GBP),Impressions,Results,Result type\n": [
        "2026-11-01", "2026-11-02", "Brand", "5", "500", "1", "purchase"],
    "Campaign Name,Subject,Send Time,Total Recipients,Unique Placed Order,Revenue,Unique Clicks,Campaign ID\n": [
        "June", "20% off", "2026-06-01 09:00", "1000", "3", "90.5", "50", "k1"],
    "Name,Financial Status,Created at,Total,Lineitem quantity,Lineitem price,Lineitem name,Email\n": [
        "#1", "paid", "2026-06-01 09:00", "10", "1", "10", "Mug", "a@b.cd"],
    "Handle,Title,Vendor,Type,Variant SKU,Variant Inventory Qty,Variant Price,Cost per item\n": [
        "mug", "Mug", "Us", "Mugs", "M1", "5", "10", "4"],
}  # fmt: skip


@pytest.fixture(scope="module")
def shared_workspace(tmp_path_factory):
    with Workspace.open(tmp_path_factory.mktemp("wild") / "shop", create=True) as opened:
        yield opened


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.dictionaries(st.integers(0, 7), cells, max_size=3), min_size=1, max_size=5),
    header=st.sampled_from(list(VALID)),
)
def test_wild_cells_are_accounted_for_and_never_leak(shared_workspace, tmp_path, changes, header):
    """Whatever stands in the cells: one clear line, or a balanced report; no address is stored."""
    rows = [[change.get(position, cell) for position, cell in enumerate(VALID[header])] for change in changes]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    path = tmp_path / "wild.csv"
    path.write_bytes((header + "\n".join(quoted) + "\n").encode("utf-8", "replace"))
    before = counts(shared_workspace)
    try:
        report = import_file(shared_workspace, path)
    except ImportProblem as problem:
        assert "\n" not in str(problem) and str(problem).startswith("wild.csv: ")
        assert "report this file" not in str(problem) and "could not be stored" not in str(problem)
        assert counts(shared_workspace) == before
        return
    assert report.rows_read == report.rows_kept + report.rows_rejected
    assert all(t["file"] == t["kept"] + t["rejected"] for t in report.totals.values())
    for table in ("products", "orders", "order_lines", "campaigns", "copies", "rejects", "customers"):
        assert "@" not in shared_workspace.query(f"FROM {table}").to_csv()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=400))
def test_any_bytes_are_a_clear_problem(tmp_path, junk):
    path = tmp_path / "junk.csv"
    path.write_bytes(junk)
    with pytest.raises(ImportProblem, match=r"^junk.csv: [^\n]+$"):
        recognise(path)


def test_json_report_is_serialisable(workspace, tmp_path):
    (tmp_path / "retail.csv").write_text(RETAIL)
    assert json.loads(import_file(workspace, tmp_path / "retail.csv").model_dump_json())["rows_kept"] == 1


@pytest.mark.parametrize(
    "content",
    [None, "{", "[1]", '{"name": "site", "port": 80}', '{"name": "shop", "currency": "USD", "key": "no hex"}', '{"currency": 5}'],
)
@pytest.mark.parametrize("data", [True, False])
def test_a_folder_without_its_own_workspace_json_is_refused_and_left_alone(tmp_path, content, data):
    path = tmp_path / "shop"
    with Workspace.open(path, create=True):
        pass
    (path / "workspace.json").unlink()
    if content is not None:
        (path / "workspace.json").write_text(content)
    if not data:
        (path / "market.duckdb").unlink()
    if content is None and not data:
        return  # nothing there: a new workspace
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    expected = "has data but no valid workspace.json; restore it" if data else "is not Campaignwright's or is damaged"
    for create in (True, False):
        with pytest.raises(WorkspaceError, match=expected) as problem:
            Workspace.open(path, create=create)
        assert "\n" not in str(problem.value)
    (tmp_path / "retail.csv").write_text(RETAIL)
    with pytest.raises(WorkspaceError):
        terminal.import_files([tmp_path / "retail.csv"], str(path), as_json=True)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
