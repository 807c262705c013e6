"""Several networks of one architecture as one: an ensemble, trained side by side in less time.

>>> networks = [initialize_(mlp([784, 256, 10]), "he_normal") for _ in range(10)]
>>> Ensemble(networks)(images).shape  # (10 members, batch, 10 classes)

All members see the same images, so the first layer of all of them is one wide matrix product.
`course_utils.training.fit` trains them in this way. (Model ensembling, as in ``torch.func``.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from course_utils.networks.modules import is_plain

_NOISY = (nn.modules.dropout._DropoutNd, nn.RReLU, nn.modules.batchnorm._NormBase)


class Ensemble(nn.Module):
    """Networks with batched weights: maps (batch, …) to (members, batch, …).

    A plain stack of linear layers and elementwise activations (`networks.mlp`) is computed by wide
    and batched matrix products; any other architecture by `torch.func.vmap`. Its parameters are
    those of the networks, with the members in front: a weight is (members, fan_out, fan_in).

    Parameters
    ----------
    networks
        One or more, which differ in their numbers only. They stay as they are until `unstack_`.

    Raises
    ------
    TypeError, ValueError
        If there is no network, if one is no module, if they differ in architecture, dtype or
        device, or if they hold noise or batch statistics (dropout, batch normalization), with
        which a network in an ensemble would not do what it does alone.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        networks = list(networks)
        _check(networks)
        parameters, buffers = stack_module_state(networks)
        self.__dict__["networks"] = networks  # not as submodules: their weights are not ours
        self.__dict__["buffers_of_members"] = buffers
        self.names = list(parameters)
        for i, tensor in enumerate(parameters.values()):
            self.register_parameter(f"p{i}", nn.Parameter(tensor.detach(), tensor.requires_grad))
        self.plain = is_plain(networks[0])

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.networks)

    def forward(self, images: Tensor) -> Tensor:
        """Send the same ``images`` (batch, …) through every member: (members, batch, …)."""
        simple = self.plain and images.ndim == 2
        return self._products(images) if simple else self._vmapped(images)

    def _vmapped(self, images: Tensor) -> Tensor:
        def one(parameters: dict, buffers: dict) -> Tensor:
            return functional_call(self.networks[0], (parameters, buffers), (images,))

        state = dict(zip(self.names, self.parameters(), strict=True)), self.buffers_of_members
        return vmap(one)(*state)

    def _products(self, images: Tensor) -> Tensor:
        """Compute columns instead of rows: then no weight or gradient has to be transposed."""
        members, h = len(self), images.T  # (fan_in, batch), the same for all
        parameters = dict(zip(self.names, self.parameters(), strict=True))
        for name, module in self.networks[0].named_children():
            if not isinstance(module, nn.Linear):
                h = module(h)
                continue
            weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
            if h.ndim == 2:  # one product for all members
                wide = weight.flatten(0, 1)  # (members · fan_out, fan_in)
                z = wide @ h if bias is None else torch.addmm(bias.view(-1, 1), wide, h)
                h = z.unflatten(0, (members, -1))  # (members, fan_out, batch)
            elif bias is None:
                h = torch.bmm(weight, h)
            else:
                h = torch.baddbmm(bias.unsqueeze(2), weight, h)
        return h.transpose(1, 2)

    @torch.no_grad()
    def unstack_(self) -> list[nn.Module]:
        """Copy the ensemble's weights into the networks, and return them."""
        for i, network in enumerate(self.networks):
            own = dict(network.named_parameters())
            for name, tensor in zip(self.names, self.parameters(), strict=True):
                own[name].copy_(tensor[i])
        return self.networks


def _check(networks: list) -> None:
    if not networks:
        raise ValueError("an ensemble needs at least one network, got an empty list")
    first = networks[0]
    for i, network in enumerate(networks):
        if not isinstance(network, nn.Module):
            raise TypeError(f"member {i} must be a torch.nn.Module, got {type(network).__name__}")
        if any(network is other for other in networks[:i]):
            raise ValueError(f"member {i} stands in the list twice: try copy.deepcopy(network)")
        if _plan(network) != _plan(first):
            raise ValueError(
                f"all members need one architecture, dtype and device: member {i} is\n{network}\n"
                f"and member 0 is\n{first}"
            )
    noisy = {type(m).__name__ for m in first.modules() if isinstance(m, _NOISY)}
    if noisy:
        raise ValueError(
            f"{', '.join(sorted(noisy))}: in an ensemble the members would not behave as they do "
            "alone. Train them one by one with course_utils.training.fit"
        )


def _plan(network: nn.Module) -> tuple:
    """Return all that two networks of one architecture share."""
    tensors = [(n, t.shape, t.dtype, t.device) for n, t in network.state_dict().items()]
    frozen = [parameter.requires_grad for parameter in network.parameters()]
    return repr(network), tensors, frozen
