"""The embedded model's tokenizer: byte-level BPE made for copying.

A span of the request has to come out as the same tokens in the call. So digits and Chinese characters stand alone,
merges never cross a space or a punctuation mark, and a word has the same pieces with and without a space before it: the
space is merged last, onto the whole first piece. The fixed parts of calls (`"budget": "` and so on) are one token
each, which makes calls short; they are ordinary text to every decoder.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from campaignwright.finetune.results import FIGURES
from campaignwright.finetune.templates import ORDER
from campaignwright.market.words import CHANNELS
from campaignwright.tools.copy_format import FIELDS, SLOTS

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
SPACE = "Ġ"  # how byte-level BPE writes a space
SPLIT = r" ?(?:(?!\p{Han})[\p{L}\p{M}])+| ?\p{Han}| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]|\n|\s"

# Qwen3's format without the system text and the tools: this model knows its one job (constant text carries nothing).
CHAT_TEMPLATE = """{%- for message in messages -%}
{%- if message.role == "user" -%}
{{- "<|im_start|>user\\n" + message.content + "<|im_end|>\\n" -}}
{%- elif message.role == "tool" -%}
{%- if loop.first or messages[loop.index0 - 1].role != "tool" -%}{{- "<|im_start|>user" -}}{%- endif -%}
{{- "\\n<tool_response>\\n" + message.content + "\\n</tool_response>" -}}
{%- if loop.last or messages[loop.index0 + 1].role != "tool" -%}{{- "<|im_end|>\\n" -}}{%- endif -%}
{%- elif message.role == "assistant" -%}
{{- "<|im_start|>assistant\\n" -}}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{%- set function = call.function or call -%}
{%- if not loop.first or message.content -%}{{- "\\n" -}}{%- endif -%}
{{- '<tool_call>\\n{"name": "' + function.name + '", "arguments": ' -}}
{%- if function.arguments is string -%}{{- function.arguments -}}
{%- else -%}{{- function.arguments | tojson -}}{%- endif -%}
{{- "}\\n</tool_call>" -}}
{%- endfor -%}
{{- "<|im_end|>\\n" -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\\n" -}}{%- endif -%}
"""


def fixed_parts() -> list[str]:
    """Texts that are one token each: the frames of calls, of results and of copy, and slots."""
    parts = [f'\n{{"name": "{tool}", "arguments": {{' for tool in ORDER]
    for name in dict.fromkeys(name for names in ORDER.values() for name in names):
        opening = {"products": '["', "channels": '["', "fixed": '{"', "diversity": ""}.get(name, '"')
        parts += [
            f'"{name}": {opening}',
            f', "{name}": {opening}',
            f'", "{name}": {opening}',
            f'"], "{name}": {opening}',
        ]
    parts += [f'{name}": "' for name in CHANNELS] + [
        '"}}\n',
        '"]}}\n',
        "}}\n",
        "[]}}\n",
        '"}}}\n',
        '": []',
        ', "channels": []',
    ]
    fields = dict.fromkeys(name for table in FIELDS.values() for name in table)
    parts += [f'{{"{name}": "' for name in fields] + [f'", "{name}": "' for name in fields]
    parts += ['{"headlines": ["', '"], "descriptions": ["', '"]}', '"}', '", "', '", ["', '"], "', '{"', '["', '": "']
    figures = list(dict.fromkeys(name for names in FIGURES.values() for name in names)) + ["profit_before"]
    figures += [f"spend_{name}" for name in CHANNELS]
    named = [*figures, "objective", "products", "audience", "start"]
    parts += [f'["{name}' for name in named] + [f'", "{name}' for name in named]
    parts += [f"{{fig:{name}{tail}}}" for name in figures for tail in ("", "_low", "_high")]
    keys = (
        "found",
        "audience",
        "best",
        "strategy_id",
        "product",
        "channels",
        "products",
        "possible",
        "campaign",
        "channel",
        "plan",
    )
    parts += ['{"ok": true, "brief": {"objective": "', '{"ok": false, "error": "'] + [
        f'{{"ok": true, "{key}": ' for key in keys
    ]
    parts += [
        f'", "{key}": '
        for key in ("ids", "cut", "risk", "variants", "verdict", "unsupported", "figures", "retry", "channels")
    ]
    parts += [f', "{key}": ' for key in ("figures", "campaign", "assumed", "conflicts", "retry")] + ['"}, "missing": [']
    parts += ['"], "conflicts": []}', ', "conflicts": []}', '"], "figures": ', '"], "assumed": ']
    parts += [f"{{{name}}}" for name in dict.fromkeys((*SLOTS, "audience", "products", "campaign", "channel"))]
    return list(dict.fromkeys(parts))


def train_tokenizer(texts: Iterable[str], size: int = 6144) -> PreTrainedTokenizerFast:
    """A tokenizer of about `size` tokens from `texts`. Deterministic; raises ValueError when `size` is too small."""
    fixed = fixed_parts()
    room = size - len(SPECIAL) - len(MARKS) - len(fixed)
    if room < 300:
        raise ValueError(f"size: at least {300 + size - room} tokens are needed; received {size}")
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words: collections.Counter[str] = collections.Counter()
    spaced: collections.Counter[str] = collections.Counter()
    for text in texts:
        for piece, _ in splitter.pre_tokenize_str(text):
            words[piece.removeprefix(SPACE) or SPACE] += 1
            if piece.startswith(SPACE) and len(piece) > 1:
                spaced[piece[1:]] += 1
    words |= {"user": 400, "assistant": 400}
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.Split(Regex("\n"), "removed")
    trainer = trainers.BpeTrainer(
        vocab_size=256 + int((room - 256) * 0.66),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bare.train_from_iterator((word for word, count in sorted(words.items()) for _ in range(min(count, 400))), trainer)
    model = json.loads(bare.to_str())["model"]
    vocabulary: dict[str, int] = dict(model["vocab"])
    merges = [tuple(merge) for merge in model["merges"]]
    firsts: collections.Counter[str] = collections.Counter()
    for word, count in spaced.items():
        firsts[bare.encode(word).tokens[0]] += count
    for first, _ in sorted(firsts.items(), key=lambda pair: (-pair[1], pair[0])):
        if len(vocabulary) >= room:
            break
        vocabulary[SPACE + first] = len(vocabulary)
        merges.append((SPACE, first))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in (*MARKS, *fixed)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def last_request(messages: list[dict[str, Any]]) -> int:
    """Place of the last user message. Only answers after it are learnt: earlier turns are shortened history, in which
    a closing text follows the brief at once, and learning that would teach to stop there."""
    return max((number for number, message in enumerate(messages) if message["role"] == "user"), default=-1)


def pieces(messages: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """A chat as (text, is learnt) pieces that together are what the chat template gives; only the answers to the last
    request are learnt."""
    out: list[tuple[str, bool]] = []
    asked = last_request(messages)
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            first = number == 0 or messages[number - 1]["role"] != "tool"
            last = number + 1 == len(messages) or messages[number + 1]["role"] != "tool"
            text = f"\n<tool_response>\n{message['content']}\n</tool_response>"
            out.append((("<|im_start|>user" if first else "") + text + ("<|im_end|>\n" if last else ""), False))
        elif message["role"] == "user":
            out.append((f"<|im_start|>user\n{message['content']}<|im_end|>\n", False))
        else:
            text = message.get("content") or ""
            for call in message.get("tool_calls") or []:
                function = call.get("function", call)
                arguments = json.dumps(function["arguments"], ensure_ascii=False)
                text += (
                    "\n" if text else ""
                ) + f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {arguments}}}\n</tool_call>'
            out += [("<|im_start|>assistant\n", False), (text + "<|im_end|>", number > asked), ("\n", False)]
    return out


def encode_chat(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, Any]]) -> tuple[list[int], list[bool]]:
    """Token ids of a chat and, for each, whether it is learnt."""
    ids: list[int] = []
    learnt: list[bool] = []
    for text, answer in pieces(messages):
        found = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        ids += found
        learnt += [answer] * len(found)
    return ids, learnt


def space_pairs(tokenizer: PreTrainedTokenizerFast) -> list[tuple[int, int]]:
    """(id with a space, id without) of every token that has both forms: they start from one embedding."""
    vocabulary = tokenizer.get_vocab()
    return [
        (index, vocabulary[token[1:]])
        for token, index in sorted(vocabulary.items())
        if token.startswith(SPACE) and len(token) > 1 and token[1:] in vocabulary
    ]


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: str | Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and the chat template into `folder`."""
    tokenizer.save_pretrained(str(folder))
