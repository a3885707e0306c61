"""The document of ``--json``."""

from typing import Any

from nas.blocks.operators import Operator
from nas.profile.count import Count
from nas.profile.kinds import by_kind
from nas.profile.network import Profiled


def profile_json(found: Profiled, *, count: Count) -> dict[str, Any]:
    """The network, every block with its share of the multiply-adds and its operators, and the kinds of operator.

    ``macs`` are multiply-adds whatever is counted; ``flops`` are null unless they are asked for, ``latency_ms`` unless
    there is a device.
    """
    from nas.cost import cost, ledger
    from reports.stages import places

    spec, total, latency = found.spec, cost(found.spec), found.latency

    def work(macs: int) -> dict[str, int | None]:
        return {"macs": macs, "flops": count.each * macs if count.name == "flops" else None}

    return {
        "name": found.name,
        "title": found.title,
        "source": found.source,
        "resolution": spec.resolution,
        "classes": spec.classes,
        "strides": spec.strides,
        **work(total.macs),
        "params": total.params,
        "kernels": total.kernels,
        "peak_activation_bytes": total.peak_activation_bytes,
        "latency_ms": None if latency is None else latency.total_ms,
        "blocks": [
            {
                "name": line.name,
                "place": place,
                "kind": line.kind,
                "words": row.block.words(row.shape),
                "input": list(line.shape),
                "output": list(line.out),
                **work(line.cost.macs),
                "params": line.cost.params,
                "kernels": line.cost.kernels,
                "peak_activation_bytes": line.cost.peak_activation_bytes,
                "macs_share": line.cost.macs / total.macs,
                "latency_ms": None if latency is None else latency.blocks_ms.get(line.name),
                "operators": [_operator(one) | work(one.macs) for one in row.block.operators(row.shape)],
            }
            for line, (place, row) in zip(ledger(spec), places(spec), strict=True)
        ],
        "kinds": [
            {
                "kind": one.kind,
                "operators": one.operators,
                **work(one.macs),
                "params": one.params,
                "elements_touched": one.touched,
            }
            for one in by_kind(spec)
        ],
    }


def _operator(one: Operator) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "squeeze_excite": one.squeeze_excite,
        "words": one.words,
        "output": list(one.out),
        "params": one.params,
        "elements_live": one.live,
        "elements_touched": one.touched,
    }
