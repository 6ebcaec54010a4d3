"""Every format holds its limits of time and memory, on a fifth of the sample."""

import pytest

from benchmarks.exports import MAX_MEGABYTES, MAX_SECONDS, measure_exports, seconds_of
from surveys.exports import FORMATS


@pytest.mark.slow
def test_exports_stay_within_time_and_memory():
    found = measure_exports(20_000, 150)
    assert list(found) == list(FORMATS)
    for name, taken in found.items():
        assert not taken.absent, (name, taken.absent)
        assert seconds_of(taken) < MAX_SECONDS / 5, name
        assert taken.memory < MAX_MEGABYTES, name
