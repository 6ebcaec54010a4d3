"""The interface for programs: as it is described, and the same as the pages."""

import io
import time
import zipfile

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from api import accounts, jobs, v1
from api.comparing import compare_data
from api.shelf import find
from surveys import read_release

BASE = "/api/v1/surveys/social_credit"
PROBLEM = "application/problem+json"
SHARE = ["citizenship_much", "citizenship_somewhat"]


def wait(client, job):
    """Poll a job until it ends."""
    for _ in range(240):
        job = client.get(job["address"]).json()
        if job["state"] in {"done", "failed"}:
            return job
        time.sleep(0.25)
    raise AssertionError("the job does not end")


@pytest.fixture(scope="module")
def release(door):
    client = door.program("manager")
    answer = client.post(f"{BASE}/releases", json={"profile": "scientific"})
    assert answer.status_code == 202
    job = wait(client, answer.json())
    assert (job["state"], job["problem"]) == ("done", "")
    return job["release"]


def test_a_release_is_made_listed_and_exported(door, release):
    client = door.program("analyst")
    (listed,) = client.get(f"{BASE}/releases").json()
    assert listed == client.get(f"{BASE}/releases/{release}").json()
    assert (listed["name"], listed["profile"]) == (release, "scientific")
    assert listed["manifest"]["k"] == 10
    order = {"format": "csv", "language": "en"}
    answer = client.post(f"{BASE}/releases/{release}/exports", json=order)
    assert answer.status_code == 202
    job = wait(client, answer.json())
    with zipfile.ZipFile(io.BytesIO(client.get(job["file"]).content)) as archive:
        lines = archive.read("social_credit.csv").decode().splitlines()
    stored = read_release(find(door.settings, "social_credit", release).folder)
    assert len(lines) - 1 == stored.table.num_rows == 480


def test_a_comparison_is_the_one_of_the_analysis(door, release):
    client = door.program("viewer")
    query = {"release": release, "outcome": "side", "answer": SHARE, "level": 0.9}
    for _ in range(20):
        answer = client.get(f"{BASE}/comparison", params=query)
        if answer.status_code == 200:
            break
        assert (answer.status_code, answer.json()["kind"]) == (202, "comparison")
    result = answer.json()["result"]
    expected = compare_data(
        find(door.settings, "social_credit", release).folder,
        outcome="side",
        by="country",
        share_of=SHARE,
        level=0.9,
    ).to_dict()
    assert result["estimate"] == expected["estimate"]
    assert result["comparison"] == expected["comparison"]
    assert result["weighting"].startswith("raked to age_group x gender")
    assert result["not_weighted"] == ""
    assert answer.json()["link"].startswith("/surveys/social_credit/compare?release=")


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"),
    [
        ("viewer", "GET", "/surveys/none", None, 404),
        ("viewer", "GET", "/surveys/none/fieldwork", None, 404),
        ("viewer", "GET", "/surveys/none/releases", None, 404),
        ("viewer", "GET", "/nothing", None, 404),
        ("viewer", "DELETE", "/surveys", None, 405),
        ("viewer", "GET", "/surveys/social_credit/releases/9-open", None, 404),
        ("analyst", "GET", f"/surveys/social_credit/jobs/{'0' * 32}", None, 404),
        ("viewer", "POST", "/surveys/social_credit/close", None, 403),
        ("analyst", "POST", "/surveys/social_credit/releases", {}, 403),
        ("manager", "POST", "/surveys/social_credit/releases", {}, 422),
        (
            *("manager", "POST", "/surveys/social_credit/releases"),
            *({"profile": "internal"}, 403),
        ),
        (
            *("manager", "POST", "/surveys/social_credit/tickets"),
            *({"country": "DE", "count": 3}, 409),
        ),
        ("manager", "POST", "/surveys/every_type/open", {"countries": []}, 409),
    ],
)
def test_what_cannot_be_done_is_a_problem(door, role, method, path, body, status):
    client = door.program(role)
    answer = client.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    assert answer.json()["title"]
    assert answer.headers.get("allow", "") == ("GET, HEAD" if status == 405 else "")


def test_nobody_gets_in_without_a_key(door):
    client = door.program("owner")
    for path in v1.description()["paths"]:
        answer = client.get(
            path.replace("{", "").replace("}", ""),
            headers={"Authorization": "Bearer x"},
        )
        assert answer.status_code in {401, 405}, path
        assert answer.headers["content-type"] == PROBLEM


def test_an_unknown_format_is_refused(door, release):
    client = door.program("analyst")
    for order in ({"format": "exe"}, {"format": "csv", "language": "xx"}):
        answer = client.post(f"{BASE}/releases/{release}/exports", json=order)
        assert answer.status_code == 409


def test_the_description_is_openapi_3_1(door):
    described = door.program("viewer").get("/api/v1/openapi.json").json()
    assert described == v1.description()
    assert described["openapi"].startswith("3.1.")
    assert len(described["paths"]) == 13
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"key": []}], (path, method)
            assert operation["responses"]["404"]["content"].keys() == {PROBLEM}


@pytest.fixture(scope="module")
def key(door):
    """The key of a manager of one survey, where jobs are taken and never done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "_run", lambda *_: None)
        yield accounts.add_key(door.engine, "manager", {"invited": "manager"}, 1)


api = schemathesis.openapi.from_dict(v1.description())


@api.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_schemathesis_finds_nothing(door, key, case):
    if case.meta.generation.mode.is_positive and case.path_parameters:
        case.path_parameters["survey"] = "invited"
    case.call_and_validate(
        base_url=door.url,
        headers={"Authorization": f"Bearer {key}"},
        checks=CHECKS.get_all(),
    )
