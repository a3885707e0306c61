"""The text of a ``model.py``: one network in plain torch, as somebody would write it down by hand.

Blocks of a kind share a class, which has the parts and the parameters that this network's blocks need and no others:
what is the same in all of them is written inside, what differs is an argument.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, TypeVar

from nas.arch import ArchSpec, Row
from nas.blocks import Convolution, DenseLayer, DepthwiseSeparable, Fire, InvertedResidual, Resize
from nas.blocks.base import pad
from nas.cost import cost
from nas.export.templates import template
from nas.plain import ACTIVATIONS, Entry, classifier, features, norm_options
from nas.preprocessing import Preprocessing
from reports.stages import places

WIDTH = 120  # columns
GATES = {"hardsigmoid": "nn.Hardsigmoid", "sigmoid": "nn.Sigmoid"}
UNKNOWN = (
    "How images are prepared is a matter of the weights, and not known here: do what was done when they were trained."
)
ACTIVATION = "activation: type[nn.Module]"

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a ``model.py`` says beside the network."""

    title: str
    trained: str  # a sentence on the weights
    classes: tuple[str, ...] | None = None  # names in the order of the scores
    preprocessing: Preprocessing | None = None


def model_py(spec: ArchSpec, described: Described) -> str:
    """The file's text. Its state dict has the names of the layout "exported" (``nas.plain.names``)."""
    parts = _Parts(spec)
    given, used = described.preprocessing, parts.used
    total = cost(spec)
    return template("model.py.jinja").render(
        spec=spec,
        title=_prose(described.title),
        trained=_prose(described.trained),
        size=f"{total.macs / 1e6:,.1f} million multiply-adds an image, {total.params / 1e6:,.2f} million parameters.",
        unknown=_prose(UNKNOWN),
        classes=None if described.classes is None else _classes(described.classes),
        preprocessing=given,
        sides=given and _tuple(given.sides),
        mean=given and _tuple(given.mean),
        std=given and _tuple(given.std),
        functional=bool(given or used & {"Fire", "DenseLayer", "Resize"}),
        used=used,
        norm=parts.norm,
        conv_norm=parts.conv_norm() if "ConvNorm" in used else None,
        squeeze_excite=parts.squeeze_excite(),
        inverted_residual=parts.inverted_residual(),
        depthwise_separable=parts.depthwise_separable(),
        fire=parts.fire(),
        dense_layer=parts.dense_layer(),
        features=parts.lines(features(spec), staged=True),
        classifier=parts.lines(classifier(spec), staged=False),
        signature=_signature,
        wrapped=_wrapped,
        docstring=_docstring,
    )


