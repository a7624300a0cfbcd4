"""The corpus, the tokenizer, and what training sees of them."""

from __future__ import annotations

import json
import random

import pytest
import torch

from campaignwright.finetune.base import make_model
from campaignwright.finetune.chats import Expert
from campaignwright.finetune.compose import Composer
from campaignwright.finetune.copywriting import Copywriting, used_slots
from campaignwright.finetune.corpus import chats, dev_chats, write_corpus
from campaignwright.finetune.evaluate import cases, evaluate, report
from campaignwright.finetune.packing import block_mask
from campaignwright.finetune.results import cited
from campaignwright.finetune.surface import CORPUS
from campaignwright.finetune.templates import templates
from campaignwright.finetune.tokenizer import encode_chat, pieces, space_pairs, train_tokenizer
from campaignwright.tools.copy_format import FIELDS, copy_messages, output_schema
from campaignwright.tools.copy_rules import check_banned, check_facts, fill

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 48,
}


@pytest.fixture(scope="module")
def some() -> list[dict]:
    return list(chats(3, 1000))


@pytest.fixture(scope="module")
def tokenizer(some):
    def texts():
        for chat in some:
            for message in chat["messages"]:
                yield message["content"]
                for call in message.get("tool_calls", []):
                    yield json.dumps(call["function"]["arguments"], ensure_ascii=False)

    return train_tokenizer(texts(), 2400)


def first_user(chat: dict) -> str:
    return next(m["content"] for m in chat["messages"] if m["role"] == "user")


def test_same_seed_same_corpus_and_other_seed_another():
    assert list(chats(11, 60)) == list(chats(11, 60))
    assert list(chats(11, 60)) != list(chats(12, 60))


def test_every_kind_and_both_languages_occur(some):
    kinds = {chat["kind"] for chat in some}
    assert {"plan", "single", "followup", "chain", "copy", "clarify", "off_topic", "attack", "trouble"} <= kinds
    assert {chat["lang"] for chat in some} == {"en", "zh"}


def test_what_contradicts_a_brief_is_asked_for_again_in_words(some):
    doubted = [chat for chat in some if chat["kind"] == "trouble" and '"missing": ["' in chat["messages"][2]["content"]]
    assert any(json.loads(chat["messages"][2]["content"])["conflicts"] for chat in doubted)
    assert all(chat["messages"][-1]["content"].endswith((".", "?", "？", "。")) for chat in doubted)


def test_copied_values_stand_in_the_marketers_words(some):
    for chat in some:
        said = "\n".join(m["content"] for m in chat["messages"] if m["role"] == "user")
        for message in chat["messages"]:
            for call in message.get("tool_calls", []):
                arguments = call["function"]["arguments"]
                for name in ("budget", "start", "days", "max_discount", "min_roas", "campaign", "n", "k", "offer"):
                    if name in arguments:
                        assert arguments[name] in said, (arguments[name], said)


def test_words_cite_only_figures_that_the_result_lists(some):
    for chat in some:
        for before, message in zip(chat["messages"], chat["messages"][1:], strict=False):
            if message["role"] != "assistant" or before["role"] != "tool" or message.get("tool_calls"):
                continue
            shown = json.loads(before["content"])
            if "brief" not in shown:  # an earlier turn is shown without its later results
                assert cited(message["content"]) <= set(shown.get("figures", []))


def test_development_templates_are_never_trained_on(some):
    held = {item["id"] for item in templates() if item["dev"]}
    assert held and not held & {chat["source"] for chat in some}
    dev = dev_chats(3)
    assert len(dev) >= 400
    assert not {first_user(c) for c in dev if c["group"] in ("plan", "single")} & {first_user(c) for c in some}


def test_most_templates_are_usable():
    items = templates()
    assert sum(bool(item.get("dropped")) for item in items) < 0.04 * len(items)


def test_every_change_has_a_first_request_that_can_be_said():
    composer = Composer(random.Random(0))
    contexts = [(item["lang"], item["context"]) for item in templates() if item.get("context")]
    assert len(contexts) > 1000 and all(composer.standing(lang, context).text for lang, context in contexts)


def test_edit_names_only_what_changes():
    composer = Composer(random.Random(0))
    brief = {"objective": "revenue", "products": ["mugs"], "channels": ["email", "sms"], "budget": "5k"}
    for _ in range(100):
        request = composer.edit("en", brief)
        assert request.args and request.text
        if "channels" in request.args and "add" in request.text:
            assert (
                request.args["channels"][:2] == ["email", "sms"] or "use" in request.text or "channels" in request.text
            )


