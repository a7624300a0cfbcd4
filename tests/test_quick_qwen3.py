"""The quick forward pass gives what transformers' own gives, with a kept cache, in batches, with fewer key than query heads."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, DynamicCache, Qwen2Config, Qwen2ForCausalLM

import campaignwright.agent
from campaignwright.agent.quick_qwen3 import QuickQwen3, suits

EMBEDDED = Path(campaignwright.agent.__file__).parent / "embedded"


@pytest.mark.parametrize("which", ["tiny", "embedded"])
@torch.inference_mode()
def test_it_says_what_transformers_says(tiny_model, which):
    own = which == "tiny"
    model = copy.deepcopy(tiny_model.model) if own else AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32).eval()
    for norm in [module for name, module in model.named_modules() if own and name.endswith("norm")]:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)  # not all ones, as fresh weights are
    quick, caches = QuickQwen3(model), [DynamicCache(config=model.config) for _ in range(2)]
    generator = torch.Generator().manual_seed(0)
    for new in (40, 1, 5, 1):
        ids = torch.randint(0, model.config.vocab_size, (3, new), generator=generator)
        told = model(input_ids=ids, past_key_values=caches[0], use_cache=True, logits_to_keep=1).logits
        torch.testing.assert_close(quick(ids, caches[1]).logits, told, rtol=1e-4, atol=1e-4)


def test_only_a_plain_qwen3_is_replaced(tiny_model):
    sizes = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    assert suits(tiny_model.model)
    adapted = get_peft_model(copy.deepcopy(tiny_model.model), LoraConfig(target_modules=["q_proj"])).get_base_model()
    assert type(adapted) is type(tiny_model.model) and not suits(adapted)
    assert not suits(Qwen2ForCausalLM(Qwen2Config(**sizes, num_key_value_heads=2)))
