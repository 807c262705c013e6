"""The first loss: a classifier that knows nothing pays ln of the number of classes."""

from __future__ import annotations

import math

from course_utils.diagnosis.findings import Finding, named, number
from course_utils.diagnosis.flow import Flow
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run


def first_loss(flow: Flow, run: Run, tied: bool) -> list[Finding]:
    """Find a first loss above that of guessing."""
    if run.loss is None or run.classes is None or not math.isfinite(run.loss) or not flow.spine:
        return []
    guessing = math.log(run.classes)
    excess = run.loss - guessing
    if excess < max(0.5, 0.2 * guessing):
        return []
    severity = "fatal" if run.loss > 10 * guessing + 5 else "bad" if excess > 1 else "note"
    last = flow.spine[-1]
    where = place(last)
    std = last.signal.std if last.signal is not None else math.nan
    reason = f"the logits of {named(where)} have std {number(std)}"
    if tied:
        reason += ", because its weight is an embedding's too"
    sentence = (
        f"The first loss is {run.loss:.2f}; guessing among {run.classes} costs ln "
        f"{run.classes} = {guessing:.2f}: {reason}."
    )
    advice = "Begin the last layer small, or at zero: the first steps are spent on unlearning this."
    return [Finding("first loss", where, severity, sentence, advice)]