class _Parts:
    """The classes of one network: what is written in them, and what they are given."""

    def __init__(self, spec: ArchSpec) -> None:
        self.spec = spec
        self.rows = list(spec.rows())
        entries = [*features(spec), *classifier(spec)]
        self.conv_norms = [entry.row for entry in entries if entry.made == "ConvNorm"]
        self.used = {entry.made for entry in entries if entry.composite}
        if self.used & {"InvertedResidual", "DepthwiseSeparable"}:
            self.used.add("ConvNorm")
        blocks: tuple[Any, ...] = spec.blocks
        norms = {
            (block.norm_eps, block.norm_momentum)
            for block in blocks
            if hasattr(block, "norm_eps") and getattr(block, "norm", True)
        }
        self.norms_differ = len(norms) > 1
        self.norm = (
            ", eps=eps, momentum=momentum" if self.norms_differ else norm_options(*next(iter(norms), (1e-5, 0.1)))
        )
        self.norm_parameters = ["eps: float", "momentum: float"] if self.norms_differ else []
        self.norm_passed = ["eps=eps", "momentum=momentum"] if self.norms_differ else []

    def of(self, kind: type[Kind]) -> list[tuple[Row, Kind]]:
        return [(row, row.block) for row in self.rows if isinstance(row.block, kind)]

    # ---- classes

    def conv_norm(self) -> dict[str, Any]:
        """Everything a ConvNorm is made with, here and inside the blocks."""
        stems = [block for _, block in self.of(Convolution) if block.norm and not block.bias]
        grouped = bool(self.used & {"InvertedResidual", "DepthwiseSeparable"})
        padded = any(block.padding != "same" for block in stems)
        parameters = ["channels: int", "out: int", "kernel: int", "*", "stride: int = 1"]
        parameters += ["padding: int | None = None"] if padded else []
        parameters += ["groups: int = 1"] if grouped else []
        parameters += [ACTIVATION] if len(self.activations) > 1 else []
        conv = ["channels", "out", "kernel", "stride=stride"]
        conv.append("padding=kernel // 2 if padding is None else padding" if padded else "padding=kernel // 2")
        conv += ["groups=groups"] if grouped else []
        return {
            "parameters": parameters + self.norm_parameters,
            "conv": [*conv, "bias=False"],
            "activations": self.activations,
        }

    @property
    def activations(self) -> list[str]:
        """Of all ConvNorms; with one only, it is written inside the class."""
        found = [row.block.activation for row in self.conv_norms if isinstance(row.block, Convolution)]
        found += [one for _, block in self.of(InvertedResidual) for one in (block.activation, block.out_activation)]
        found += [block.activation for _, block in self.of(DepthwiseSeparable)]
        return [ACTIVATIONS[one] for one in dict.fromkeys(found)]

    def squeeze_excite(self) -> dict[str, Any] | None:
        gates = self._gates()
        if not gates:
            return None
        given = ["*", "gate: type[nn.Module]"] if len(gates) > 1 else []
        return {
            "parameters": ["channels: int", "squeeze: int", *given],
            "gate": "gate" if given else gates[0],
        }

    def _gates(self) -> list[str]:
        return _different(GATES[block.gate] for _, block in self.of(InvertedResidual) if block.squeeze)

    def inverted_residual(self) -> dict[str, Any]:
        found = self.of(InvertedResidual)
        expand = _how_many(block.expands(row.shape) for row, block in found)
        squeeze = _how_many(block.squeeze > 0 for _, block in found)
        shortcut = self._shortcut()
        inner, given = self._activated("activation", [block.activation for _, block in found])
        outer, given_out = self._activated("out_activation", [block.out_activation for _, block in found])
        channels = ["channels: int"] if expand != "none" or shortcut == "shape" else []  # what else would need them
        parameters = [*channels, "mid: int", "out: int", "*", "kernel: int", "stride: int = 1"]
        parameters += {"all": ["squeeze: int"], "some": ["squeeze: int = 0"], "none": []}[squeeze]
        parameters += ["gate: type[nn.Module] = nn.Sigmoid"] if len(self._gates()) > 1 else []
        parameters += ["shortcut: bool"] if shortcut == "given" else []
        words = [*(["1×1 expansion"] if expand != "none" else []), "k×k depthwise"]
        words += ["squeeze-excite"] if squeeze != "none" else []
        return {
            "parameters": parameters + given + given_out + self.norm_parameters,
            "expand": expand,
            "squeeze": squeeze,
            "shortcut": shortcut,
            "gate": ", gate=gate" if len(self._gates()) > 1 else "",
            "inner": inner + self.norm_passed,
            "outer": outer + self.norm_passed,
            "words": " → ".join([*words, "1×1 projection"]),
            "shortcut_words": {
                "all": "The input is added to the output.",
                "none": "",
                "shape": "The input is added where it has the output's shape.",
                "given": "With ``shortcut`` the input is added to the output.",
            }[shortcut],
        }

    def _shortcut(self) -> str:
        """Whether the input is added: in "all" blocks, in "none", where the "shape" allows it, or as "given"."""
        found = self.of(InvertedResidual)
        how_many = _how_many(block.has_shortcut(row.shape) for row, block in found)
        if how_many != "some":
            return how_many
        by_shape = all(
            block.has_shortcut(row.shape) == (block.stride == 1 and block.out == row.shape.channels)
            for row, block in found
        )
        return "shape" if by_shape else "given"

    def _activated(self, name: str, activations: Sequence[Any]) -> tuple[list[str], list[str]]:
        """What a block passes to its ConvNorms, and the parameter it has for that where its blocks differ."""
        kinds = _different(ACTIVATIONS[one] for one in activations)
        if len(self.activations) == 1 or not kinds:
            return [], []
        if len(kinds) == 1:
            return [f"activation={kinds[0]}"], []
        return [f"activation={name}"], [f"{name}: type[nn.Module]"]

    def depthwise_separable(self) -> dict[str, Any]:
        inner, given = self._activated("activation", [block.activation for _, block in self.of(DepthwiseSeparable)])
        parameters = ["channels: int", "out: int", "*", "kernel: int", "stride: int = 1"]
        return {"parameters": parameters + given + self.norm_parameters, "inner": inner + self.norm_passed}

    def fire(self) -> dict[str, Any]:
        bypasses = sorted({block.bypass for _, block in self.of(Fire)})
        parameters = ["channels: int", "squeeze: int", "expand1x1: int", "expand3x3: int"]
        words = {
            "none": "",
            "simple": "The input is added.",
            "complex": "A 1×1 convolution of the input is added.",
            "none, simple": 'With ``bypass="simple"`` the input is added.',
        }.get(", ".join(bypasses), "With a ``bypass`` the input is added: as it is, or through a 1×1 convolution.")
        if len(bypasses) > 1:
            parameters += ["*", 'bypass: str = "none"' if "none" in bypasses else "bypass: str"]
        return {"parameters": parameters, "bypasses": bypasses, "words": words}

    def dense_layer(self) -> dict[str, Any]:
        found = [block for _, block in self.of(DenseLayer)]
        bottleneck = _how_many(block.bottleneck > 0 for block in found)
        kernels = _different(str(block.kernel) for block in found)
        dropouts = _different(str(block.dropout) for block in found)
        parameters = ["channels: int", "*", "growth: int"]
        parameters += {"all": ["bottleneck: int"], "some": ["bottleneck: int = 0"], "none": []}[bottleneck]
        parameters += ["kernel: int"] if len(kernels) > 1 else []
        parameters += ["dropout: float"] if len(dropouts) > 1 else []
        kernel = "kernel" if len(kernels) > 1 else next(iter(kernels), "")
        return {
            "parameters": parameters + self.norm_parameters,
            "bottleneck": bottleneck,
            "kernel": kernel,
            "padding": "kernel // 2" if len(kernels) > 1 else int(kernel or 0) // 2,
            "dropout": "dropout" if len(dropouts) > 1 else next((one for one in dropouts if float(one)), ""),
            "words": {
                "all": "1×1 bottleneck → batch norm → ReLU → ",
                "some": "[1×1 bottleneck → batch norm → ReLU →] ",
                "none": "",
            }[bottleneck],
        }

    # ---- entries

    def lines(self, entries: Sequence[Entry], *, staged: bool) -> list[str]:
        """Of an ``nn.Sequential``: a call, and behind it the shapes; before each stage its name."""
        place = {row.name: " ".join(where.split()[:2]) for where, row in places(self.spec)}
        lines, before = [], ""
        for entry in entries:
            now = place[entry.row.name]
            now = now if now.startswith("stage") else now.split()[0]
            if staged and now != before:
                lines.append(f"{12 * ' '}# {now}")
                before = now
            made = self._call(entry) if entry.composite else entry.made
            lines.append(_with_comment(made, entry.change))
        return lines

    def _call(self, entry: Entry) -> str:
        row, block = entry.row, entry.row.block
        arguments = [str(row.shape.channels)]
        many = len(self.activations) > 1
        match block:
            case Convolution():
                arguments += [str(block.out), str(block.kernel), *_stride(block.stride)]
                if block.padding != "same":
                    arguments.append(f"padding={pad(block.kernel, block.padding)}")
                arguments += [f"activation={ACTIVATIONS[block.activation]}"] if many else []
                arguments += self._norm(block)
            case InvertedResidual():
                facts = self.inverted_residual()["parameters"]
                arguments = arguments if "channels: int" in facts else []
                arguments += [str(block.mid), str(block.out), f"kernel={block.kernel}", *_stride(block.stride)]
                arguments += [f"squeeze={block.squeeze}"] if block.squeeze else []
                if block.squeeze and len(self._gates()) > 1:
                    arguments.append(f"gate={GATES[block.gate]}")
                arguments += [f"shortcut={block.has_shortcut(row.shape)}"] if "shortcut: bool" in facts else []
                for name in ("activation", "out_activation"):
                    if f"{name}: type[nn.Module]" in facts:
                        arguments.append(f"{name}={ACTIVATIONS[getattr(block, name)]}")
                arguments += self._norm(block)
            case DepthwiseSeparable():
                arguments += [str(block.out), f"kernel={block.kernel}", *_stride(block.stride)]
                if ACTIVATION in self.depthwise_separable()["parameters"]:
                    arguments.append(f"activation={ACTIVATIONS[block.activation]}")
                arguments += self._norm(block)
            case Fire():
                arguments += [str(block.squeeze), str(block.expand1), str(block.expand3)]
                several = len(self.fire()["bypasses"]) > 1
                arguments += [f'bypass="{block.bypass}"'] if several and block.bypass != "none" else []
            case DenseLayer():
                facts = self.dense_layer()["parameters"]
                arguments.append(f"growth={block.growth}")
                arguments += [f"bottleneck={block.bottleneck}"] if block.bottleneck else []
                arguments += [f"kernel={block.kernel}"] if "kernel: int" in facts else []
                arguments += [f"dropout={block.dropout}"] if "dropout: float" in facts else []
                arguments += self._norm(block)
            case Resize():
                arguments = [str(row.out.height), str(row.out.width)]
        return f"{entry.made}({', '.join(arguments)})"

    def _norm(self, block: Any) -> list[str]:
        return [f"eps={block.norm_eps}", f"momentum={block.norm_momentum}"] if self.norms_differ else []


