"""The way through a network: its spine from input to output, and the branches beside it.

A plain network is all spine. In a residual network the spine is the stream, and each sum gives a
branch: what is added to it. Where ways of unlike length meet otherwise (Inception, U-Net), the
spine follows the longest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from operator import or_

from course_utils.probes.trace import NORMALIZATIONS, Operation

SUMS = frozenset({"add", "sub"})


@dataclass(frozen=True)
class Branch:
    """What one sum adds to a stream.

    Attributes
    ----------
    sum
        The operation that adds.
    stream, tip
        The two that it adds: the stream as it was, and the last operation of the branch.
    operations
        Of the branch, in the order of execution; the stream before it is not among them.
    """

    sum: Operation
    stream: Operation | None
    tip: Operation
    operations: tuple[Operation, ...]

    @property
    def layers(self) -> list[Operation]:
        """The layers of the branch: the first reads the stream, the last writes into it."""
        return [op for op in self.operations if op.is_layer]

    @property
    def after_writer(self) -> list[Operation]:
        """What comes between the last layer and the sum: a norm, a scale, a dropout."""
        last = self.layers[-1].index if self.layers else -1
        return [op for op in self.operations if op.index > last]


class Flow:
    """How the operations of a trace hang together.

    Attributes
    ----------
    spine
        The operations from the input to the output, branches left out, in the order of execution.
    branches
        One for each sum on the spine.
    """

    def __init__(self, operations: list[Operation], outputs: Iterable[int]) -> None:
        self.operations = operations
        self.outputs = [index for index in outputs if index < len(operations)]
        self._above: list[int] = []  # ancestors of each operation and itself, a bit for each
        self.layers_above: list[int] = []  # on the longest way down to it
        for op in operations:
            self._above.append(functools.reduce(or_, (self._above[i] for i in op.sources), 0))
            self._above[-1] |= 1 << op.index
            longest = max((self.layers_above[i] for i in op.sources), default=0)
            self.layers_above.append(longest + op.is_layer)
        self.consumers: dict[int, list[Operation]] = {op.index: [] for op in operations}
        for op in operations:
            for index in op.sources:
                self.consumers[index].append(op)
        self.branches: list[Branch] = []
        self.spine: list[Operation] = self._walk_back()
        self.branches.reverse()

    def above(self, index: int, but_not: int | None = None) -> list[int]:
        """Return an operation's ancestors and itself, without those of another, in order."""
        mask = self._above[index] if but_not is None else self._above[index] & ~self._above[but_not]
        return [i for i, bit in enumerate(reversed(bin(mask))) if bit == "1"]

    def _walk_back(self) -> list[Operation]:
        spine, index = [], self._last()
        while index is not None:
            op = self.operations[index]
            spine.append(op)
            index = self._before(op)
        return spine[::-1]

    def _last(self) -> int | None:
        """Return the output with the longest way to it; an earlier one if they are equal."""
        reached = [i for i in self.outputs if self.operations[i].from_input] or self.outputs
        return max(reached, key=lambda i: self.layers_above[i], default=None)

    def _before(self, op: Operation) -> int | None:
        """Return the operation through which the spine reaches ``op``."""
        sources = [i for i in op.sources if self.operations[i].from_input]
        if not sources and not op.from_input:
            sources = list(op.sources)
        if not sources:  # it takes the batch itself; a weight may be computed
            return None
        if op.name in SUMS and (len(sources) == 2 or (len(sources) == 1 and op.from_input_itself)):
            branch = self._branch(op, sources)
            if branch is not None:
                self.branches.append(branch)
                return None if branch.stream is None else branch.stream.index
        whole = [i for i in sources if math.prod(self.operations[i].shape) == math.prod(op.shape)]
        return max(whole or sources, key=lambda i: self.layers_above[i])  # the rest is spread out

    def _branch(self, op: Operation, sources: list[int]) -> Branch | None:
        """Tell stream from branch where both come from one place; None if they do not."""
        if len(sources) == 1:  # the network's own input is the stream
            tip = sources[0]
            beside = self.above(tip)
            return self._made(op, None, tip, beside) if self.layers_above[tip] else None
        first, second = sources
        for stream, tip in ((first, second), (second, first)):
            if self._above[tip] >> stream & 1 and self._has_layer(tip, stream):
                return self._made(op, stream, tip, self.above(tip, but_not=stream))
        ways = [self.above(first, but_not=second), self.above(second, but_not=first)]
        counts = [sum(self.operations[i].is_layer for i in way) for way in ways]
        if min(counts) > 1 or counts[0] == counts[1]:  # a projection has one layer, no more
            return None
        if len({math.prod(self.operations[i].shape) for i in sources}) > 1:
            return None  # one is spread out over the other, as a time embedding is
        shorter = counts.index(min(counts))
        stream, tip = (first, second) if shorter == 0 else (second, first)
        return self._made(op, stream, tip, ways[1 - shorter])

    def _has_layer(self, tip: int, stream: int) -> bool:
        return any(self.operations[i].is_layer for i in self.above(tip, but_not=stream))

    def _made(self, op: Operation, stream: int | None, tip: int, inside: list[int]) -> Branch:
        return Branch(
            sum=op,
            stream=None if stream is None else self.operations[stream],
            tip=self.operations[tip],
            operations=tuple(self.operations[i] for i in inside if self.operations[i].from_input),
        )

    def is_normalized(self, op: Operation) -> bool:
        """Whether all that reads an operation's output is a normalization, perhaps a step later."""
        readers = self.consumers[op.index]
        return bool(readers) and all(
            is_normalization(reader) or self._leads_to_normalization(reader) for reader in readers
        )

    def normalizes_a_stream(self, op: Operation) -> bool:
        """Whether an operation normalizes what no layer made just before: a sum, an embedding."""
        if not is_normalization(op):
            return False
        while len(op.sources) == 1:
            op = self.operations[op.sources[0]]
            if op.is_layer:
                return False
        return True

    def _leads_to_normalization(self, op: Operation) -> bool:
        quiet = op.chain is not None and op.chain.entered is None or op.name.startswith("dropout")
        readers = self.consumers[op.index]
        return quiet and bool(readers) and all(is_normalization(r) for r in readers)

    def parameter_source(self, op: Operation) -> Operation:
        """Return the operation with parameters that shaped an output: itself, or one before it.

        Behind a sum that is the last of the branch which has the most layers, or the larger.
        """
        while not op.parameters:
            before = [self.operations[i] for i in op.sources if self.operations[i].from_input]
            if not before:
                break
            op = max(before, key=lambda source: (self.layers_above[source.index], source.size))
        return op


def is_normalization(op: Operation) -> bool:
    """Whether an operation normalizes."""
    return op.name in NORMALIZATIONS


def ends_an_activation(flow: Flow, op: Operation) -> bool:
    """Whether an operation is the last step of an activation."""
    if op.chain is None or op.chain.entered is None:
        return False
    for reader in flow.consumers[op.index]:
        chain = reader.chain
        if chain is not None and chain.root == op.chain.root and chain.entered is not None:
            return False
    return True
