"""The page in Airflow's UI: its place in the menu, its files, and the headers of its answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import airflow_provider_tencent_ci
from tests.plugins.conftest import JOBS, Visitor
from tests.plugins.rights import token_of

STATIC = Path(airflow_provider_tencent_ci.__file__).parent / "plugins" / "static"
FILES = sorted(path.name for path in STATIC.iterdir())


def test_airflow_shows_the_page_in_a_menu(visit):
    plugins = {plugin["name"]: plugin for plugin in visit("ADMIN").get("/api/v2/plugins").json()["plugins"]}
    [view] = plugins["tencent_ci_jobs"]["external_views"]
    assert (view["name"], view["href"], view["destination"]) == ("Tencent CI Jobs", "tencent-ci/", "nav")
    assert view["url_route"] == "tencent-ci"


def test_the_page_is_the_same_for_every_user_who_is_logged_in(visit):
    answers = [visit(role).get("/tencent-ci/") for role in ("VIEWER", "ADMIN")]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.text for answer in answers} == {(STATIC / "index.html").read_text("utf-8")}


@pytest.mark.parametrize("name", [name for name in FILES if name != "index.html"])
def test_the_files_of_the_page_are_served(visit, name):
    answer = visit("VIEWER").get(f"/tencent-ci/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css" if name.endswith(".css") else "text/javascript")


@pytest.mark.parametrize("name", ["index.html", "..%2Froutes.py", "%2E%2E%2Froutes.py", "nothing.js", "__init__.py"])
def test_no_other_file_is_served(visit, name):
    assert visit("ADMIN").get(f"/tencent-ci/static/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/tencent-ci/", "/tencent-ci/static/jobs_page.js", "/tencent-ci/nothing", JOBS])
@pytest.mark.parametrize("role", ["ADMIN", "VIEWER", None])
def test_every_answer_has_security_headers(visit, emulator, path, role):
    headers = visit(role).get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["frame-ancestors"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_the_routes_are_not_listed(visit):
    assert {visit("ADMIN").get(f"/tencent-ci/{path}").status_code for path in ("docs", "redoc", "openapi.json")} == {
        404
    }


def test_the_login_is_found_behind_a_path_prefix(airflow_application, visit):
    behind = TestClient(airflow_application, root_path="/airflow")
    answer = Visitor(behind, None).get("/airflow/tencent-ci/")
    assert answer.headers["location"].startswith("/airflow/api/v2/auth/login?next=")
    assert answer.headers["location"].endswith("%2Fairflow%2Ftencent-ci%2F")
    assert Visitor(behind, token_of("anna", "VIEWER")).get("/airflow/tencent-ci/").status_code == 200


@pytest.mark.parametrize("name", FILES)
def test_the_page_loads_nothing_from_other_hosts(name):
    text = (STATIC / name).read_text("utf-8")
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the XML namespace of SVG, which is not loaded
    assert not re.search(r"@import|url\(|\b(?:src|href)=\"(?:/|http)", text)


@pytest.mark.parametrize("name", FILES)
def test_data_never_becomes_markup(name):
    words = "innerHTML|outerHTML|insertAdjacentHTML|document\\.write|eval\\(|new Function|<script>|style="
    assert not re.search(words, (STATIC / name).read_text("utf-8"))
