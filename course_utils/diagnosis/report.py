"""A diagnosis: sentences, a table, and a picture along depth."""

from __future__ import annotations

import base64
import html
import io
import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from course_utils.diagnosis.findings import Finding, several
from course_utils.diagnosis.flow import Flow, ends_an_activation
from course_utils.diagnosis.place import place
from course_utils.diagnosis.prediction import predicted_std
from course_utils.diagnosis.run import Run
from course_utils.probes.trace import Operation

COLORS = {"fatal": "#c0392b", "bad": "#d68910", "note": "#7f8c8d"}


MOST = {"fatal": 3, "bad": 3, "note": 2}
"""Findings of one kind that are shown one by one; of more, the first, and where the others are."""


class _Picture(Figure):
    """A figure that a notebook shows, whether pyplot was imported or not."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=110)
        return stream.getvalue()


class Diagnosis:
    """What `diagnose` returns.

    In a notebook it shows the sentences, a picture along depth and the table; ``str`` and ``print``
    give sentences and table for a terminal.

    Attributes
    ----------
    findings
        List of `Finding`, worst first; empty if nothing was found.
    table
        A pandas DataFrame, one row an operation that a network is made of, in the order of
        execution: module, operation, shape, whether it lies on the spine, mean and std of its
        output, the std that theory predicts from its input (nan where it cannot), share of the std
        that stems from the inputs, shares of dead units and of saturated numbers, std of the
        gradient, root mean square of the weight.
    loss
        The first loss; None without a target and a loss.
    """

    def __init__(self, run: Run, flow: Flow, findings: list[Finding]) -> None:
        self.findings, self.loss = findings, run.loss
        self._flow, self._run = flow, run
        self.table = _table(flow, run)

    @property
    def healthy(self) -> bool:
        """Whether no finding is fatal or bad."""
        return all(finding.severity == "note" for finding in self.findings)

    def of_kind(self, kind: str) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def __str__(self) -> str:
        """Return sentences and table, for a terminal."""
        head = self._head()
        lines = [head] + [f"  {finding}" for finding in _shown(self.findings)]
        shown = self.table.drop(columns=["shape"])
        return "\n".join(lines) + "\n\n" + shown.to_string(float_format="{:.3g}".format, na_rep="")

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Diagnosis: {self._head()}>"

    def _head(self) -> str:
        counts = {
            severity: sum(finding.severity == severity for finding in self.findings)
            for severity in ("fatal", "bad", "note")
        }
        name = type(self._run.network).__name__
        said = ", ".join(f"{n} {severity}" for severity, n in counts.items() if n)
        return f"{name}: {len(self.table)} operations; {said or 'nothing found'}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<li><span aria-hidden="true" style="color:{COLORS[f.severity]}">&#9632;</span> '
            f"<b>{f.severity}, {html.escape(f.kind)}</b>: {html.escape(f.sentence)} "
            f"<i>{html.escape(f.advice)}</i></li>"
            for f in _shown(self.findings)
        )
        data = base64.b64encode(self.figure()._repr_png_()).decode()
        head = html.escape(self._head())
        shown = self.table.style.format(precision=3, na_rep="").hide(axis="index").to_html()
        return (
            f"<p>{head}</p><ul style='list-style:none;padding-left:0'>{rows}</ul>"
            f"<img alt='{head}' style='max-width:100%' src='data:image/png;base64,{data}'>"
            f"<details><summary>All operations</summary>{shown}</details>"
        )

    def figure(self, before: Diagnosis | None = None) -> Figure:
        """Draw signal, gradient and stream along depth; those of ``before`` beside, in grey."""
        figure = _Picture(figsize=(9, 3.2), layout="constrained")
        axes = figure.subplots(1, 2)
        if before is not None:
            _draw(axes, before, "0.6", "before")
        _draw(axes, self, "#1f6fb4", "after" if before is not None else None)
        axes[0].set_ylabel("std of the signal")
        axes[1].set_ylabel("std of the gradient")
        for ax in axes:
            ax.set_yscale("log")
            ax.set_xlabel("operation, in the order of execution")
            ax.margins(x=0.02)
        for finding in self.findings:
            if finding.severity != "note":
                self._mark(axes, finding)
        axes[0].legend(frameon=False, fontsize="small")
        return figure

    def _mark(self, axes, finding: Finding) -> None:
        at = [i for i, module in enumerate(self.table["module"]) if module == finding.where]
        if at:
            for ax in axes:
                ax.axvline(at[0], color=COLORS[finding.severity], alpha=0.4, linewidth=4, zorder=0)


def _shown(findings: list[Finding]) -> list[Finding]:
    """Return what is shown: of one kind the first few, and how many more there are, and where."""
    shown: list[Finding] = []
    for kind, severity in dict.fromkeys((f.kind, f.severity) for f in findings):
        alike = [f for f in findings if (f.kind, f.severity) == (kind, severity)]
        most = len(alike) if len(alike) <= MOST[severity] else 1
        shown += alike[:most]
        if len(alike) > most:
            places = several(list(dict.fromkeys(f.where for f in alike[most:])))
            sentence = f"So it is at {places}: see diagnosis.of_kind({kind!r})."
            shown.append(Finding(kind, "", severity, sentence, ""))
    return shown


def _draw(axes, diagnosis: Diagnosis, color: str, label: str | None) -> None:
    table = diagnosis.table
    x, on = np.arange(len(table)), table["spine"].to_numpy()
    along = label or ("the network" if on.all() else "stream")
    beside = None if label else "branches"
    for ax, column in zip(axes, ("std", "gradient std"), strict=True):
        y = table[column].where(table[column] > 0).to_numpy()
        ax.plot(x[on], y[on], color=color, marker="o", markersize=3, label=along)
        if not on.all():
            ax.plot(x[~on], y[~on], "x", color=color, markersize=4, alpha=0.6, label=beside)
    differs = (table["std"] * table["contrast"]).where(table["contrast"] > 0).to_numpy()
    told = None if label == "before" else "what differs between the inputs"
    axes[0].plot(x[on], differs[on], linestyle=":", color=color, label=told)


def _table(flow: Flow, run: Run) -> pd.DataFrame:
    spine = {op.index for op in flow.spine}
    rows = [_row(flow, run, op, op.index in spine) for op in flow.operations if op.signal]
    columns = [
        "module", "operation", "shape", "spine", "mean", "std", "predicted std", "contrast",
        "dead", "saturated", "gradient std", "weight rms",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _row(flow: Flow, run: Run, op: Operation, on_spine: bool) -> tuple:
    weights = [run.parameters[n] for n in op.parameters if n in run.parameters]
    weights = [w for w in weights if len(w.shape) > 1] if op.is_layer else []
    return (
        place(op),
        op.name,
        op.shape,
        on_spine,
        op.signal.mean,
        op.signal.std,
        predicted_std(flow, run, op),
        op.signal.contrast if not math.isnan(op.signal.between) else math.nan,
        op.signal.dead if ends_an_activation(flow, op) else math.nan,
        op.signal.saturated,
        math.nan if op.gradient is None else op.gradient.std,
        weights[0].size if weights else math.nan,
    )
