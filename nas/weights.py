"""Weights in and out: a network's tensors under our names, torchvision's or timm's.

    load_weights(build(find_reference("mobilenet_v3_small").spec()), "mobilenet_v3_small-047dcff4.pth")
    timm_model.load_state_dict(export_weights(network, "timm"))

Only names and shapes say that a file belongs to a network. Facts without tensors (activations, strides, batch norm's
epsilon) are the spec's: for timm's MobileNetV3, ``spec.with_norm(eps=1e-5)``.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nas.errors import NasError
from nas.layouts import LAYOUTS, Layout

if TYPE_CHECKING:
    from nas.model import Network

OWN = "own"
WRAPPERS = ("state_dict", "model")  # entries of training checkpoints that hold the tensors
PREFIXES = ("module.", "_orig_mod.")  # of networks inside DataParallel and torch.compile
COUNTER = "num_batches_tracked"
SHOWN = 3  # names of each kind in a message


class WeightsError(NasError):
    """A file that holds no weights, or weights of another network."""


def load_weights(network: "Network", source: str | Path | Mapping[str, Tensor], layout: str = "auto") -> str:
    """Copy weights into ``network`` from a file or a state dict, and return the layout that was used.

    ``layout`` is "own", "torchvision" or "timm"; "auto" takes the one whose names agree best. Wrapped state dicts
    (``{"state_dict": …}``, ``{"model": …}``, names that begin with ``module.``) are read as well. Either every tensor
    is copied or, with ``WeightsError``, none. torch's early files have no counts of batches; they are then zero.
    """
    place = "the state dict" if isinstance(source, Mapping) else str(source)
    tensors = _unwrapped(place, source if isinstance(source, Mapping) else _read(Path(source)))
    name, expected, found = _best(network, tensors, layout)
    counted = [key for key in expected if key.rpartition(".")[2] == COUNTER]
    agreeing = expected.keys() & found.keys()
    if agreeing and not agreeing.intersection(counted):
        found |= {key: torch.zeros_like(expected[key]) for key in counted}
    missing = [key for key in expected if key not in found]
    unknown = [key for key in found if key not in expected]
    misshapen = [
        f"{key} is {_different(found[key], wanted)}"
        for key, wanted in expected.items()
        if key in found and _different(found[key], wanted)
    ]
    faults = [_listed("missing", missing), _listed("unknown", unknown), _listed("of another shape or type", misshapen)]
    if any(faults):
        tried = [one.library if one else OWN for one in _candidates(network, layout)]
        raise WeightsError(
            f"{place}: not the weights of this network in the layout {name!r}: {'; '.join(filter(None, faults))}"
            + (f"; layouts tried: {', '.join(tried)}" if len(tried) > 1 and not agreeing else "")
        )
    with torch.no_grad():
        for key, wanted in expected.items():
            wanted.copy_(found[key])
    return name


def export_weights(network: "Network", layout: str = "torchvision") -> dict[str, Tensor]:
    """Copies of the network's tensors under the names of ``layout``: "own", "torchvision" or "timm".

    What comes out loads with ``strict=True`` into that library's network. Raises ``WeightsError`` for a network that
    is none of the library's families.
    """
    return {key: tensor.clone() for key, tensor in _expected(network, _named(network, layout)).items()}


# ---- layouts


def _candidates(network: "Network", layout: str) -> list[Layout | None]:
    """The layouts that may be meant; None stands for our own."""
    if layout == "auto":
        return [None, *(one for one in LAYOUTS if one.fits(network.spec))]
    return [_named(network, layout)]


def _named(network: "Network", layout: str) -> Layout | None:
    """The names of this network in a library, which has at most one layout that fits it; None for our own."""
    if layout == OWN:
        return None
    libraries = list(dict.fromkeys(one.library for one in LAYOUTS))
    if layout not in libraries:
        raise WeightsError(f"layout: {layout!r}: unknown; there are {', '.join([OWN, *libraries])}")
    fitting = {one.library: one for one in LAYOUTS if one.fits(network.spec)}
    if layout not in fitting:
        families = ", ".join(one.family for one in LAYOUTS if one.library == layout)
        raise WeightsError(
            f"layout: {layout!r}: this network is none of its families ({families}); "
            f"layouts it has: {', '.join([OWN, *fitting])}"
        )
    return fitting[layout]


def _expected(network: "Network", layout: Layout | None) -> dict[str, Tensor]:
    """Our tensors under the layout's names, with the layout's shapes; they share our memory."""
    leaves = [(name, module) for name, module in network.named_modules() if _own_tensors(module)]
    names = [name for name, _ in leaves] if layout is None else layout.names(network.spec)
    expected = {}
    for name, (_, module) in zip(names, leaves, strict=True):
        for part, tensor in _own_tensors(module).items():
            if layout and name in layout.pointwise and part == "weight":
                tensor = tensor[:, :, None, None]
            expected[f"{name}.{part}"] = tensor
    return expected


def _own_tensors(module: torch.nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of this module itself, in the order of its state dict."""
    own = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
    return {name: tensor.detach() for name, tensor in own.items()}


