"""Give a fresh model the one circuit that copying needs, so that no training is spent on finding it.

Two attention heads in a row (Olsson et al. 2022, "In-context learning and induction heads", transformer-circuits.pub):
in the first layer one head looks one token back by position and notes what stood there; in the second layer heads look
for the place whose note equals the current token and bring the token that stands there. Training then only has to learn
when to copy, from where to start and where to stop. Everything else keeps its random start.
"""

from __future__ import annotations

import torch
from transformers import Qwen3ForCausalLM

POSITION_PAIRS = 6  # fastest rotary pairs: they tell one token's distance from two
MATCH_FROM = 0.62  # share of the rotary pairs (slowest) in which contents are compared, nearly free of position


@torch.no_grad()
def prime(model: Qwen3ForCausalLM, generator: torch.Generator, *, scale: float = 0.02) -> None:
    """Write the copying circuit into head 0 of layer 0 and heads 0-1 of layer 1. `scale`: the embeddings' deviation.

    Needs at least two layers, two heads, as many key-value heads as heads, and no attention bias; else ValueError.
    """
    config = model.config
    size, heads = config.head_dim, config.num_attention_heads
    if config.num_hidden_layers < 2 or heads < 2 or config.num_key_value_heads != heads:
        raise ValueError("priming needs two layers, two heads, and a key-value head for each head")
    table, half = model.get_input_embeddings().weight, size // 2
    table[:, 0] = 2.5 * scale  # a constant that position heads can read
    theta = (config.rope_parameters or {}).get("rope_theta", 10_000.0) ** (-torch.arange(half) / half)

    def orthogonal(rows: int) -> torch.Tensor:
        return torch.linalg.qr(torch.randn(config.hidden_size, rows, generator=generator))[0].T

    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    query, key = torch.zeros(size), torch.zeros(size)
    pairs = torch.arange(POSITION_PAIRS)
    key[pairs] = 1.0
    query[pairs], query[pairs + half] = torch.cos(theta[pairs]), -torch.sin(theta[pairs])
    for projection, vector in ((first.q_proj, query), (first.k_proj, key)):
        projection.weight[:size] *= 0.05
        projection.weight[:size, 0] = vector
    first.q_norm.weight.fill_(2.0)
    first.k_norm.weight.fill_(1.5)

    low = int(half * MATCH_FROM)
    slots = torch.cat([torch.arange(low, half), torch.arange(low, half) + half])  # rotary places for contents
    content = orthogonal(len(slots))
    content[:, 0] = 0
    note = orthogonal(size)  # where in the residual stream the note is kept
    first.v_proj.weight[:size] = 0
    first.v_proj.weight[: len(slots)] = content
    first.o_proj.weight[:, :size] = note.T * 4 * scale
    values = orthogonal(2 * size)
    for head in range(2):
        rows = slice(head * size, (head + 1) * size)
        for projection, read in ((second.q_proj, content), (second.k_proj, note[: len(slots)])):
            projection.weight[rows] *= 0.02
            projection.weight[head * size + slots] = read
        value = values[rows]
        second.v_proj.weight[rows] = value
        second.o_proj.weight[:, rows] = value.T * 6 * scale
    second.q_norm.weight.fill_(2.0)
    second.k_norm.weight.fill_(1.5)
