import logging

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from api import pages
from api.database import create_engine_for, migrate
from api.main import create_app
from api.protection import LARGEST_BODY
from api.serving import running
from api.settings import Settings

CANARY = "canary-7f3a"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_body_without_a_length_is_counted(visitor):
    body = iter([b"state=", *[b"x" * 65_536] * (LARGEST_BODY // 65_536)])
    response = visitor.client.post(visitor.address, content=body, headers=FORM)
    assert response.status_code == 413
    assert "content-length" not in response.request.headers


def test_the_log_has_routes_and_kinds_of_status_and_no_values(visitor, caplog):
    caplog.set_level(logging.INFO)
    visitor.client.get(f"/s/every_type?language={CANARY}")
    visitor.client.get(f"/s/{CANARY}")
    visitor.client.post(visitor.address, content=f"state={CANARY}", headers=FORM)
    ours = [record for record in caplog.records if record.name == "api.protection"]
    assert [record.getMessage() for record in ours] == [
        "GET /s/{survey} 2xx",
        "GET /s/{survey} 4xx",
        "POST /s/{survey} 4xx",
    ]
    served = [record for record in caplog.records if not record.name.startswith("http")]
    assert all(CANARY not in record.getMessage() for record in served)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError(CANARY), 500),
        (OperationalError("SELECT 1", {"a": CANARY}, Exception(CANARY)), 503),
    ],
)
def test_an_unexpected_error_shows_and_logs_nothing(
    visitor, caplog, monkeypatch, error, status
):
    def fail(*_args, **_values):
        raise error

    monkeypatch.setattr(pages.Visit, "information", fail)
    response = visitor.client.get(visitor.address, headers={"accept-language": "de"})
    assert response.status_code == status
    assert "<h1>" in response.text
    assert 'lang="de"' in response.text
    assert response.headers["cache-control"] == "no-store"
    assert CANARY not in response.text + caplog.text
    assert ("retry-after" in response.headers) == (status == 503)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_only_production_insists_on_https(tmp_path, environment):
    settings = Settings(
        environment=environment,
        data_dir=tmp_path,
        secret_key="only-for-tests-0123456789-abcdefghijk",
    )
    engine = create_engine_for(settings)
    migrate(engine)
    engine.dispose()
    app = create_app(settings)
    with running(app) as url:
        response = httpx.get(f"{url}/health/ready")
        assert response.json() == {"status": "ready"}
        is_production = environment == "production"
        assert ("strict-transport-security" in response.headers) == is_production
        app.state.service.recorder.stop()
        assert httpx.get(f"{url}/health/ready").status_code == 503
        assert httpx.get(f"{url}/health/live").status_code == 200
