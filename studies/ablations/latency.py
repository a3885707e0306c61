"""Latencies of an ablation's networks, where a target is chosen: each measured whole, in the native form."""

from dataclasses import replace

from nas.errors import LatencyError
from nas.latency.value import Latency
from nas.record import AblationFacts
from nas.watch import Watcher
from studies.ablations.request import AblationRequest


def latencies(request: AblationRequest, watch: Watcher) -> AblationFacts:
    """The facts with what is not measured yet. A device that is elsewhere tells them by its table. Raises
    ``LatencyError``."""
    facts = request.facts
    left = [network for network in request.networks if network.name not in facts.latencies]
    if facts.latency_target is None or not left:
        return facts
    from nas.latency.build import measure
    from nas.latency.find import find, stopwatch_for
    from nas.latency.predict import Predictor

    found = find(facts.latency_target, any_machine=request.any_machine)
    stopwatch = stopwatch_for(found)
    specs = [network.spec for network in left]
    if stopwatch is not None:
        watch.say(f"measuring {len(left)} networks on {facts.latency_target}")
        known = measure(found.table, stopwatch, specs)
        found.table.save(found.path)
    else:
        calibration = next(iter(found.table.calibrations.values()), None)
        if calibration is None:
            raise LatencyError(f"--latency-target {facts.latency_target}: its table is not calibrated; import it again")
        predict = Predictor(table=found.table, calibration=calibration)
        known = [predict(spec) for spec in specs]
    added: dict[str, Latency] = {network.name: one for network, one in zip(left, known, strict=True)}
    return replace(facts, latencies={**facts.latencies, **added})
