"""Muon for hidden matrices (momentum, then orthogonalisation), in full precision and batched over equal shapes.

Keller Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the iteration's coefficients are
those of Amsel et al. 2025, "The Polar Express" (arXiv 2505.16932). Embeddings and norms are AdamW's.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable

import torch

COEFFICIENTS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
)


def orthogonal(batch: torch.Tensor) -> torch.Tensor:
    """Each matrix of `batch` (count, rows, columns) with its singular values moved to about 1."""
    wide = batch.shape[-2] <= batch.shape[-1]
    x = batch if wide else batch.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.01 + 1e-7)
    for a, b, c in COEFFICIENTS:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """`lr`: size of an update in units of a matrix with singular values 1, times sqrt(max(1, rows / columns))."""

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = collections.defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for shape, parameters in shapes.items():
                updates = []
                for parameter in parameters:
                    state = self.state[parameter]
                    momentum = state.setdefault("momentum", torch.zeros_like(parameter))
                    momentum.lerp_(parameter.grad, 1 - group["momentum"])
                    updates.append(parameter.grad.lerp(momentum, group["momentum"]))
                scale = group["lr"] * max(1.0, shape[-2] / shape[-1]) ** 0.5
                for parameter, update in zip(parameters, orthogonal(torch.stack(updates)), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-scale)
