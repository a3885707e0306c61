"""Rows for people, JSON and CSV for machines: the same networks, the same numbers."""

import csv
import io
import json

from nas.arch import ArchSpec
from nas.evidence import confirmed, finalists, scores
from reports import standing
from reports.tables import COLUMNS, network_json, network_rows, networks_csv
from tests.reports.fakes import fake_run, with_target


def test_every_trial_and_reference_has_one_row() -> None:
    run = fake_run(states={3: "failed", 7: "pruned"})
    keys = [row.record.key for row in network_rows(run)]
    assert sorted(keys) == sorted(record.key for record in (*run.trials, *run.references))


def test_the_winner_is_first_then_the_finalists_by_confirmed_accuracy() -> None:
    run = fake_run()
    rows = network_rows(run)
    best = standing.winner(run)
    assert best is not None
    assert [row.role for row in rows[:4]] == ["winner", "finalist", "finalist", "reference"]
    assert rows[0].record.key == best.key
    assert {row.record.key for row in rows[:3]} == {record.key for record in finalists(run.trials)}
    means = [row.confirmed.mean for row in rows[1:3] if row.confirmed]
    assert means == sorted(means, reverse=True)


def test_unconfirmed_networks_follow_by_selected_accuracy_and_incomplete_ones_are_last() -> None:
    run = fake_run(states={3: "failed", 7: "pruned"})
    rest = [row.record for row in network_rows(run) if row.confirmed is None]
    selected = [record.val_accuracy for record in rest if record.val_accuracy is not None]
    assert selected == sorted(selected, reverse=True)
    assert [record.state for record in rest[len(selected) :]] == ["pruned", "failed"]


def test_a_demonstration_has_no_winner_among_its_rows() -> None:
    assert all(row.role != "winner" for row in network_rows(fake_run(trials=6, demo=True)))


def test_json_of_a_trial_has_exactly_the_agreed_keys_and_rebuilds_the_network() -> None:
    run = fake_run()
    document = json.loads(json.dumps(network_json(run, run.trials[0])))
    common = {"title", "origin", "macs", "params", "train_macs", "val_accuracy", "confirmed", "choices", "spec"}
    common |= {"latency_ms", "latency"}
    assert set(document) == common | {"number", "state"}
    assert ArchSpec.from_json(json.dumps(document["spec"])) == run.trials[0].spec
    reference = network_json(run, run.references[0])
    assert set(reference) == common | {"name"}
    assert reference["confirmed"] is None
    assert (reference["latency_ms"], reference["latency"]) == (None, None)


def test_latency_is_that_of_the_whole_network_where_it_was_measured() -> None:
    run = with_target(fake_run())
    best = finalists(run.trials)[0]
    document = network_json(run, best)
    assert document["latency_ms"] == 0.5 + best.macs / 20e6
    assert document["latency"]["measured"]
    assert document["latency"]["target"] == "onnxruntime-cpu"
    other = finalists(run.trials, len(run.trials))[-1]
    assert not network_json(run, other)["latency"]["measured"]
    lines = {row["network"]: row for row in csv.DictReader(io.StringIO(networks_csv(run)))}
    assert (lines[best.key]["latency_measured"], lines[other.key]["latency_measured"]) == ("True", "False")


def test_json_shows_null_for_the_accuracy_of_a_stopped_trial() -> None:
    run = fake_run(states={7: "pruned"})
    assert network_json(run, run.trials[7])["val_accuracy"] is None


def test_json_interval_is_null_from_one_seed() -> None:
    run = fake_run(seeds=(1,))
    best = finalists(run.trials)[0]
    found = network_json(run, best)["confirmed"]
    assert found["ci"] is None
    assert found["seeds"] == [1]


def test_csv_gives_back_what_was_recorded() -> None:
    run = fake_run(states={3: "failed", 7: "pruned"})
    rows = list(csv.DictReader(io.StringIO(networks_csv(run))))
    assert tuple(rows[0]) == COLUMNS
    by_key = {row["network"]: row for row in rows}
    means = confirmed(scores(run.confirmations))
    for record in (*run.trials, *run.references):
        row = by_key[record.key]
        assert int(row["macs"]) == record.macs
        assert int(row["train_macs"]) == record.train_macs
        assert (float(row["val_accuracy"]) if row["val_accuracy"] else None) == record.val_accuracy
        assert (json.loads(row["choices"]) if row["choices"] else None) == record.choices
        assert (row["reason"] or None) == record.reason
        mean = means.get(record.key)
        assert (float(row["confirmed_mean"]) if row["confirmed_mean"] else None) == (mean.mean if mean else None)
        assert row["confirmed_seeds"] == ("1 2" if mean else "")
