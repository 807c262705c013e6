"""What theory says of an operation's output, from what entered it."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.diagnosis.fans import true_fans
from course_utils.diagnosis.flow import Flow, ends_an_activation, is_normalization
from course_utils.diagnosis.run import Run
from course_utils.probes.trace import Operation

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(101)


def predicted_std(flow: Flow, run: Run, op: Operation) -> float:
    """Return the std that theory predicts for an output, nan where it has nothing to say.

    A layer whose weights are independent of what enters, with mean 0: the root of
    fan_in · E[w²] · E[x²] + E[b²], fan_in being that of its own sums. An activation: the std of
    φ(z) for a normal z of the mean and the std measured. A normalization: the size of its gamma.
    """
    before = [flow.operations[i] for i in op.sources if flow.operations[i].from_input]
    if op.is_layer and op.weight_shape is not None:
        inputs = [s for s in run.inputs] if op.from_input_itself else []
        entering = before[0].signal if before else inputs[0] if inputs else None
        return math.nan if entering is None else _layer(flow, run, op, entering.mean_square)
    if ends_an_activation(flow, op) and op.chain.uniform and op.chain.entered >= 0:
        z = flow.operations[op.chain.entered].signal
        return _activation(op, z.mean, z.std) if z.finite else math.nan
    if is_normalization(op):
        gammas = [run.parameters[n] for n in op.parameters if n in run.parameters]
        gammas = [g for g in gammas if g.name.endswith("weight")]
        return gammas[0].size if gammas else 1.0
    return math.nan


def _layer(flow: Flow, run: Run, op: Operation, mean_square: float) -> float:
    facts = [run.parameters[n] for n in op.parameters if n in run.parameters]
    weights = [f for f in facts if len(f.shape) > 1 and f.count == math.prod(op.weight_shape)]
    if len(weights) != 1:
        return math.nan
    biases = [f.size**2 for f in facts if len(f.shape) == 1]
    fan_in = true_fans(flow, op, weights[0].shape).fan_in
    return math.sqrt(fan_in * weights[0].size ** 2 * mean_square + sum(biases))


def _activation(op: Operation, mean: float, std: float) -> float:
    z = torch.from_numpy(mean + std * NODES)
    try:
        values = op.chain.function()(z).detach().double().numpy()
    except (RuntimeError, TypeError):  # made for another dtype or device
        return math.nan
    weights = WEIGHTS / WEIGHTS.sum()
    first = float(weights @ values)
    return math.sqrt(max(float(weights @ (values - first) ** 2), 0.0))
