"""Which reference a network is held against, block by block."""

from dataclasses import replace

import pytest

from nas.record import Record, RunRecords
from reports.standing import kin
from search_spaces import OWN, REFERENCES
from tests.reports.fakes import fake_run


def with_own(run: RunRecords, space: str) -> RunRecords:
    """The run with the space's own network at the budget's cost among its references, as searches have it."""
    own = REFERENCES[OWN[space]]
    record = replace(
        run.references[0], name=f"{own.name}@budget", title=own.title, origin="scaled", spec=own.scaled(0.25)
    )
    return replace(run, references=(*run.references, record))


def of(run: RunRecords, reference: str) -> Record:
    return replace(run.trials[0], spec=REFERENCES[reference].spec())


@pytest.mark.parametrize(
    ("space", "subject"),
    [
        ("densenet", "densenet_40_12"),
        ("squeezenet", "squeezenet_1_0"),
        ("mobilenet_v1", "mobilenet_v1_shallow"),
    ],
)
def test_a_network_is_held_against_its_familys_own(space: str, subject: str) -> None:
    run = with_own(fake_run(), space)
    found = kin(run, of(run, subject))
    assert found is not None
    assert found.name == f"{OWN[space]}@budget"


def test_in_the_v3_space_it_is_small_as_published() -> None:
    run = fake_run()
    for trial in run.trials:
        found = kin(run, trial)
        assert found is not None
        assert found.name == "mobilenet_v3_small"


def test_a_random_draw_is_no_reference_to_hold_anything_against() -> None:
    run = fake_run()
    drawn = replace(run.references[0], name="largest_draw", origin="draw")
    assert kin(replace(run, references=(drawn,)), run.trials[0]) is None
