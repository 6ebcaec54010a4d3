"""Every format holds its limits of time and memory, on a fifth of the sample."""

import pytest

from benchmarks.exports import MAX_MEGABYTES, MAX_SECONDS, measure_exports
from surveys.exports import FORMATS


@pytest.mark.slow
def test_exports_stay_within_time_and_memory():
    found = measure_exports(20_000, 150)
    assert list(found) == list(FORMATS)
    for name, taken in found.items():
        assert not taken.absent, (name, taken.absent)
        assert taken.values.sum() > 0, name
        # A fifth of the responses, on a machine that may be five times as busy.
        assert taken.best < MAX_SECONDS, name
        assert taken.memory < MAX_MEGABYTES, name