def _best(
    network: "Network", tensors: Mapping[str, Tensor], layout: str
) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Of the layouts that may be meant the one that leaves the fewest names over: name, our tensors, theirs."""

    def read(candidate: Layout | None) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
        found = {(candidate.today(key) if candidate else key): tensor for key, tensor in tensors.items()}
        if len(found) < len(tensors):  # an old name beside its new one: neither may be lost
            found = dict(tensors)
        return (candidate.library if candidate else OWN), _expected(network, candidate), found

    def strangeness(one: tuple[str, dict[str, Tensor], dict[str, Tensor]]) -> tuple[int, int]:
        """Names left over; where none agrees, whether they at least begin as the layout's do."""
        expected, found = ({key.partition(".")[0] for key in names} for names in one[1:])
        return len(one[1].keys() ^ one[2].keys()), len(expected ^ found)

    return min(map(read, _candidates(network, layout)), key=strangeness)


# ---- files


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except OSError as error:
            raise WeightsError(f"{path}: {error.strerror or error}") from None
        except SafetensorError as error:
            raise WeightsError(f"{path}: no file of weights: it is damaged ({error})") from None
    try:
        file = path.open("rb")
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from None
    with file:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged files raise nearly anything
            refused = "unsupported global" in str(error).lower()
            why = "it holds objects besides tensors, which are not unpickled" if refused else "torch cannot read it"
    raise WeightsError(f"{path}: no file of weights: {why}; write one with torch.save(model.state_dict(), …)")


def _unwrapped(place: str, content: object) -> dict[str, Tensor]:
    """Tensors by name, from whatever is around them."""
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{place}: no weights: {_kind(content)} instead of tensors by name")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise WeightsError(f"{place}: no weights: {name!r} is {_kind(tensor)} and no tensor")
        if tensor.layout != torch.strided or tensor.is_meta:
            raise WeightsError(f"{place}: {name} is sparse or has no values; plain tensors are needed")
    tensors = dict(content)
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


# ---- messages


def _different(found: Tensor, wanted: Tensor) -> str:
    """``1000×1024 and should be 10×1024``; empty where one can be copied into the other.

    Another precision is converted, but whole numbers are no weights.
    """
    if found.shape != wanted.shape:
        here, there = ("×".join(map(str, tensor.shape)) or "one number" for tensor in (found, wanted))
    elif found.is_floating_point() != wanted.is_floating_point():
        here, there = (str(tensor.dtype).removeprefix("torch.") for tensor in (found, wanted))
    else:
        return ""
    return f"{here} and should be {there}"


def _listed(what: str, names: Iterable[str]) -> str:
    """``12 missing (a, b, c, … and 9 more)``, or nothing."""
    names = list(names)
    more = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:SHOWN])}{more})" if names else ""


def _kind(content: object) -> str:
    return "an empty collection" if content == {} else f"a {type(content).__name__}"
