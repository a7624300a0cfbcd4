"""The forward pass of a small Qwen3 in few calls: for five million parameters, calling a layer costs more than its arithmetic.

Same mathematics as transformers' `Qwen3ForCausalLM` (Qwen3 technical report, 2025), whose place it takes in the decoding loop:
projections that read the same input are one matrix, positions are a table, and only the last position gets logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import embedding, linear, rms_norm, scaled_dot_product_attention, silu
from transformers import DynamicCache, Qwen3ForCausalLM
from transformers.modeling_outputs import CausalLMOutputWithPast


def suits(model: Any) -> bool:
    """Whether `QuickQwen3` computes what `model` does: a plain Qwen3 without adapters, biases, sliding windows or scaled positions."""
    layers = [layer for name, layer in model.named_modules() if name.endswith(("_proj", "lm_head"))]
    if type(model) is not Qwen3ForCausalLM or any(type(layer) is not torch.nn.Linear for layer in layers):
        return False
    config = model.config
    plain = config.hidden_act == "silu" and not config.attention_bias and set(config.layer_types) == {"full_attention"}
    return plain and config.rope_parameters["rope_type"] == "default"


class QuickQwen3:
    """Called like the model it is made from: (input_ids int64[rows, new], past_key_values) -> output with `logits`
    float[rows, 1, vocabulary] after the last of the new tokens. Rows are equally long, without padding."""

    @torch.inference_mode()
    def __init__(self, model: Qwen3ForCausalLM) -> None:
        config = model.config
        self.heads, self.shared, self.size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.eps, self.words, self.head = config.rms_norm_eps, model.model.embed_tokens.weight, model.lm_head.weight
        self.last = model.model.norm.weight
        where = torch.arange(config.max_position_embeddings, device=self.words.device)[None]
        cos, sin = model.model.rotary_emb(self.words, where)
        half = self.size // 2  # the upper half of a rotated vector is subtracted from the lower one
        self.cos, self.sin = cos[0, :, None], torch.cat([-sin[0, :, :half], sin[0, :, half:]], -1)[:, None]
        self.layers = [self._layer(layer) for layer in model.model.layers]

    def _layer(self, layer: Any) -> tuple[torch.Tensor, ...]:
        attention, mlp = layer.self_attn, layer.mlp
        reads = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        norms = torch.cat([attention.q_norm.weight.expand(self.heads, -1), attention.k_norm.weight.expand(self.shared, -1)])
        widens = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
        return (layer.input_layernorm.weight, reads, norms, attention.o_proj.weight, layer.post_attention_layernorm.weight, widens,
                mlp.down_proj.weight)  # fmt: skip

    def __call__(self, input_ids: torch.Tensor, past_key_values: DynamicCache, **_: Any) -> CausalLMOutputWithPast:
        x = embedding(input_ids, self.words)
        (rows, new, width), past, turned = x.shape, past_key_values.get_seq_length(), self.heads + self.shared
        cos, sin = self.cos[past : past + new], self.sin[past : past + new]
        mask = torch.ones(new, past + new, dtype=torch.bool, device=x.device).tril(past) if new > 1 else None
        for number, (before, reads, norms, writes, between, widens, narrows) in enumerate(self.layers):
            parts = linear(rms_norm(x, (width,), before, self.eps), reads).view(rows, new, turned + self.shared, self.size)
            qk = rms_norm(parts[:, :, :turned], (self.size,), None, self.eps) * norms
            qk = (qk * cos + qk.roll(self.size // 2, -1) * sin).transpose(1, 2)
            k, v = past_key_values.update(qk[:, self.heads :], parts[:, :, turned:].transpose(1, 2), number)
            seen = scaled_dot_product_attention(qk[:, : self.heads], k, v, mask, enable_gqa=self.heads != self.shared)
            x = x + linear(seen.transpose(1, 2).reshape(rows, new, -1), writes)
            gate, up = linear(rms_norm(x, (width,), between, self.eps), widens).chunk(2, -1)
            x = x + linear(silu(gate) * up, narrows)
        return CausalLMOutputWithPast(logits=linear(rms_norm(x[:, -1:], (width,), self.last, self.eps), self.head))
