"""AdamW on float32 master weights, with their moving average, for networks that compute in bfloat16.

A network held in bfloat16 trains about a third faster on CPUs than under autocast, which casts weights and norms back
and forth; the small updates of late training would be lost in bfloat16, so the weights proper are float32 and live
here, in the optimiser's state. Everything around stays plain: gradients of the network's own parameters, clipping,
accumulation and their exchange between processes are Lightning's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

#: Tensors of one parameter's state, all float32: the weights proper, their average, and AdamW's moments.
STATE = ("master", "average", "first_moment", "second_moment")


class MasterAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov & Hutter 2019) on float32 copies of the parameters, with an exponential moving average of them.

    ``average_decay`` is reached from below: after n steps at most (1 + n) / (10 + n) counts, so early averages are fresh.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 1e-3,
        average_decay: float = 0.999,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "average_decay": average_decay,
        }  # fmt: skip
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                self._update(group, parameters)
        return loss

    def _update(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        states = [self._state_of(parameter) for parameter in parameters]
        masters = [state["master"] for state in states]
        adamw(
            masters,
            [parameter.grad.float() for parameter in parameters],  # type: ignore[union-attr]
            [state["first_moment"] for state in states],
            [state["second_moment"] for state in states],
            [],
            [state["step"] for state in states],
            foreach=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
        count = float(states[0]["step"])
        decay = min(group["average_decay"], (1.0 + count) / (10.0 + count))
        for parameter, state in zip(parameters, states, strict=True):  # sharded tensors have no fused forms of these
            parameter.copy_(state["master"])
            state["average"].lerp_(state["master"], 1.0 - decay)

    def _state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["master"] = parameter.detach().float().clone()
            state["average"] = parameter.detach().float().clone()
            state["first_moment"] = torch.zeros_like(state["master"])
            state["second_moment"] = torch.zeros_like(state["master"])
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`; torch's own would cast the float32 state to the parameters' bfloat16."""
        super().load_state_dict({"state": {}, "param_groups": state_dict["param_groups"]})
        mine = [parameter for group in self.param_groups for parameter in group["params"]]
        theirs = [index for group in state_dict["param_groups"] for index in group["params"]]
        for parameter, index in zip(mine, theirs, strict=True):
            if index in state_dict["state"]:
                values = state_dict["state"][index]
                self.state[parameter] = {
                    name: value.clone() if name == "step" else value.to(parameter.device, copy=True)
                    for name, value in values.items()
                }

    @torch.no_grad()
    def swap_average(self) -> None:
        """Put the moving average into the network, and the network's weights aside; called again, undo it.

        While swapped, ``average`` holds the masters, so nothing is lost and no third copy is needed.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if state:
                    state["master"], state["average"] = state["average"], state["master"]
                    parameter.copy_(state["master"])
