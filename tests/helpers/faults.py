"""Faults to plant in a network, and what a diagnosis of it takes seriously."""

import torch
from torch import nn


def serious(findings):
    """Return what is fatal or bad."""
    return [str(finding) for finding in findings if finding.severity != "note"]


def times(path, factor):
    """Multiply one weight."""

    def plant(net):
        with torch.no_grad():
            net.get_parameter(path).mul_(factor)

    return plant


def filled(path, value):
    """Fill one parameter with a constant."""

    def plant(net):
        nn.init.constant_(net.get_parameter(path), value)

    return plant


class Double(torch.autograd.Function):
    """Twice the input, by a function that autograd does not see into."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient
