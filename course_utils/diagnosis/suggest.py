"""``suggest(model, batch)``: the text of an ``init_weights(module)`` for this very model.

It follows the course's advice, one kind of layer after the other, and is meant to be read, pasted
and changed: it needs torch and nothing of this package.

>>> print(suggest(model, images[:64]))
>>> exec(suggest(model, images[:64])); model.apply(init_weights)
"""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from torch.nn.utils import parametrize

from course_utils.diagnosis.fans import true_fans
from course_utils.diagnosis.flow import Branch, Flow, is_normalization
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run, check, measured
from course_utils.networks import is_activation
from course_utils.probes.elementwise import LINEAR
from course_utils.probes.trace import Operation

DEEP = 20
"""From so many plain tanh layers on, orthogonal weights beat Xavier's."""

GAINS = {"gelu": 2.352, "silu": 2.811, "mish": 2.208, "elu": 1.55, "celu": 1.55, "hardswish": 3.01}
"""1 / E[φ(z)²] for z of N(0, 1): gain² by which a signal of std 1 keeps its size."""

BOUNDED = ("tanh", "softsign", "atan", "erf", "hardtanh", "asinh")


@dataclass
class Plan:
    """What a suggestion needs to know of a model.

    Attributes
    ----------
    activation
        Name of the activation that most layers meet; ``"linear"`` if none does.
    slope
        Of a leaky rectifier below 0, of a sine at 0.
    depth
        Layers on the spine.
    width
        Of the stream of a transformer.
    attention
        Whether there is attention: then all weights are small and normal.
    writers
        Layers that end a branch which no normalization scales, by their paths.
    branches
        How many branches write into the longest stream.
    ends
        Layers that no activation follows, where most have one.
    bare
        Weights that belong to no layer, by name, with the variance that they should have.
    tied
        Embeddings whose weight is a layer's too.
    """

    activation: str = "relu"
    slope: float = 0.0
    depth: int = 0
    width: int = 0
    attention: bool = False
    writers: list[str] = field(default_factory=list)
    branches: int = 0
    ends: list[str] = field(default_factory=list)
    bare: dict[str, str] = field(default_factory=dict)
    tied: list[str] = field(default_factory=list)


def suggest(model: nn.Module, batch: object = None) -> str:
    """Return the text of ``init_weights(module)``, to be used as ``model.apply(init_weights)``.

    Parameters
    ----------
    model
        Any ``nn.Module``; it is left as it was.
    batch
        What it is called with, as for `diagnose`. With it the activations that are functions, the
        residual sums and the layers that end a branch are seen; without it only the modules are.

    Returns
    -------
    str
        Python that defines ``init_weights`` and runs as it is.

    Raises
    ------
    ValueError
        For what `diagnose` cannot look into.
    """
    check(model)
    return written(model, _planned(model) if batch is None else plan(measured(model, batch)))


def plan(run: Run) -> Plan:
    """Look at a pass through a model."""
    flow = Flow(run.operations, run.outputs)
    after = {op.index: _activation_after(flow, op) for op in flow.operations if op.is_layer}
    counted = Counter(name for name in after.values() if name is not None)
    main = counted.most_common(1)[0][0] if counted else "linear"
    layers = [op for op in flow.operations if op.is_layer and op.from_input]
    attention = any(_compares(op) for op in flow.operations)
    owned = _owned(run.network)
    writers = _writers(flow)
    found = Plan(
        activation=main,
        slope=_slope(flow, main),
        depth=len(layers),
        width=max((op.shape[-1] for op in flow.spine if op.name == "add"), default=0),
        attention=attention,
        writers=[place(op) for op in writers],
        branches=len(writers),
        ends=_unique(place(op) for op in layers if _ends_linear(flow, op, after, owned)),
        tied=_tied(run.network),
    )
    found.bare = _bare(flow, run, owned, after, found)
    return found


def _planned(model: nn.Module) -> Plan:
    """Look at the modules alone."""
    names = [_name_of(module) for module in model.modules() if is_activation(module)]
    names = [name for name in names if name not in ("softmax", "log_softmax", "identity")]
    encoders = [m for m in model.modules() if isinstance(m, nn.TransformerEncoderLayer)]
    writers = [
        f"{path}.{end}" if path else end
        for path, module in model.named_modules()
        if isinstance(module, nn.TransformerEncoderLayer) and module.norm_first
        for end in ("self_attn.out_proj", "linear2")
    ]
    return Plan(
        activation=Counter(names).most_common(1)[0][0] if names else "relu",
        slope=next((m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)), 0.0),
        depth=sum(isinstance(m, (nn.Linear, nn.modules.conv._ConvNd)) for m in model.modules()),
        width=next((m.linear1.in_features for m in encoders), 0),
        attention=any(isinstance(m, nn.MultiheadAttention) for m in model.modules()),
        writers=writers,
        branches=len(writers),
        tied=_tied(model),
    )


def _name_of(module: nn.Module) -> str:
    """Return torch's function for an activation module: nn.LeakyReLU is leaky_relu."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(module).__name__.replace("ReLU", "Relu"))
    return words.lower()


def _activation_after(flow: Flow, op: Operation) -> str | None:
    """Return the activation that a layer's output meets before the next layer, if it meets one."""
    waiting, seen = [op], set()
    while waiting:
        for reader in flow.consumers[waiting.pop().index]:
            if reader.chain is not None and reader.chain.entered is not None:
                return _bending(flow, reader)
            quiet = not (reader.is_layer or _compares(reader) or reader.index in seen)
            if quiet and not (is_normalization(reader) and len(op.shape) == 3):
                seen.add(reader.index)
                waiting.append(reader)
    return None


def _bending(flow: Flow, reader: Operation) -> str:
    """Return what bends the numbers: of sin(30 z) the sine, of z · sigmoid(z) the whole."""
    chain = reader.chain
    steps = [flow.operations[step[0]] for step in chain.steps if step[0] >= max(chain.entered, 0)]
    gated = any(len(r.sources) > 1 for r in flow.consumers[reader.index] if r.chain is not None)
    bends = next((op.name for op in steps if op.name not in LINEAR), reader.name)
    return "silu" if gated and bends == "sigmoid" else bends


def _compares(op: Operation) -> bool:
    return op.name == "scaled_dot_product_attention" or op.name == "softmax" and len(op.shape) > 2


def _slope(flow: Flow, name: str) -> float:
    if name not in ("leaky_relu", "sin"):
        return 0.0
    op = next(op for op in flow.operations if op.name == name and op.chain is not None)
    if name == "sin":
        near = torch.tensor([1e-6], dtype=torch.float64)
        return round(replace(op.chain, entered=None).function()(near).item() * 1e6, 3)
    args, kwargs = op.chain.steps[-1][2:]
    given = [*args[1:], *kwargs.values()]
    return next((float(g) for g in given if isinstance(g, float)), 0.01)


def _writers(flow: Flow) -> list[Operation]:
    """Return the layers that write into a stream with nothing between them and the sum."""
    return [b.layers[-1] for b in flow.branches if b.layers and not _is_normalized(b)]


def _is_normalized(branch: Branch) -> bool:
    return any(is_normalization(op) for op in branch.after_writer)


def _ends_linear(flow: Flow, op: Operation, after: dict, owned: dict) -> bool:
    if after[op.index] is not None or flow.is_normalized(op):
        return False
    return place(op) in owned


def _owned(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers that the text draws by their kind."""
    kinds = (nn.Linear, nn.modules.conv._ConvNd, nn.Bilinear)
    return {path: m for path, m in model.named_modules() if isinstance(m, kinds)}


def _bare(flow: Flow, run: Run, owned: dict, after: dict, main: Plan) -> dict[str, str]:
    """Return weights that belong to no layer of torch, with the variance that they should have."""
    known = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase, nn.Embedding, nn.EmbeddingBag)
    kept = {id(p) for m in run.network.modules() if isinstance(m, known) for p in m.parameters()}
    kept |= {id(p) for m in owned.values() for p in m.parameters()}
    bare = {}
    for op in flow.operations:
        for name in op.parameters:
            facts = run.parameters.get(name)
            if not op.is_layer or facts is None or len(facts.shape) < 2:
                continue
            if id(run.network.get_parameter(name)) not in kept and ".parametrizations." not in name:
                fan = true_fans(flow, op, facts.shape).fan_in
                bends = after[op.index] is not None
                bare[name] = f"{_gain(main)[0] if bends else 1} / {fan:g}"
    return bare


def _tied(model: nn.Module) -> list[str]:
    names: dict[int, list[str]] = {}
    for path, module in model.named_modules():
        if isinstance(module, (nn.Embedding, nn.Linear)):
            names.setdefault(id(module.weight), []).append(path)
    tied = [paths for paths in names.values() if len(paths) > 1]
    return [p for paths in tied for p in paths if isinstance(model.get_submodule(p), nn.Embedding)]


def _unique(items) -> list[str]:
    return list(dict.fromkeys(items))


# ---- the text


def written(model: nn.Module, plan: Plan) -> str:
    """Write ``init_weights`` for a model of that plan."""
    kinds = {type(module) for module in model.modules()}
    body: list[str] = []
    for classes, lines in _kinds(plan):
        present = [c for c in classes if any(issubclass(kind, c) for kind in kinds)]
        if present:
            names = [f"nn.{c.__name__}" for c in present]
            test = names[0] if len(names) == 1 else f"({', '.join(names)})"
            body += [f"{'elif' if body else 'if'} isinstance(module, {test}):"]
            body += [f"    {line}" for line in lines]
    if any(hasattr(module, "weight_v") for module in model.modules()):
        body += _OLD_WEIGHT_NORM
    body += _exceptions(model, plan)
    wrapped = any(parametrize.is_parametrized(m) for m in model.modules())
    text = "\n".join(f"    {line}" if line else "" for line in body)
    head = _HEAD + (_PARAMETRIZED if wrapped else "")
    if wrapped:
        text = _through_parametrizations(text)
    return f"{head}\n\n@torch.no_grad()\ndef init_weights(module):\n{_docstring(plan)}\n{text}\n"


_HEAD = "import math\n\nimport torch\nfrom torch import nn\n"
_PARAMETRIZED = '''

def fill(module, draw, *args, **options):
    """Draw a weight, also one that a parametrization computes."""
    if nn.utils.parametrize.is_parametrized(module, "weight"):
        drawn = draw(module.weight.detach().clone(), *args, **options)
        try:
            module.weight = drawn
        except (RuntimeError, NotImplementedError):  # no inverse: what it is computed from
            draw(module.parametrizations.weight.original, *args, **options)
    else:
        draw(module.weight, *args, **options)
'''


_OLD_WEIGHT_NORM = [
    'if hasattr(module, "weight_v"):  # the weight is computed from these two',
    "    module.weight_v.copy_(module.weight)",
    "    module.weight_g.copy_(torch.norm_except_dim(module.weight, 2, 0))",
]


def _through_parametrizations(text: str) -> str:
    return re.sub(r"nn\.init\.(\w+_)\(module\.weight, ?", r"fill(module, nn.init.\1, ", text)


def _docstring(plan: Plan) -> str:
    what = f"Start a network of {plan.depth} layers, {plan.activation}"
    what += ", with attention" if plan.attention else ""
    lines = textwrap.wrap(f'"""{what}: model.apply(init_weights)."""', 92)
    return "\n".join(f"    {line}" for line in lines)


def _kinds(plan: Plan) -> list[tuple[tuple, list[str]]]:
    """Return what to do for each kind of layer; subclasses before their parents."""
    fan_in = "fan_in = module.weight[0].numel()  # what one unit sums"
    transposed = [
        "places = module.weight[0, 0].numel() / math.prod(module.stride)",
        "fan_in = module.in_channels / module.groups * places  # of its own sums",
        *_normal(plan, "fan_in"),
        *_ZERO_BIAS,
    ]
    dense = [*_normal(plan, None), *_ZERO_BIAS]
    conv = [fan_in, *_normal(plan, "fan_in"), *_ZERO_BIAS]
    bounded_and_deep = plan.activation in BOUNDED and plan.depth > DEEP and not plan.attention
    if bounded_and_deep:
        line = (
            "nn.init.orthogonal_(module.weight, gain=1.05)  # deep and bounded: no direction lost"
        )
        dense, conv = [line, *_ZERO_BIAS], [line, *_ZERO_BIAS]
    return [
        ((nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell), _RECURRENT),
        ((nn.MultiheadAttention,), _attention(plan)),
        ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), transposed),
        ((nn.Conv1d, nn.Conv2d, nn.Conv3d), conv),
        ((nn.Linear,), dense),
        (
            (nn.Bilinear,),
            [*_normal(plan, "module.in1_features * module.in2_features"), *_ZERO_BIAS],
        ),
        ((nn.Embedding, nn.EmbeddingBag), _embedding(plan)),
    ]


_ZERO_BIAS = ["if module.bias is not None:", "    nn.init.zeros_(module.bias)"]


_RECURRENT = [
    "for name, parameter in module.named_parameters(recurse=False):",
    "    rows = min(module.hidden_size, len(parameter))  # a projection has fewer",
    "    gates = parameter.split(rows)  # each gate is a matrix of its own",
    "    for gate in gates:",
    '        if name.startswith("weight_hh"):',
    "            nn.init.orthogonal_(gate)",
    '        elif name.startswith("weight"):',
    "            nn.init.xavier_uniform_(gate)",
    "        else:",
    "            nn.init.zeros_(gate)",
    '    if name.startswith("bias_ih") and isinstance(module, (nn.LSTM, nn.LSTMCell)):',
    "        nn.init.ones_(gates[1])  # the forget gate begins open",
]


def _attention(plan: Plan) -> list[str]:
    if plan.width:
        draw = f"nn.init.normal_(part, std={_small(plan)})"
    else:
        draw = "nn.init.xavier_normal_(part)"
    return [
        "if module.in_proj_weight is not None:  # queries, keys, values: three layers, not one",
        "    for part in module.in_proj_weight.chunk(3):",
        f"        {draw}",
        "for name, parameter in module.named_parameters(recurse=False):",
        '    if name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):',
        "        nn.init.xavier_normal_(parameter)",
        '    elif name == "in_proj_bias":',
        "        nn.init.zeros_(parameter)",
    ]


def _embedding(plan: Plan) -> list[str]:
    if plan.attention and plan.width:
        return [f"nn.init.normal_(module.weight, std={_small(plan)})"]
    return [
        "nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)  # a row of length 1",
    ]


def _small(plan: Plan) -> str:
    """Return GPT-2's 0.02, carried to another width."""
    return f"{0.02 * math.sqrt(768 / max(plan.width, 1)):.3g}"


def _normal(plan: Plan, fan_in: str | None) -> list[str]:
    """Return the lines that draw a weight for the activation that follows."""
    if plan.attention and plan.width and fan_in is None:
        return [f"nn.init.normal_(module.weight, std={_small(plan)})  # 0.02 at width 768"]
    fan = fan_in or "module.in_features"
    square, why = ("1", "LeCun") if plan.attention else _gain(plan)
    root = f"math.sqrt({square} / {_in_brackets(fan)})"
    return [f"# {why}", f"nn.init.normal_(module.weight, std={root})"]


def _in_brackets(fan: str) -> str:
    return f"({fan})" if "*" in fan else fan


def _gain(plan: Plan) -> tuple[str, str]:
    """Return gain² for an activation, as text, and in words."""
    name = plan.activation
    if name == "leaky_relu":
        return f"{2 / (1 + plan.slope**2):.4g}", "He, leaky"
    if name in GAINS:
        return f"{GAINS[name]:.3g}", f"keeps a signal of std 1 under {name}"
    known = {
        "sigmoid": ("16", "a sigmoid's slope is 1/4 at most"),
        "sin": (f"2 / {plan.slope or 30:g}**2", f"SIREN, for sin({plan.slope or 30:g} x)"),
        "selu": ("1", "LeCun, as SELU asks"),
        "linear": ("1", "LeCun"),
    }
    if name in known:
        return known[name]
    return ("1.1", f"nearly a line at 0: {name}") if name in BOUNDED else ("2", "He")


def _exceptions(model: nn.Module, plan: Plan) -> list[str]:
    """Return what is done by name; ``apply`` comes to the whole model last."""
    lines: list[str] = []
    ends = [name for name in plan.ends if not plan.attention and name not in plan.writers]
    square, _ = _gain(plan)
    if ends and square != "1":
        lines += _by_name(model, ends, "no activation follows: variance 1/fan_in")
        lines += [
            "    if isinstance(layer, nn.Linear):",
            "        nn.init.normal_(layer.weight, std=layer.in_features**-0.5)",
        ]
    if plan.writers and plan.branches > 1:
        factor = plan.branches**-0.5
        why = f"{plan.branches} branches write into one stream: each 1/√{plan.branches} as much"
        lines += _by_name(model, plan.writers, why)
        lines += [f"    layer.weight.mul_({factor:.4f})"]
    for name, fan in plan.bare.items():
        lines += [f'nn.init.normal_(module.get_parameter("{name}"), std=math.sqrt({fan}))']
    if not lines:
        return []
    root = type(model).__name__
    count = sum(1 for _ in model.modules())
    test = f'if type(module).__name__ == "{root}" and len([*module.modules()]) == {count}:'
    return [
        "",
        "# the model itself, to which apply comes last",
        test,
        *[f"    {line}" for line in lines],
    ]


def _by_name(model: nn.Module, names: list[str], why: str) -> list[str]:
    """Return a loop over the layers of these names, by their common endings where that fits."""
    endings = tuple(_unique(re.sub(r"^.*(?:^|\.)\d+\.(?=[^.]*[a-zA-Z_])", "", n) for n in names))
    found = [path for path, _ in model.named_modules() if _ends_so(path, endings)]
    if len(names) > 3 and sorted(found) == sorted(names):
        ends = tuple(f".{e}" for e in endings)
        return [
            f"# {why}",
            "for name, layer in module.named_modules():",
            f"    if not name.endswith({ends!r}):",
            "        continue",
        ]
    listed = textwrap.wrap(", ".join(f'"{n}"' for n in names) + ",", 76)
    loop = [f"for name in ({listed[0]}):"]
    if len(listed) > 1:
        loop = ["for name in (", *[f"    {row}" for row in listed], "):"]
    return [f"# {why}", *loop, "    layer = module.get_submodule(name)"]


def _ends_so(path: str, endings: tuple[str, ...]) -> bool:
    return any(path.endswith(f".{ending}") for ending in endings)
