"""Training state as one safetensors file: parameters, optimisers, progress. Replaced in one step, never half-written."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

Parameters = dict[str, torch.nn.Parameter]
Optimizers = dict[str, torch.optim.Optimizer]


def save(path: Path, parameters: Parameters, optimizers: Optimizers, done: dict[str, float], run: str) -> None:
    """Write the state; `done` is the progress (steps, tokens, seconds ...), `run` says what it is a state of."""
    tensors: dict[str, torch.Tensor] = {f"model.{name}": parameter for name, parameter in parameters.items()}
    for prefix, optimizer in optimizers.items():
        for number, values in optimizer.state_dict()["state"].items():
            tensors |= {f"{prefix}.{number}.{name}": tensor for name, tensor in values.items()}
    part = path.with_name(f"{path.name}.part")
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(kept, str(part), metadata={"done": json.dumps(done), "run": run})
    part.replace(path)


def load(path: Path, parameters: Parameters, optimizers: Optimizers, run: str) -> dict[str, float]:
    """Put what `save` wrote back in place; returns the progress. Raises ValueError for the state of another run or model."""
    with safe_open(str(path), framework="pt") as file:
        done, of = json.loads(file.metadata()["done"]), file.metadata().get("run", run)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    found = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    if of != run:
        raise ValueError(f"{path}: the state of another training ({of}); train into an empty folder, or delete the file")
    if {name: tensor.shape for name, tensor in found.items()} != {name: one.shape for name, one in parameters.items()}:
        raise ValueError(f"{path}: the state of another model; train into an empty folder, or delete the file")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(found[name])
    for prefix, optimizer in optimizers.items():
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            owner, _, rest = name.partition(".")
            if owner == prefix:
                number, _, field = rest.partition(".")
                state.setdefault(int(number), {})[field] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return done
