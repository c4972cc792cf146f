"""Every journey in any order, on the product as it is and on products that are broken on purpose."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine import breaks, breaks_beside
from tests.machine.base import Break
from tests.machine.machine import Machine

LONG = os.environ.get("TWOFACTOR_MACHINE") == "long"
"""``TWOFACTOR_MACHINE=long`` looks for half an hour or so instead of half a minute."""
EXAMPLES, STEPS = (2000, 80) if LONG else (40, 40)


BREAKS = {**breaks.BREAKS, **breaks_beside.BREAKS}


@pytest.mark.slow
@pytest.mark.requirement("VER-01", "VER-02", "VER-03", "VER-08", "VER-09", "RPL-01", "RPL-02", "RPL-03")
@pytest.mark.requirement("SES-02", "SES-03", "SES-05", "SES-06", "SES-08", "SES-10", "SES-15", "FLG-01", "FLG-02")
@pytest.mark.requirement("FLG-04", "FLG-05", "ENR-03", "ENR-04", "ENR-09", "ENR-10", "LIF-02", "LIF-03", "LIF-07")
@pytest.mark.requirement("REC-02", "REC-03", "REC-04", "REC-07", "REC-10", "RPL-05", "SES-09")
@pytest.mark.requirement("TRB-01", "TRB-02", "TRB-03", "TRB-04", "TRB-05", "TRB-08")
def test_whatever_people_do_in_any_order_nobody_is_in_without_every_factor() -> None:
    """Up to 40 sequences of up to 40 steps, with all invariants after each; 2000 of 80 where the run is long."""
    quick = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=quick)


@pytest.mark.slow
@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: str(broken.__name__))
def test_the_machine_finds_a_product_that_is_broken(broken: Break) -> None:
    """Soon at the seed that is noted; at the ones after it where Hypothesis draws otherwise than it did."""
    assert any(_is_found(broken, BREAKS[broken] + number) for number in range(30))


def _is_found(broken: Break, at: int) -> bool:
    class Broken(Machine):
        break_product = staticmethod(broken)

    # Fewer than ten: of more, Hypothesis makes the first ones small, and finds nothing in them.
    few = settings(
        max_examples=9,
        stateful_step_count=30,
        phases=[Phase.generate],
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(at)(Broken), settings=few)
    except AssertionError as error:
        if "the model disagrees" not in str(error):
            raise
        return True
    return False
