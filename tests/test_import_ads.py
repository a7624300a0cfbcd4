"""Advertising reports: whose column is whose, other languages, and results that an earlier file holds cut another way."""

import pytest

from campaignwright.market.importers import ImportProblem, import_file
from campaignwright.market.workspace import Workspace

GOOGLE = "Day,Campaign,Currency code,Clicks,Impr.,Cost,Conversions"
META = "Reporting starts,Reporting ends,Campaign name,Amount spent (EUR),Impressions,Link clicks"


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        yield opened


@pytest.fixture
def load(workspace, tmp_path):
    def write(content, name="export.csv", **options):
        path = tmp_path / name
        path.write_text(content)
        return import_file(workspace, path, **options)

    return write


def spend(workspace):
    return workspace.scalar("SELECT sum(spend) FROM campaign_results")


def test_status_and_number_columns_are_not_the_campaigns_type_and_id(workspace, load):
    load(f"{GOOGLE},Type,Campaign type,Number\n2026-11-01,A,EUR,1,10,5,0,Enabled,Display,7\n2026-11-01,B,EUR,1,10,5,0,Enabled,Search,7\n")
    rows = workspace.query("SELECT name, channel FROM campaigns JOIN campaign_results USING (campaign_id) ORDER BY name")
    assert rows.values.tolist() == [["A", "display"], ["B", "search"]]


DAYS = "2026-10-01,2026-10-01,Sale,5,100,2\n2026-10-02,2026-10-02,Sale,6,100,2\n"
AGAIN = {
    "days, then one total": (f"{META}\n{DAYS}", f"{META}\n2026-10-01,2026-10-31,Sale,11,200,4\n"),
    "one total, then days": (f"{META}\n2026-10-01,2026-10-31,Sale,11,200,4\n", f"{META}\n{DAYS}"),
    "another end": (f"{META}\n2026-10-01,2026-10-31,Sale,11,200,4\n", f"{META}\n2026-10-01,2026-10-15,Sale,11,200,4\n"),
    "by age": (f"{META}\n{DAYS}", f"{META},Age\n2026-10-01,2026-10-01,Sale,5,100,2,18-24\n"),
    "with number": (f"{META}\n{DAYS}", f"{META},Campaign ID\n2026-10-01,2026-10-01,Sale,5,100,2,991\n"),
    "without number": (f"{META},Campaign ID\n2026-10-01,2026-10-01,Sale,5,100,2,991\n", f"{META}\n{DAYS}"),
    "with account": (f"{META}\n{DAYS}", f"{META},Account name\n2026-10-01,2026-10-01,Sale,5,100,2,Shop DE\n"),
    "by ad group": (f"{GOOGLE}\n2026-10-01,Sale,EUR,1,10,5,0\n", f"{GOOGLE},Ad group\n2026-10-01,Sale,EUR,1,10,5,0,Shoes\n"),
    "now with its type": (f"{GOOGLE}\n2026-10-01,Sale,EUR,1,10,5,0\n", f"{GOOGLE},Campaign type\n2026-10-01,Sale,EUR,1,10,5,0,Display\n"),
}


@pytest.mark.parametrize("case", AGAIN)
def test_the_same_campaign_and_period_cut_another_way_is_refused(workspace, load, case):
    first, second = AGAIN[case]
    load(first, "first.csv")
    before = spend(workspace)
    with pytest.raises(ImportProblem, match="second.csv: the campaign .Sale. from 2026-10-01 .*imported from first.csv") as problem:
        load(second, "second.csv")
    assert "\n" not in str(problem.value) and spend(workspace) == before


def test_the_same_rows_again_restate_and_other_periods_add(workspace, load):
    load(f"{META}\n{DAYS}")
    load(f"{META}\n{DAYS.replace(',6,', ',7,')}2026-10-03,2026-10-03,Sale,1,100,2\n")
    assert spend(workspace) == 13
    load(f"{META}\n2026-11-01,2026-11-30,Sale,100,100,2\n")
    load(f"{META}\n2026-11-01,2026-11-30,Sale,120,100,2\n")
    assert spend(workspace) == 133


def test_campaigns_of_one_name_in_two_accounts_stay_two(workspace, load):
    load(f"{GOOGLE},Account name\n2026-10-01,Brand,EUR,1,10,5,0,Shop DE\n")
    load(f"{GOOGLE},Account name\n2026-10-01,Brand,EUR,1,10,7,0,Shop FR\n")
    assert spend(workspace) == 12 and workspace.count("campaigns") == 2


LANGUAGES = {
    "google de": (
        "google_ads",
        "Kampagnenbericht\n1. Oktober 2026 - 2. Oktober 2026\nTag,Kampagne,Währungscode,Klicks,Impr.,CTR,Kosten,Conversions,Conv.-Wert\n"
        '2026-10-01,Marke,EUR,1,10,"10,00 %","5,50",1,"20,00"\n2026-10-02,Marke,EUR,1,10,"10,00 %","1,25",0,"0,00"\n'
        'Gesamt: Kampagnen, --, --,2,20,"10,00 %","6,75",1,"20,00"\n',
    ),
    "google zh": (
        "google_ads",
        "日期,广告系列,广告系列类型,币种代码,点击次数,展示次数,费用,转化次数\n2026年10月1日,品牌,展示广告网络,CNY,1,10,5.5,1\n"
        "2026年10月2日,品牌,展示广告网络,CNY,1,10,1.25,0\n总计：广告系列, --, --, --,2,20,6.75,1\n",
    ),
    "meta de": (
        "meta_ads",
        "Berichtsstart;Berichtsende;Kampagnenname;Ausgegebener Betrag (EUR);Impressionen;Link-Klicks\n"
        "2026-10-01;2026-10-01;Marke;5,50;10;1\n2026-10-02;2026-10-02;Marke;1,25;10;1\n",
    ),
    "meta zh": (
        "meta_ads",
        "报告开始日期,报告结束日期,广告系列名称,花费金额 (CNY),展示次数,链接点击量\n"
        "2026-10-01,2026-10-01,品牌,5.50,10,1\n2026-10-02,2026-10-02,品牌,1.25,10,1\n",
    ),
    "meta zh, wide brackets": (
        "meta_ads",
        "报告开始日期,报告结束日期,广告系列名称,花费金额（CNY）,展示次数,链接点击量\n2026-10-01,2026-10-01,品牌,6.75,20,2\n",
    ),
}


@pytest.mark.parametrize("case", LANGUAGES)
def test_german_and_chinese_exports(workspace, load, case):
    key, content = LANGUAGES[case]
    report = load(content)
    assert (report.format, report.rows_rejected, workspace.currency) == (key, 0, "CNY" if "zh" in case else "EUR")
    assert workspace.query("SELECT sum(spend), sum(clicks), sum(impressions) FROM campaign_results").values.tolist() == [[6.75, 2, 20]]
    assert workspace.scalar("SELECT channel FROM campaign_results") == {"google de": "search", "google zh": "display"}.get(case, "social")