def _stride(stride: int) -> list[str]:
    return [f"stride={stride}"] if stride > 1 else []


def _different(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _how_many(are: Iterable[bool]) -> str:
    found = set(are)
    return "some" if len(found) > 1 else "all" if True in found else "none"


# ---- lines that fit


def _with_comment(made: str, comment: str) -> str:
    """An entry and its shapes; they stand above where there is no room behind."""
    space = 12 * " "
    line = f"{space}{made},"
    if comment and len(line) + len(comment) + 4 <= WIDTH:
        return f"{line}  # {comment}"
    above = f"{space}# {comment}\n" if comment else ""
    if len(line) > WIDTH:
        name, _, arguments = made.partition("(")
        line = f"{space}{name}(\n{space}    {arguments[:-1]}\n{space}),"
    return above + line


def _signature(parameters: Sequence[str]) -> str:
    """``def __init__``; over several lines where one is too short."""
    line = f"    def __init__(self, {', '.join(parameters)}) -> None:"
    if len(line) <= WIDTH:
        return line
    inner = f"        self, {', '.join(parameters)}"
    if len(inner) > WIDTH:
        inner = "".join(f"        {one},\n" for one in ("self", *parameters)).rstrip("\n")
    return f"    def __init__(\n{inner}\n    ) -> None:"


def _wrapped(made: str, arguments: Sequence[str]) -> str:
    """A statement of an ``__init__``; ``made`` may begin with spaces of its own."""
    space = 8 * " " + " " * (len(made) - len(made.lstrip()))
    line = f"{space}{made.lstrip()}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return line
    return f"{space}{made.lstrip()}(\n{space}    {', '.join(arguments)}\n{space})"


def _prose(text: str) -> str:
    """For the file's docstring, which it must not end."""
    return fill(text.replace("\\", "/").replace('"', "'"), WIDTH - 4)


def _docstring(first: str, second: str) -> str:
    """Of a class; the second sentence stands below where one line is too short."""
    line = f'    """{" ".join(filter(None, (first, second)))}"""'
    return line if len(line) <= WIDTH else f'    """{first}\n\n    {second}\n    """'


def _tuple(values: Sequence[float]) -> str:
    return f"({', '.join(map(repr, values))}{',' if len(values) == 1 else ''})"


def _classes(names: Sequence[str]) -> str:
    """One a line where they are many: their number is the line's."""
    quoted = [_quoted(name) for name in names]
    line = f"CLASSES = ({', '.join(quoted)}{',' if len(quoted) == 1 else ''})"
    if len(line) <= WIDTH:
        return line
    return "CLASSES = (\n" + "".join(f"    {name},\n" for name in quoted) + ")"


def _quoted(name: str) -> str:
    """With double quotes, as the rest of the file has."""
    return repr(name) if '"' in name else '"' + repr(f'"{name}')[2:-1].replace("\\'", "'") + '"'
