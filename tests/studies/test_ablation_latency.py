"""Latency as an axis of an ablation: measured once for each network, and read at equal latency."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from nas.ablation_document import ablation_json
from nas.ablation_evidence import headline
from nas.latency.value import Latency
from nas.watch import Silent
from studies.ablations.latency import latencies
from tests.nas.latency.fakes import FakeTarget, put_in_place, total
from tests.studies.tiny_ablation import ablation, request, run, tiny_among_spaces

__all__ = ["tiny_among_spaces"]  # a fixture for all of this file


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTarget:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    return put_in_place(monkeypatch, FakeTarget())


def test_every_network_is_measured_whole_in_its_native_form(target: FakeTarget) -> None:
    asked = request(latency_target=target.name)
    facts = latencies(asked, Silent())
    assert (facts.latency_target, facts.latency_fingerprint) == (target.name, "a processor, 1 thread")
    assert set(facts.latencies) == {one.name for one in asked.networks}
    for one in asked.networks:
        assert facts.latencies[one.name].ms == pytest.approx(total(one.spec), rel=0.05)
    measured = len(target.networks)
    assert latencies(replace(asked, facts=facts), Silent()) == facts
    assert len(target.networks) == measured


def test_variants_are_read_at_equal_latency_where_a_target_is_chosen(target: FakeTarget) -> None:
    storage = InMemoryStorage()
    asked = request(latency_target=target.name, seeds=3, lengths="short")
    found = run(storage, replace(asked, facts=latencies(asked, Silent())))
    shown = headline(found)
    assert shown is not None
    assert set(shown.equal) == {"macs", "params", "latency"}
    document = ablation_json(found, shown)
    for one in document["variants"]:
        assert one["at_equal_latency"]["cost"] == one["latency_ms"] == found.facts.latencies[one["name"]].ms
    # begun again without a target, or with more variants, what was measured stays
    more = ablation({"wide": {"*.expansion": 3.0}, "se": {"*.se": True}, "kernel": {"*.kernel": 5}})
    again = run(storage, request(more, seeds=3, lengths="short"))
    assert again.facts.latencies == found.facts.latencies
    added = {"kernel": Latency(1.0, 1.0, 1.0)}
    asked = request(more, seeds=3, lengths="short", latency_target=target.name)
    last = run(storage, replace(asked, facts=replace(asked.facts, latencies=added)))
    assert last.facts.latencies == found.facts.latencies | added


def test_another_targets_latencies_are_not_mixed_with_these(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = InMemoryStorage()
    asked = request(latency_target=target.name, lengths="short")
    run(storage, replace(asked, facts=latencies(asked, Silent())))
    put_in_place(monkeypatch, FakeTarget(processor="another processor"))
    asked = request(latency_target=target.name, lengths="short")
    again = run(storage, asked)
    assert again.facts.latency_fingerprint == "another processor, 1 thread"
    assert again.facts.latencies == {}