def test_chain_ends_with_the_plan_of_the_best_strategy():
    expert = Expert(random.Random(1))
    chat = None
    while chat is None:
        chat = expert.chat("chain", "en")
    called = [c["function"] for m in chat["messages"] for c in m.get("tool_calls", [])]
    assert [c["name"] for c in called][:3] == ["set_brief", "search_campaigns", "generate_strategies"]
    assert called[-1]["name"] == "finish_plan"
    answer = json.loads(next(m["content"] for m in chat["messages"] if '"best"' in m["content"]))
    assert called[-1]["arguments"]["strategy_id"] == answer["best"]
    assert "{fig:" in chat["messages"][-1]["content"]


def test_copy_uses_only_slots_of_its_request():
    copywriting = Copywriting(random.Random(2))
    chats = [chat for _ in range(300) if (chat := copywriting.chat())]
    assert len(chats) > 250 and {chat["source"] == "lines" for chat in chats} == {True, False}
    for chat in chats:
        asked, answer = chat["messages"]
        fields = json.loads(answer["content"])
        assert all("{" + name + "}" in asked["content"] for name in used_slots(fields))
        assert list(fields) == list(FIELDS[asked["content"].split()[1]])


@pytest.mark.parametrize("path", sorted(CORPUS.glob("lines_*.jsonl")), ids=lambda path: path.stem)
def test_copy_lines_claim_nothing_but_their_labels_and_slots(path):
    values = {"discount": "15%", "discount_zhe": "8.5折", "price": "$89", "was": "$105", "amount_off": "$15", "days": "5"}
    seen = set()
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        assert (line["lang"], line["role"], line["text"]) not in seen
        seen.add((line["lang"], line["role"], line["text"]))
        slots = used_slots({"text": line["text"]})
        facts = {name: values.get(name, "某") for name in slots}
        filled = fill({"text": line["text"]}, facts)
        for offer in line.get("offer", ["none"]):
            assert check_facts(filled, facts, offer, line["lang"]).ok, line
        assert check_banned(filled, line["lang"], facts).ok, line


def test_copy_request_names_what_is_wrong():
    with pytest.raises(ValueError, match="channel"):
        copy_messages(
            {
                "channel": "fax",
                "language": "en",
                "angle": "value",
                "tone": "neutral",
                "audience": "all",
                "offer": "none",
            }
        )
    assert output_schema("search")["properties"]["headlines"]["maxItems"] == 8


def test_tokens_give_back_the_text_and_the_template_agrees(some, tokenizer):
    for chat in some[:150]:
        text = tokenizer.apply_chat_template(chat["messages"], tokenize=False)
        assert "".join(part for part, _ in pieces(chat["messages"])) == text
        ids, learnt = encode_chat(tokenizer, chat["messages"])
        assert ids == tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert any(learnt)


@pytest.mark.parametrize("text", ["€20.000 für Zörbex\u2028Pro", "预算5万，跑鞋🎽", "a\tb  c\r\nd", "'\"\\{fig:x}", ""])
def test_any_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_word_has_the_same_pieces_with_and_without_a_space(tokenizer):
    twins = dict(space_pairs(tokenizer))
    bare, spaced = (
        tokenizer("running")["input_ids"],
        tokenizer("x running")["input_ids"][-len(tokenizer("running")["input_ids"]) :],
    )
    assert len(bare) == len(spaced) and twins[spaced[0]] == bare[0] and spaced[1:] == bare[1:]


def test_fresh_model_copies(tokenizer):
    sizes = {**TINY, "hidden_size": 256, "head_dim": 64, "num_attention_heads": 4, "num_key_value_heads": 4}
    model = make_model(tokenizer, sizes).eval()
    half = torch.randint(300, 2000, (1, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        guesses = model(torch.cat([half, half], 1)).logits[0, 40:79].argmax(-1)
    assert (guesses == half[0, 1:]).float().mean() > 0.4


def test_chats_of_a_row_do_not_see_each_other():
    mask = block_mask(torch.tensor([[1, 1, 2, 2, 0]]))[0, 0]
    assert mask[1, 0] == 0 and mask[2, 1] < -1e8 and mask[0, 1] < -1e8 and mask[4, 4] == 0


def test_evaluation_of_an_oracle_and_of_silence(tmp_path):
    write_corpus(tmp_path, seed=1, size=10)
    known = {json.dumps(case["messages"]): case for case in cases(tmp_path / "dev.jsonl")}

    def oracle(messages):
        case = known[json.dumps(messages)]
        if case["expected"] is None:
            return case["reply"]
        name, arguments = case["expected"]
        return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"

    best = report(evaluate(oracle, tmp_path / "dev.jsonl"))["groups"]
    assert all(row["whole"] == 1.0 for row in best.values())
    worst = report(evaluate(lambda messages: "Sorry?", tmp_path / "dev.jsonl"))["groups"]
    assert worst["plan/en"]["whole"] == 0.0 and worst["clarify/en"]["call or not"] == 1.0
