"""Training in miniature: the base, adapters, preference tuning; each stops without loss and resumes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from campaignwright.agent.backends import load_model
from campaignwright.agent.problems import ModelProblem
from campaignwright.finetune.base import export, make_model, train_base
from campaignwright.finetune.clicks import click_pairs, higher
from campaignwright.finetune.corpus import write_corpus
from campaignwright.finetune.merge import average
from campaignwright.finetune.preference import TooFewPairs, tune_on_clicks
from campaignwright.finetune.sft import train_adapter
from campaignwright.market.workspace import Workspace
from campaignwright.tools.adapter_card import WrongBase, check_base, model_hash

TINY = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
    "intermediate_size": 48,
}  # fmt: skip
QUIET = {"sizes": TINY, "vocabulary": 2000, "shapes": ((256, 4), (768, 2)), "log": lambda line: None}
SMALL = {"batch": 4, "rank": 4, "log": lambda line: None}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    card = write_corpus(folder, seed=1, size=400)
    assert card["train"] == 400 and sum(card["train_by_kind"].values()) == 400
    return folder


@pytest.fixture(scope="module")
def base(corpus, tmp_path_factory) -> Path:
    """A tiny base, trained in two goes."""
    run = tmp_path_factory.mktemp("base")
    first = train_base(corpus, run, tokens=6000, **QUIET)
    again = train_base(corpus, run, tokens=12_000, **QUIET)
    assert again["tokens"] > first["tokens"] and again["step"] > first["step"]
    return run / "export"


@pytest.fixture(scope="module")
def copywriter(corpus, base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("copywriter")
    train_adapter(base, "copywriter", corpus, folder, tokens=3000, **SMALL)
    return folder


def test_an_adapter_resumes_and_refuses_another_base(corpus, base, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # stopped at its first progress line, after a state was written
        long = SMALL | {"log": stop, "save_minutes": 0.0}
        train_adapter(base, "planner", corpus, tmp_path / "planner", tokens=10**6, **long)
    assert (tmp_path / "planner" / "state.safetensors").exists()
    with pytest.raises(ValueError, match="the state of another training"):
        train_adapter(base, "copywriter", corpus, tmp_path / "planner", tokens=10**6, **SMALL)
    done = train_adapter(base, "planner", corpus, tmp_path / "planner", tokens=1000, **SMALL)  # more than that is done already
    assert done["steps"] >= 9 and done["tokens"] > 2000 and not (tmp_path / "planner" / "state.safetensors").exists()
    check_base(tmp_path / "planner", base)
    tokenizer = load_model(str(base)).chat.local.tokenizer
    export(make_model(tokenizer, TINY, seed=9), tokenizer, tmp_path / "other")
    with pytest.raises(WrongBase, match="another|made for"):
        check_base(tmp_path / "planner", tmp_path / "other")
    with pytest.raises(ModelProblem, match="made for the base"):
        load_model(str(tmp_path / "other"), adapter=str(tmp_path / "planner"))
    with pytest.raises(ModelProblem, match="made for the base"):
        load_model("embedded", adapter=str(tmp_path / "planner"))
    with pytest.raises(ValueError, match="planner or copywriter"):
        train_adapter(base, "poet", corpus, tmp_path / "x", tokens=10)


def test_a_state_of_another_model_is_refused(corpus, base):
    with pytest.raises(ValueError, match="the state of another model"):
        train_base(corpus, base.parent, tokens=20_000, **QUIET | {"sizes": TINY | {"num_hidden_layers": 1}})


def test_a_model_goes_on_from_another_and_is_averaged_with_it(corpus, base, tmp_path):
    further = train_base(corpus, tmp_path / "further", tokens=3000, start=base, **QUIET | {"sizes": None})
    assert further["step"] > 0
    models = [base, tmp_path / "further" / "export"]
    report = average(models, tmp_path / "mean")
    first, second, mean = (load_file(folder / "model.safetensors") for folder in (*models, tmp_path / "mean"))
    assert mean.keys() == first.keys() and any(not torch.equal(first[name], second[name]) for name in first)
    for name in first:
        torch.testing.assert_close(mean[name], ((first[name].float() + second[name].float()) / 2).half())
    assert report["hash"] == model_hash(tmp_path / "mean") and load_model(str(tmp_path / "mean"))
    with pytest.raises(ValueError, match="in use"):
        average(models, tmp_path / "mean")
    tokenizer = load_model(str(base)).chat.local.tokenizer
    export(make_model(tokenizer, TINY | {"num_hidden_layers": 1}), tokenizer, tmp_path / "short")
    with pytest.raises(ValueError, match="another shape"):
        average([base, tmp_path / "short"], tmp_path / "none")


def test_no_corpus_is_said_plainly(tmp_path):
    with pytest.raises(FileNotFoundError, match="finetune corpus"):
        train_base(tmp_path, tmp_path / "run", tokens=1000, sizes=TINY)


@pytest.fixture
def shop(tmp_path):
    """Fifty campaigns of a mug shop, each with two subject lines: the one that names the price is clicked twice as often."""
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        ids = [f"k{i:02}" for i in range(50)]
        rows = [
            {"copy_id": f"{campaign}{kind}", "campaign_id": campaign, "channel": "email", "language": "en", "text": text,
             "impressions": 5000, "clicks": clicks, "angle": "value", "tone": "friendly"}
            for campaign in ids for kind, text, clicks in (
                ("a", "20% off the Blue Mug\nSave today", 100), ("b", "A letter from Northway\nRead on, it is long", 50))
        ]  # fmt: skip
        with opened.transaction():
            opened.insert("products", pd.DataFrame({"product_id": ["p1"], "name": ["Blue Mug"], "price": [20.0]}))
            opened.insert("campaigns", pd.DataFrame(
                {"campaign_id": ids, "products": [["p1"]] * 50, "discount": 0.2, "offer": "percent_off", "audience": "all"}))
            opened.insert("copies", pd.DataFrame(rows))
        opened.set(name="Northway")
        yield opened


def test_pairs_hold_slots_and_count_by_evidence(shop):
    pairs = click_pairs(shop)
    assert len(pairs) == 50 and all(pair["weight"] > 0.99 for pair in pairs)
    assert pairs[0]["chosen"] == '{"subject": "{discount} off the {product}", "body": "Save today"}'
    assert "{brand}" in pairs[0]["rejected"] and pairs[0]["messages"][0]["content"].endswith("any {brand}{product}{discount}")
    assert higher(10, 100, 10, 100) == pytest.approx(0.5) and higher(3, 100, 2, 100) < 0.8


def test_tuning_on_clicks_prefers_what_is_clicked(shop, base, copywriter, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_on_clicks(shop, base, copywriter, tmp_path / "tuned", lr=3e-3, save_minutes=0.0, log=stop)
    with pytest.raises(ValueError, match="the state of another training"):
        tune_on_clicks(shop, base, copywriter, tmp_path / "tuned", lr=3e-3, epochs=1, log=stop)
    report = tune_on_clicks(shop, base, copywriter, tmp_path / "tuned", lr=3e-3, log=lambda line: None)
    assert report["held_out"] > 0 and report["right_after"] == 1.0 >= report["right_before"]
    check_base(tmp_path / "tuned", base)
    writer = load_model(str(base), adapter=str(tmp_path / "tuned")).writer
    assert writer.taught and writer.adapter == "copywriter"
    with shop.transaction() as connection:
        connection.execute("DELETE FROM copies WHERE campaign_id > 'k05'")
    with pytest.raises(TooFewPairs, match="30 in several campaigns"):
        tune_on_clicks(shop, base, copywriter, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_two_processes_share_one_training(corpus, base, tmp_path):
    """Each takes its part: with two there are twice the tokens after the same steps, and one adapter."""
    script = Path(sys.executable).with_name("campaignwright")
    said = ["finetune", "sft", "--base", str(base), "--adapter", "planner", "--corpus", str(corpus), "--tokens", "20000"]
    run = {"check": True, "timeout": 500, "env": os.environ | {"OMP_NUM_THREADS": "1"}, "capture_output": True}
    subprocess.run([script, *said, "--out", str(tmp_path / "one")], **run)
    subprocess.run([script.with_name("torchrun"), "--nproc_per_node", "2", script, *said, "--out", str(tmp_path / "two")], **run)
    one, two = (json.loads((tmp_path / name / "campaignwright.json").read_text()) for name in ("one", "two"))
    assert two["tokens"] / two["steps"] > 1.6 * one["tokens"] / one["steps"]
