"""The ranking of copy: the general headline scorer on real headline tests, a shop's own clicks before it, rules behind it."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaignwright.evals import suites
from campaignwright.finetune import headlines as making
from campaignwright.market.importers import ImportProblem
from campaignwright.tools import copy_score
from campaignwright.tools.copy_score import CopyScorer, fit_scorer, rule_of_thumb
from campaignwright.tools.headlines import NAME, BrokenScorer, load, shipped

PLAIN = {"subject": "Our new collection of mugs is now available in the shop", "body": "Mugs."}
CURIOUS = {"subject": "She Asked One Question About Her Mug. What They Told Her Is Why This Matters.", "body": "Mugs."}


@pytest.fixture
def pairs(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real headline pairs, found as a user would let it be found."""
    folder = shared_data / "upworthy_headline_pairs"
    if not folder.is_dir():
        pytest.skip("the Upworthy headline pairs are not among the public data sets")
    monkeypatch.setenv("CAMPAIGNWRIGHT_DATA", str(shared_data))
    return folder


def write_pairs(folder: Path, count: int) -> Path:
    """A data set in the published form, in which asking wins."""
    folder.mkdir()
    words = ["mug", "boot", "lamp", "tent", "soap", "sofa", "kite", "drum"]
    for part, offset in zip(making.PARTS, (0, 1000, 2000), strict=True):
        table: dict[str, list[str]] = {"label": [], "headline_1": [], "headline_2": []}
        for i in range(offset, offset + count):
            one, other = f"Why the {words[i % 8]} number {i} matters?", f"About the {words[i // 8 % 8]} called {i + 5000}"
            table["headline_1"].append(one if i % 2 else other)
            table["headline_2"].append(other if i % 2 else one)
            table["label"].append(f"Headline {1 if i % 2 else 2} has more clicks than Headline {2 if i % 2 else 1}.")
        (folder / f"headline_binary_{part}.json").write_text(json.dumps(table), encoding="utf-8")
    return folder


def test_the_shipped_scorer_ranks_real_headlines_better_than_chance_and_length(pairs: Path) -> None:
    report = suites.run("headlines")
    summary = report["summary"]
    share, low, high, cases = summary["scorer"]
    assert cases == 465 and low > 0.5 and low < share < high < 0.75  # above 0.75 one would look for a leak
    assert summary["scorer - longer headline"][1] > 0
    assert abs(summary["scorer, without near-duplicates"][0] - share) < 0.02
    assert 0.5 < summary["word TF-IDF"][0] < share and summary["character TF-IDF + hand features"][0] > 0.6
    text = suites.render(report)
    assert "0 test pairs with a near-duplicate in the train part" in text and "The files are those that the scorer was made from" in text
    assert shipped().card["test"]["scorer"] == pytest.approx([share, low, high], abs=1e-3)


def test_the_card_says_where_it_comes_from_and_the_weights_stay_small() -> None:
    folder = resources.files("campaignwright.tools").joinpath("data")
    card = shipped().card
    assert "CC BY 4.0" in card["licence"] and "github.com" in card["address"] and len(card["sha256"]) == 3
    assert len(folder.joinpath(f"{NAME}.safetensors").read_bytes()) < 2**20


def test_without_the_data_one_line_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNWRIGHT_DATA", str(tmp_path))
    with pytest.raises(ImportProblem, match="no such folder.*github.com.*CAMPAIGNWRIGHT_DATA"):
        suites.run("headlines")
    with pytest.raises(ImportProblem, match="headline_binary_train.json: not there"):
        making.read_pairs(tmp_path)
    (write_pairs(tmp_path / "bad", 3) / "headline_binary_val.json").write_text('{"label": ["?"]}', encoding="utf-8")
    with pytest.raises(ImportProblem, match="headline_binary_val.json: not the published file"):
        making.read_pairs(tmp_path / "bad")


