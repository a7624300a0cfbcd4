"""A causal language model on this machine: load it, switch its adapters, decode under a grammar.

Any transformers causal model with a chat template works; the shipped one lies in `agent/embedded`. The decoding loop is
our own because it needs three things at once: a grammar mask at every token, tokens forced by the grammar fed in one
step, and a key-value cache that is kept between the calls of a conversation. Which model to use is decided in
`backends`, what the grammar says in `grammar`, LangChain's view of it in `chat_model`.
"""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from campaignwright.agent.decoding import Printer, choose, mask_scores
from campaignwright.agent.loading import cpu_dtype, merged_adapters, quiet, threads, tiny, with_adapters
from campaignwright.agent.problems import ModelProblem
from campaignwright.agent.quick_qwen3 import QuickQwen3, suits

KEPT_CACHES = 2  # key-value caches kept, one per adapter
Chances = list[tuple[float, float]]  # of an answer's freely chosen tokens: (probability, that of the likeliest), 0-1


@dataclass
class _Sequence:
    """One sequence being decoded: its new tokens, its grammar state, whether it has ended."""

    matcher: LLMatcher | None
    tokens: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)  # accepted tokens the model has not read yet
    done: bool = False
    chances: Chances = field(default_factory=list)


class LocalModel:
    """A loaded model. `generate` is safe to call from several threads; the calls take turns."""

    def __init__(self, model: Any, tokenizer: Any, *, adapters: Sequence[str] = (),
                 merged: dict[str, Any] | None = None, name: str = "local") -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.adapters = tuple(adapters)
        self.name = name
        self.device = next(model.parameters()).device
        config = model.config
        self.context = int(getattr(config, "max_position_embeddings", 0) or 32768)
        self._vocabulary = int(config.get_text_config().vocab_size)
        self._ends = self._end_tokens()
        words = max(self._vocabulary, len(tokenizer))
        self._guide = from_tokenizer(tokenizer, n_vocab=words, eos_token=sorted(self._ends))
        self._wrapped = hasattr(model, "get_base_model")
        base = model.get_base_model() if self._wrapped else model
        self._last_logits_only = "logits_to_keep" in inspect.signature(base.forward).parameters
        self._caches: dict[str | None, tuple[list[int], DynamicCache]] = {}
        self._lock = threading.Lock()  # not re-entrant: a stream may be closed by another thread
        self._markers = [token for token in tokenizer.get_added_vocab() if token.startswith("<") and token.endswith(">")]
        self._threads = 1 if tiny(model) else torch.get_num_threads()
        models = {None: model} | (merged or {})  # adapter merged in -> a model of its own
        self._runners = {name: QuickQwen3(one) if tiny(one) and suits(one) else one for name, one in models.items()}
        self._running = self._runners[None]
        self.statistics = {"prompt_tokens": 0, "cached_tokens": 0, "new_tokens": 0, "forward_calls": 0}

    @classmethod
    def load(cls, path: str | Path, *, adapters: dict[str, str | Path] | None = None, device: str = "cpu",
             dtype: torch.dtype | None = None, local_only: bool = False) -> LocalModel:
        """Load the model at `path` (folder or hub id) and its PEFT `adapters` (name -> folder or hub id).

        Raises ModelProblem, in one line, when anything cannot be read.
        """
        adapters = adapters or {}
        try:
            with quiet():
                tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=local_only)
                model = AutoModelForCausalLM.from_pretrained(path, dtype="auto", local_files_only=local_only)
                if dtype is None and device == "cpu":
                    dtype = cpu_dtype(sum(weight.numel() for weight in model.parameters()))
                model = model.to(device=device, dtype=dtype) if dtype else model.to(device)
                merged = merged_adapters(model, adapters, local_only) if tiny(model) else {}
                model = model if merged else with_adapters(model, adapters, local_only)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise ModelProblem(
                f"The language model {str(path)!r} cannot be loaded ({reason}). Check the path or the hub id, "
                "or use --model embedded."
            ) from error
        if not tokenizer.chat_template:
            raise ModelProblem(f"The model {str(path)!r} has no chat template. Use an instruction-tuned one.")
        return cls(model, tokenizer, adapters=tuple(adapters), merged=merged, name=str(path))

    def _end_tokens(self) -> set[int]:
        ends: set[int] = set()
        generation = getattr(self.model, "generation_config", None)
        for value in (self.tokenizer.eos_token_id, getattr(generation, "eos_token_id", None)):
            ends.update(value if isinstance(value, list) else [value] if value is not None else [])
        end_of_turn = self.tokenizer.convert_tokens_to_ids("<|im_end|>")
        if isinstance(end_of_turn, int) and end_of_turn != self.tokenizer.unk_token_id:
            ends.add(end_of_turn)
        return ends

    def is_special(self, text: str) -> bool:
        """Whether `text` is one special token here, which a grammar must name rather than spell."""
        token = self.tokenizer.convert_tokens_to_ids(text)
        return isinstance(token, int) and self._guide.is_special_token(token)

    def encode(self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] | None = None) -> list[int]:
        """Token ids of the chat, ready for the assistant's turn. Chat markers in what a user typed or a file held are
        plain text here; all else is tokenised as in training, where JSON that recurs has tokens of its own."""
        encoded = self.tokenizer.apply_chat_template(
            [self._plain(message) for message in messages], tools=list(tools) if tools else None,
            add_generation_prompt=True, tokenize=True, return_dict=True, enable_thinking=False,
        )
        return list(encoded["input_ids"])

    def _plain(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message with chat markers in its text broken up, unless the model wrote it."""
        if message.get("role") == "assistant" or not isinstance(message.get("content"), str):
            return message
        text = message["content"]
        for marker in self._markers:
            text = text.replace(marker, f"{marker[0]} {marker[1:]}")
        return {**message, "content": text}

    def generate(self, messages: Sequence[dict[str, Any]], *, tools: Sequence[dict[str, Any]] | None = None,
                 adapter: str | None = None, grammar: str | None = None, max_new_tokens: int = 512, n: int = 1,
                 temperature: float = 0.0, top_p: float = 1.0, seed: int = 0,
                 stream: Callable[[str], None] | None = None, chances: list[Chances] | None = None) -> list[str]:
        """`n` answers to the chat `messages` (role, content, tool_calls as chat templates take them).

        `grammar`: an llguidance grammar in Lark form, see `grammar`. `temperature` 0 is greedy (then the n answers are
        equal). `stream`: called with every new piece of text of the first answer. `chances`: see `decode`. Raises ModelProblem.
        """
        ids = self.encode(messages, tools)
        pieces: list[list[str]] = [[] for _ in range(n)]
        for index, piece in self.decode(ids, adapter=adapter, grammar=grammar, max_new_tokens=max_new_tokens, n=n,
                                        temperature=temperature, top_p=top_p, seed=seed, chances=chances):
            pieces[index].append(piece)
            if stream and index == 0:
                stream(piece)
        return ["".join(parts) for parts in pieces]

    def decode(self, ids: list[int], *, adapter: str | None = None, grammar: str | None = None,
               max_new_tokens: int = 512, n: int = 1, temperature: float = 0.0, top_p: float = 1.0,
               seed: int = 0, handicap: dict[str, float] | None = None,
               chances: list[Chances] | None = None) -> Iterator[tuple[int, str]]:
        """Yield (answer index, text piece) as tokens come. `ids`: the encoded prompt. `handicap`: special token -> what
        it loses in log-odds as an answer's first token. `chances`: takes for each answer the
        probabilities, 0-1, of every token it chose freely and of the likeliest one there. Raises ModelProblem."""
        if len(ids) + 8 > self.context:
            size = f"{len(ids)} tokens, its limit is {self.context}"
            raise ModelProblem(f"The conversation is too long for this model ({size}). Start a new session.")
        room = min(max_new_tokens, self.context - len(ids))
        matcher = self._matcher(grammar)
        sequences = [_Sequence(matcher.deep_copy() if matcher else None) for _ in range(n)]
        if chances is not None:
            chances += [sequence.chances for sequence in sequences]
        printers = [Printer(self.tokenizer, self._ends) for _ in range(n)]
        with self._lock, self._with_adapter(adapter):
            for index in self._loop(ids, sequences, room, temperature, top_p, seed, adapter, handicap or {}):
                piece = printers[index].take(sequences[index].tokens, final=sequences[index].done)
                if piece:
                    yield index, piece
        for index, printer in enumerate(printers):
            if piece := printer.take(sequences[index].tokens, final=True):
                yield index, piece

    def _loop(self, ids: list[int], sequences: list[_Sequence], room: int, temperature: float, top_p: float, seed: int,
              adapter: str | None, handicap: dict[str, float]) -> Iterator[int]:
        """The token loop. Yields the index of each sequence that has grown; keeps the cache when it ends in order."""
        cache, known = self._take_cache(ids, adapter)
        logits = self._forward(ids[known:], cache, batch=1)
        logits = logits.clone() if handicap else logits
        for token, loss in handicap.items():
            logits[:, self.tokenizer.convert_tokens_to_ids(token)] -= loss
        self.statistics["prompt_tokens"] += len(ids)
        self.statistics["cached_tokens"] += known
        read = list(ids)
        single = len(sequences) == 1
        if not single:
            self._caches[adapter] = (read, cache)
            cache = copy.deepcopy(cache)
            cache.batch_repeat_interleave(len(sequences))
            logits = logits.expand(len(sequences), -1)
        generator = torch.Generator(device="cpu").manual_seed(seed)
        live = list(range(len(sequences)))
        while True:
            self._step([sequences[index] for index in live], logits, room, temperature, top_p, generator, forced=single)
            yield from live
            rows = [row for row, index in enumerate(live) if not sequences[index].done]
            live = [live[row] for row in rows]
            if not live:
                break
            if len(rows) < logits.shape[0]:
                cache.batch_select_indices(torch.tensor(rows, device=self.device))
            fed = [sequences[index].pending for index in live]
            logits = self._forward(fed if not single else fed[0], cache, batch=len(live))
            if single:
                read.extend(fed[0])
            for index in live:
                sequences[index].pending = []
        if single:
            self._keep_cache(adapter, read, cache)

    @torch.inference_mode()
    def _step(self, sequences: list[_Sequence], logits: torch.Tensor, room: int, temperature: float, top_p: float,
              generator: torch.Generator, *, forced: bool) -> None:
        """Choose one token for each of `sequences` from its row of `logits` (rows, vocabulary) and, when `forced`, add the
        tokens that its grammar leaves no choice about."""
        scores = logits.to("cpu", torch.float32, copy=True)
        for row, sequence in enumerate(sequences):
            if sequence.matcher is not None:
                mask_scores(scores[row], sequence.matcher)
        tokens = choose(scores, temperature, top_p, generator)
        shares = scores.softmax(-1)
        chosen = shares.gather(-1, tokens[:, None])[:, 0].tolist()
        for sequence, token, chance, best in zip(sequences, tokens.tolist(), chosen, shares.amax(-1).tolist(), strict=True):
            sequence.chances.append((chance, best))
            self._accept(sequence, [token])
            if forced and sequence.matcher is not None and not sequence.done:
                self._accept(sequence, sequence.matcher.compute_ff_tokens())
            if len(sequence.tokens) >= room:
                sequence.done = True

    def _accept(self, sequence: _Sequence, tokens: list[int]) -> None:
        for token in tokens:
            if sequence.matcher is not None and not sequence.matcher.consume_token(token):
                raise ModelProblem(f"The grammar refused its own token ({sequence.matcher.get_error()[:120]}).")
            self.statistics["new_tokens"] += 1
            sequence.tokens.append(token)
            sequence.pending.append(token)
            if token in self._ends or (sequence.matcher is not None and sequence.matcher.is_stopped()):
                sequence.done = True
                return

    @torch.inference_mode()
    def _forward(self, tokens: list[int] | list[list[int]], cache: DynamicCache, *, batch: int) -> torch.Tensor:
        """Logits (batch, vocabulary) after the last of `tokens`; the cache grows by them."""
        inputs = torch.tensor(tokens, dtype=torch.long, device=self.device).reshape(batch, -1)
        extra = {"logits_to_keep": 1} if self._last_logits_only else {}
        self.statistics["forward_calls"] += 1
        with threads(self._threads):
            output = self._running(input_ids=inputs, past_key_values=cache, use_cache=True, **extra)
        return output.logits[:, -1, :]

    @torch.inference_mode()
    def _take_cache(self, ids: list[int], adapter: str | None) -> tuple[DynamicCache, int]:
        """The kept cache cut to what it shares with `ids` (at least one token is left to read), or an empty one."""
        read, cache = self._caches.pop(adapter, ([], None))
        shared = 0
        for old, new in zip(read, ids[:-1], strict=False):
            if old != new:
                break
            shared += 1
        if cache is not None and shared:
            try:
                if surplus := len(read) - shared:
                    cache.crop(-surplus)
                return cache, shared
            except (RuntimeError, ValueError, NotImplementedError, AttributeError):
                pass  # a cache that cannot be cut (sliding window, state space): read everything again
        return DynamicCache(config=self.model.config), 0

    def _keep_cache(self, adapter: str | None, read: list[int], cache: DynamicCache) -> None:
        self._caches[adapter] = (read, cache)
        while len(self._caches) > KEPT_CACHES:
            self._caches.pop(next(iter(self._caches)))

    def _matcher(self, grammar: str | None) -> LLMatcher | None:
        if grammar is None:
            return None
        matcher = LLMatcher(self._guide, LLMatcher.grammar_from_lark(grammar), log_level=0)
        if matcher.is_error():
            raise ModelProblem(f"The output grammar is wrong: {matcher.get_error().strip().splitlines()[0][:200]}")
        return matcher

    @contextmanager
    def _with_adapter(self, adapter: str | None) -> Iterator[None]:
        """Run with `adapter` (None: the bare model) in the block. Raises ModelProblem for an unknown one."""
        if adapter is not None and adapter not in self.adapters:
            raise ModelProblem(f"The model has no adapter {adapter!r}; it has: {', '.join(self.adapters) or 'none'}.")
        self._running = self._runners.get(adapter, self._runners[None])
        if not self._wrapped:
            yield
        elif adapter is None:
            with self.model.disable_adapter():
                yield
        else:
            self.model.set_adapter(adapter, inference_mode=True)
            yield
