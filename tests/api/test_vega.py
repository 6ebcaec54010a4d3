"""The script of the charts: made once, sent to be kept, and nothing without it."""

import httpx
import pytest
import vl_convert

from api import vega
from api.settings import Settings


def test_the_script_is_sent_when_it_was_made(service, monkeypatch):
    with httpx.Client(base_url=service.url) as client:
        assert client.get(vega.PATH).status_code == 404
        vega.bundle(service.settings)
        answer = client.get(vega.PATH)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert "defaultStyle" in answer.text
    monkeypatch.setattr(vl_convert, "javascript_bundle", pytest.fail)
    vega.bundle(service.settings)


def test_a_script_that_is_half_made_is_not_there(tmp_path, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(vl_convert, "javascript_bundle", fail)
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(MemoryError):
        vega.bundle(settings)
    assert [path.name for path in tmp_path.rglob("*.js")] == []
