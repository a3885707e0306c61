"""The blocks of a space as ONNX files with a small runner, for a device that is not here."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.arch import ArchSpec
from nas.data.progress import Progress
from nas.errors import LatencyError
from nas.latency import runner, turns
from nas.latency.build import NETWORKS, Form, possible_blocks, some_networks
from nas.latency.stopwatch import REFERENCE
from nas.latency.table import placed_json
from nas.space import Space

if TYPE_CHECKING:
    from torch import nn

PATTERN = 64  # different weights a layer has; more would make packs of hundreds of megabytes


def pack(space: Space, form: Form, out: Path, *, key: str, say: Callable[[str], None]) -> int:
    """Write the pack and return how many blocks it has. Raises ``LatencyError`` where it cannot be written."""
    blocks, networks = possible_blocks(space, form), some_networks(space, form, NETWORKS)
    progress = Progress(say, "written", len(blocks) + len(networks))
    files: list[dict[str, Any]] = []
    part = out.with_suffix(".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
            packed.writestr("__main__.py", Path(runner.__file__).read_text())
            packed.writestr("turns.py", Path(turns.__file__).read_text())
            packed.writestr("reference.onnx", _network(REFERENCE))
            packed.writestr("overhead.onnx", _overhead())
            files.append({"kind": "overhead", "name": "overhead.onnx", "what": None})
            for number, one in enumerate(blocks):
                what = placed_json().dump_python(one, mode="json")
                files.append({"kind": "block", "name": f"blocks/{number:05}.onnx", "what": what})
                packed.writestr(files[-1]["name"], _graph(one.block.module(one.shape), one.shape))
                progress.advance(1)
            for number, spec in enumerate(networks):
                what = json.loads(spec.to_json())
                files.append({"kind": "network", "name": f"networks/{number:03}.onnx", "what": what})
                packed.writestr(files[-1]["name"], _network(spec))
                progress.advance(1)
            manifest = {"key": key, "reference": "reference.onnx", "files": files}
            manifest["pack"] = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()[:16]
            packed.writestr("manifest.json", json.dumps(manifest))
        part.replace(out)
    except OSError as error:
        raise LatencyError(f"{out}: cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)
    return len(blocks)


def _network(spec: ArchSpec) -> bytes:
    from nas.model import build

    return _graph(build(spec), (spec.channels, spec.resolution, spec.resolution))


def _overhead() -> bytes:
    from torch import nn

    from nas.onnx_graph import to_onnx

    return to_onnx(nn.ReLU(), (1, 1, 1))


def _graph(module: "nn.Module", shape: tuple[int, ...]) -> bytes:
    """The module with weights that repeat, so that a pack is small: what they are takes no time, as long as none is 0
    and sums stay of usual size."""
    import torch

    from nas.onnx_graph import to_onnx

    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                few = torch.randn(PATTERN, generator=torch.Generator().manual_seed(0))
                fan_in = parameter[0].numel()
                repeated = few.repeat(-(-parameter.numel() // PATTERN))[: parameter.numel()]
                parameter.copy_(repeated.reshape(parameter.shape) * (2 / fan_in) ** 0.5)
    return to_onnx(module, shape)
