"""The corpus as training rows: whole chats side by side, each seeing only itself."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from campaignwright.finetune.tokenizer import encode_chat

SHAPES = ((256, 12), (768, 4))  # (row length, rows a step): chats that fit the first go there
THIN = {"chain": 0.25, "followup": 0.6, "copy": 0.12}  # share kept: long and easy ones, and what an adapter learns
SPOKEN = {"trouble": 1.0}  # weight of a token of plain text after its first, by kind; a call's tokens weigh 1
SPOKEN_ELSE = 0.2


def corpus_files(folder: str | Path) -> list[Path]:
    """The train*.jsonl files of a corpus folder, at any depth, in order. Raises FileNotFoundError without any."""
    files = sorted(Path(folder).glob("**/train*.jsonl"))
    if not files:
        raise FileNotFoundError(f"{folder}: no train*.jsonl; write a corpus first (campaignwright finetune corpus)")
    return files


class Packer:
    """Rows of whole chats from a corpus folder's train*.jsonl, endless; files are read one after the other."""

    def __init__(
        self,
        folder: str | Path,
        tokenizer: PreTrainedTokenizerFast,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        kinds: set[str] | None = None,
        shapes: tuple[tuple[int, int], ...] = SHAPES,
    ) -> None:
        self.folder, self.tokenizer, self.shapes, self.kinds = Path(folder), tokenizer, shapes, kinds
        self.rng, self.rank, self.ranks, self.chats, self.rounds = random.Random(seed), rank, ranks, 0, 0

    def _lines(self) -> Iterator[str]:
        used: set[Path] = set()
        while True:
            files = sorted(self.folder.glob("**/train*.jsonl"))
            fresh = [path for path in files if path not in used]
            if not files:
                raise FileNotFoundError(
                    f"{self.folder}: no train*.jsonl; write a corpus first (campaignwright finetune corpus)"
                )
            if not fresh:
                self.rounds += 1
                used, fresh = set(), files
            path = fresh[0]
            used.add(path)
            lines = path.read_text(encoding="utf-8").splitlines()
            self.rng.shuffle(lines)
            yield from lines[self.rank :: self.ranks] or lines

    def batches(self) -> Iterator[dict[str, torch.Tensor]]:
        """Batches {ids, labels, weights, positions, rows}, (rows, length) each; `rows` numbers a row's chats (0: padding)."""
        call = self.tokenizer.convert_tokens_to_ids("<tool_call>")
        waiting: dict[int, list[list[tuple[list[int], list[float]]]]] = {length: [] for length, _ in self.shapes}
        for line in self._lines():
            chat = json.loads(line)
            if self.kinds and chat["kind"] not in self.kinds or self.rng.random() > THIN.get(chat["kind"], 1.0):
                continue
            ids, learnt = encode_chat(self.tokenizer, chat["messages"])
            length = next((length for length, _ in self.shapes if len(ids) <= length), None)
            if length is None:
                continue
            self.chats += 1
            rows, weighed = waiting[length], (ids, token_weights(ids, learnt, call, SPOKEN.get(chat["kind"], SPOKEN_ELSE)))
            for row in rows:
                if sum(len(item[0]) for item in row) + len(ids) <= length:
                    row.append(weighed)
                    break
            else:
                rows.append([weighed])
            count = dict(self.shapes)[length]
            if len(rows) > count + 2:
                rows.sort(key=lambda row: -sum(len(item[0]) for item in row))
                yield self._batch(rows[:count], length)
                del rows[:count]

    def _batch(self, rows: list[list[tuple[list[int], list[float]]]], length: int) -> dict[str, torch.Tensor]:
        shape = (len(rows), length)
        batch = {
            "ids": torch.full(shape, self.tokenizer.pad_token_id),
            "labels": torch.full(shape, -100),
            "weights": torch.zeros(shape),
            "positions": torch.zeros(shape, dtype=torch.long),
            "rows": torch.zeros(shape, dtype=torch.long),
        }
        for r, row in enumerate(rows):
            at = 0
            for number, (ids, weights) in enumerate(row, 1):
                end = at + len(ids)
                batch["ids"][r, at:end] = torch.tensor(ids)
                batch["positions"][r, at:end] = torch.arange(len(ids))
                batch["rows"][r, at:end] = number
                targets = torch.tensor([token if weight else -100 for token, weight in zip(ids, weights, strict=True)])
                batch["labels"][r, at : end - 1] = targets[1:]
                batch["weights"][r, at : end - 1] = torch.tensor(weights[1:])
                at = end
        return batch


def token_weights(ids: list[int], learnt: list[bool], call: int, spoken: float = SPOKEN_ELSE) -> list[float]:
    """What each token weighs in the loss. A wording has many right words and would drown the calls, which have one, so its
    tokens weigh `spoken`, but the first in full: there it is decided whether a tool is called (the token `call`)."""
    weights, speaking = [], False
    for token, flag, before in zip(ids, learnt, [False, *learnt], strict=False):
        if not flag:
            weights.append(0.0)
            continue
        if not before:
            speaking = token != call
        weights.append(spoken if speaking and before else 1.0)
    return weights


def block_mask(rows: torch.Tensor) -> torch.Tensor:
    """Additive attention mask (rows, 1, length, length): causal, within one chat; padding sees itself."""
    same = rows[:, :, None] == rows[:, None, :]
    causal = torch.ones(rows.shape[1], rows.shape[1], dtype=torch.bool, device=rows.device).tril()
    return torch.zeros(same.shape, device=rows.device).masked_fill(~(same & causal), -1e9)[:, None]


def corpus_texts(folder: str | Path, limit: int = 16_000) -> Iterator[str]:
    """Texts of the first `limit` chats, for the tokenizer."""
    with corpus_files(folder)[0].open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number >= limit:
                return
            for message in json.loads(line)["messages"]:
                yield message["content"]
                for call in message.get("tool_calls", []):
                    yield json.dumps(call["function"]["arguments"], ensure_ascii=False)
