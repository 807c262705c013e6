"""``diagnose(model, batch)``: what is wrong with a network's start, worst first.

>>> diagnosis = diagnose(model, images[:64], labels[:64])
>>> print(diagnosis)
>>> diagnosis.findings[0].where, diagnosis.findings[0].advice
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from course_utils.diagnosis.activity import (
    constant_output,
    dead_units,
    not_finite,
    saturated_units,
)
from course_utils.diagnosis.fans import wrong_fans
from course_utils.diagnosis.findings import Finding, sorted_findings
from course_utils.diagnosis.flow import Flow
from course_utils.diagnosis.gradients import not_seen, unmoved, zero_on_purpose
from course_utils.diagnosis.loss import first_loss
from course_utils.diagnosis.report import Diagnosis
from course_utils.diagnosis.run import Run, measured
from course_utils.diagnosis.sizes import allowance, sizes
from course_utils.diagnosis.stream import stream
from course_utils.diagnosis.weights import (
    default_start,
    forget_bias,
    tied_embedding,
    twin_layers,
    twin_units,
    wild_recurrence,
)


def diagnose(
    model: nn.Module, batch: object, target: object = None, loss: Callable | None = None
) -> Diagnosis:
    """Say what is wrong with a network's start, from one forward and one backward pass.

    Where something begins at zero and hides what is behind it, there are up to two passes more.
    The model is left as it was, bit for bit: parameters, buffers, mode, gradients, generators.

    Parameters
    ----------
    model
        Any ``nn.Module``, in the mode (training or evaluation) in which it is to be looked at.
    batch
        What it is called with: a tensor, ``model(batch)``; a tuple, ``model(*batch)``; a dict,
        ``model(**batch)``. Of at least 16 inputs, better 64: with few, "0 for every input" means
        little.
    target
        What the output is compared with: classes ``(batch,)``, or ``(batch, …)`` for one class a
        place or token, by the cross-entropy; numbers of the output's shape by the squared error.
        Of several outputs that is the ``logits``, or else the first of which no other is made.
        Without one, N(0, 1) noise enters as the gradient at every output.
    loss
        A function of output and target (of the output alone, if there is no target) instead.

    Returns
    -------
    Diagnosis
        With ``findings``, worst first, a ``table``, and a picture.

    Raises
    ------
    ValueError
        In one sentence, for what cannot be looked into: no module, no parameter, compiled,
        scripted, lazy, complex; a batch with which the model raises; a target that fits no loss.
    """
    run = measured(model, batch, target, loss)
    flow = Flow(run.operations, run.outputs)
    return Diagnosis(run, flow, sorted_findings(_findings(flow, run)))


def assert_healthy(
    model: nn.Module,
    batch: object,
    target: object = None,
    loss: Callable | None = None,
    *,
    allow: tuple[str, ...] = (),
) -> None:
    """Raise AssertionError, with the sentences, if a finding is fatal or bad: for a test suite.

    ``allow`` names kinds of findings that are passed over; the rest is as for `diagnose`.
    """
    findings = diagnose(model, batch, target, loss).findings
    serious = [f for f in findings if f.severity != "note" and f.kind not in allow]
    if serious:
        raise AssertionError("\n".join(str(finding) for finding in serious))


def _findings(flow: Flow, run: Run) -> list[Finding]:
    weights = [*twin_layers(run.network), *forget_bias(run.network), *wild_recurrence(run.network)]
    broken = not_finite(flow, run)
    if broken:  # no number behind it means anything
        return broken + weights
    meant = zero_on_purpose(flow, run)
    tied = tied_embedding(flow, run)
    return (
        weights
        + unmoved(flow, run, meant)
        + sizes(flow, run, meant)
        + dead_units(flow, run)
        + saturated_units(flow)
        + constant_output(flow, run, meant, allowance(flow, run))
        + twin_units(flow, run)
        + default_start(flow, run)
        + wrong_fans(flow, run)
        + stream(flow, run, meant)
        + tied
        + first_loss(flow, run, bool(tied))
        + not_seen(flow)
    )