def test_a_scorer_is_made_and_loaded_and_learns_what_wins(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", 40)
    card = making.make_scorer(folder, tmp_path / "out", log=lambda line: None)
    assert card["test"]["scorer"][0] == 1.0 and card["learnt_pairs"] == 80
    made = load(tmp_path / "out")
    assert made.score(["Why this boat matters?"])[0] > made.score(["About the boat called 7"])[0]
    again = making.make_scorer(folder, tmp_path / "again", log=lambda line: None)
    assert again == card
    assert (tmp_path / "out" / f"{NAME}.safetensors").read_bytes() == (tmp_path / "again" / f"{NAME}.safetensors").read_bytes()


def test_near_duplicates_are_found_whatever_their_case_and_marks() -> None:
    one = making.Pair("What They Told Her Will Stay With You", "About A Boat", True)
    other = making.Pair("what they told her, will stay with you!", "Something else entirely", False)
    far = making.Pair("A cup", "Two cups of coffee", True)
    assert making.near_duplicates([one, far], [other]).tolist() == [True, False]


def test_without_past_copies_english_goes_by_headline_tests_and_chinese_by_rules(workspace) -> None:
    scorer = fit_scorer(workspace)
    assert "headline tests of a news site" in scorer.basis and "Chinese: rules of thumb: 0 past copies" in scorer.basis
    assert scorer.score(CURIOUS, CURIOUS, []) > scorer.score(PLAIN, PLAIN, [])
    chinese = {"title": "新款马克杯上架", "body": "杯子 She Asked One Question."}
    assert scorer.score(chinese, chinese, []) == rule_of_thumb(chinese, [])


def test_rules_break_the_ties_of_the_same_headline(workspace) -> None:
    scorer = fit_scorer(workspace)
    named, unnamed = {"text": "{product} is here"}, {"text": "Mug is here"}
    filled = {"text": "Mug is here"}
    assert 0 < scorer.score(filled, named, []) - scorer.score(filled, unnamed, []) < 0.01


def test_the_shops_own_clicks_win_over_the_general_scorer(workspace) -> None:
    with workspace.transaction():
        workspace.insert("copies", pd.DataFrame({
            "copy_id": [f"x{i}" for i in range(200)], "channel": "email", "language": "en",
            "text": [f"{PLAIN['subject'] if i % 2 else CURIOUS['subject']} {i}" for i in range(200)],
            "impressions": 5000.0, "clicks": [100.0 if i % 2 else 40.0 for i in range(200)]}))
    scorer = fit_scorer(workspace)
    assert scorer.basis.startswith("click-through of 200 past copies") and "headline" not in scorer.basis
    assert scorer.score(PLAIN, PLAIN, []) > scorer.score(CURIOUS, CURIOUS, [])


@pytest.mark.parametrize("damage, message", [
    ("absent", "No headline scorer"), ("weights", "cannot be read"), ("card", "cannot be read"), ("version", "another version"),
])
def test_a_broken_scorer_is_said_and_rules_rank(workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage, message) -> None:
    data = resources.files("campaignwright.tools").joinpath("data")
    weights, card = data.joinpath(f"{NAME}.safetensors").read_bytes(), data.joinpath(f"{NAME}.json").read_text("utf-8")
    if damage != "absent":
        (tmp_path / f"{NAME}.safetensors").write_bytes(weights[:1000] if damage == "weights" else weights)
        text = {"card": "{", "version": json.dumps({**json.loads(card), "traits": ["length"]})}.get(damage, card)
        (tmp_path / f"{NAME}.json").write_text(text, encoding="utf-8")
    with pytest.raises(BrokenScorer, match=f"^[^\n]*{message}[^\n]*finetune scorer[^\n]*$"):
        load(tmp_path)
    monkeypatch.setattr(copy_score, "shipped", lambda: load(tmp_path))
    scorer: CopyScorer = fit_scorer(workspace)
    assert scorer.basis.startswith("rules of thumb: 0 past copies") and message in scorer.basis
    assert scorer.score(CURIOUS, CURIOUS, []) == rule_of_thumb(CURIOUS, [])


def test_scores_are_finite_for_odd_texts() -> None:
    assert np.isfinite(shipped().score(["", " ", "!!!", "跑鞋", "a" * 5000])).all()
