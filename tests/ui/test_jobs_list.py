"""The list of batch jobs as one reads it: the zone, the search, links that keep filters, a refresh, other buckets."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.ui.accessibility import violations_on

expect = pytest.importorskip("playwright.sync_api", reason="needs a browser: make test-ui").expect

REFRESH_MS = 15_000
LIST = re.compile(r"/api/connections/[^/]+/jobs($|\?)")
SECOND, SHANGHAI = "second-1250000000", "ap-shanghai"


def open_list(tab, query=""):
    tab.goto(f"/tencent-ci/{query}")
    expect(tab.get_by_role("table")).to_be_visible()
    expect(tab.locator(".bar").first).to_be_visible()


def row_of(tab, job):
    return tab.get_by_role("row").filter(has_text=job.job_id)


def query_of(tab):
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.url).query).items()}


def refresh(tab):
    """Let the clock of the page run until the next list has come, with counts of the running job."""
    with tab.expect_response("**/progress"), tab.expect_response(LIST):
        tab.clock.run_for(REFRESH_MS)


# --- the zone


def in_zone(moment, zone):
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(("chosen", "zone"), [(None, "Asia/Shanghai"), ("America/New_York", "America/New_York")])
def test_times_and_filters_are_in_the_zone_of_airflow_s_ui(open_tab, live_job, chosen, zone):
    tab = open_tab(timezone_id="Asia/Shanghai")
    if chosen:
        tab.add_init_script(f"localStorage.setItem('timezone', '\"{chosen}\"')")
    open_list(tab)
    created = row_of(tab, live_job).locator("time")
    moment = datetime.fromisoformat(created.get_attribute("datetime"))
    expect(created).to_have_text(in_zone(moment, zone))
    field = tab.get_by_label(f"Created from ({zone})")
    field.fill(in_zone(moment, zone).replace(" ", "T"))
    tab.get_by_role("button", name="Apply").click()
    tab.wait_for_url("**created_after=**")
    expect(row_of(tab, live_job)).to_be_visible()
    assert datetime.fromisoformat(query_of(tab)["created_after"]) == moment
    expect(field).to_have_value(re.compile(re.escape(in_zone(moment, zone).replace(" ", "T").removesuffix(":00"))))
    tab.get_by_label(f"to ({zone})").fill("2020-01-01T00:00")
    tab.get_by_role("button", name="Apply").click()
    expect(tab.get_by_role("heading", name="No jobs")).to_be_visible()


# New York's clocks jump from 2:00 to 3:00 on 8 March 2026, and from 2:00 back to 1:00 on 1 November.
@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("2026-03-08T01:59", "2026-03-08T06:59:00Z"),
        ("2026-03-08T03:00", "2026-03-08T07:00:00Z"),
        ("2026-11-01T00:30", "2026-11-01T04:30:00Z"),
        ("2026-11-01T03:00", "2026-11-01T08:00:00Z"),
    ],
)
def test_a_filter_near_a_change_of_the_clocks_is_the_typed_time(open_tab, live_job, typed, sent):
    tab = open_tab(timezone_id="America/New_York")
    open_list(tab)
    tab.get_by_label("Created from (America/New_York)").fill(typed)
    tab.get_by_role("button", name="Apply").click()
    tab.wait_for_url("**created_after=**")
    assert query_of(tab)["created_after"] == sent
    expect(tab.get_by_label("Created from (America/New_York)")).to_have_value(typed)


# --- the search


def test_the_search_matches_while_typing_and_a_refresh_keeps_it(page, live_job, after_the_night):
    page.clock.install()
    open_list(page)
    rows = page.locator(".jobs tbody tr:visible")
    loaded = rows.count()
    assert loaded > 1
    asked = []
    page.on("request", lambda request: LIST.search(request.url) and asked.append(request.url))
    page.get_by_label("Name").press_sequentially(live_job.job_id[:9].upper())
    expect(rows).to_have_count(1)
    expect(row_of(page, live_job)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=f"1 of {loaded} jobs on this page match")).to_be_visible()
    assert asked == []
    refresh(page)
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("")
    expect(rows).to_have_count(loaded)


def test_enter_asks_the_service_for_the_name(page, live_job):
    open_list(page)
    page.get_by_label("Name").fill(live_job.name)
    page.get_by_label("Name").press("Enter")
    page.wait_for_url("**name=**")
    expect(row_of(page, live_job)).to_be_visible()
    expect(page.locator(".jobs tbody tr")).to_have_count(1)


# --- links


def test_the_way_to_a_job_and_back_keeps_filters_and_page(page, live_job):
    open_list(page, "?states=active&order=Asc&page_size=50")
    row_of(page, live_job).get_by_role("link", name=live_job.name).click()
    expect(page.get_by_role("heading", name=live_job.name)).to_be_visible()
    page.get_by_role("link", name="All jobs").click()
    expect(page.get_by_label("State")).to_have_value("active")
    assert query_of(page) == {"states": "active", "order": "Asc", "page_size": "50"}


def test_the_next_page_keeps_filters_and_the_way_back_from_a_job_keeps_the_page(page, live_job, submit):
    for number in range(55):
        submit(f"many-{number}")
    page.goto("/tencent-ci/?job_type=Workflow&page_size=50")
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**next_token=**")
    page_of_list = query_of(page)
    assert page_of_list["job_type"] == "Workflow"
    row_of(page, live_job).get_by_role("link", name=live_job.name).click()
    page.get_by_role("link", name="All jobs").click()
    expect(row_of(page, live_job)).to_be_visible()
    assert query_of(page) == page_of_list
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("row").filter(has_text="many-54")).to_be_visible()
    assert query_of(page) == {"job_type": "Workflow", "page_size": "50"}


@pytest.fixture
def submit(emulator):
    """Submit jobs without Airflow; they are gone after the test."""
    made = []

    def submit(name):
        with TencentCIHook() as hook:
            made.append(hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix="none/"))
        return made[-1]

    yield submit
    for job in made:
        emulator.forget_job(job.job_id)


# --- a refresh

TOP = "(row) => row.getBoundingClientRect().top"
SELECT = "(cell) => getSelection().selectAllChildren(cell)"


def test_a_refresh_does_not_move_what_is_read(open_tab, live_job, submit):
    tab = open_tab(viewport={"width": 1100, "height": 420})
    tab.clock.install()
    open_list(tab, "?page_size=100")
    row = row_of(tab, live_job)
    link = row.get_by_role("link", name=live_job.name)
    link.focus()
    row.scroll_into_view_if_needed()
    row.locator(".id").first.evaluate(SELECT)
    tab.locator("details.place").evaluate("(details) => { details.open = true; }")
    top = row.evaluate(TOP)
    new = submit("just-now")
    refresh(tab)
    expect(tab.get_by_role("row").filter(has_text=new.job_id)).to_be_attached()
    assert row.evaluate(TOP) == pytest.approx(top, abs=1)
    expect(link).to_be_focused()
    assert tab.evaluate("String(getSelection())") == live_job.job_id
    assert tab.locator("details.place").get_attribute("open") is not None


def test_a_refresh_of_a_job_keeps_open_details_and_the_selection(page, live_job):
    page.clock.install()
    page.goto(f"/tencent-ci/?job={live_job.job_id}")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("columnheader", name="Succeeded")).to_be_visible()
    name = page.get_by_role("heading", name=live_job.name)
    name.evaluate(SELECT)
    with page.expect_response("**/timeline"):
        page.clock.run_for(REFRESH_MS)
    expect(page.get_by_role("columnheader", name="Succeeded")).to_be_visible()
    assert page.evaluate("String(getSelection())") == live_job.name


def test_a_refresh_that_fails_leaves_the_list_and_the_next_one_mends_it(page, live_job):
    page.clock.install()
    open_list(page)
    page.route(LIST, lambda route: route.fulfill(status=502, json={"error": {"message": "The service is not well."}}))
    with page.expect_response(LIST):
        page.clock.run_for(REFRESH_MS)
    expect(page.get_by_role("alert")).to_contain_text("The service is not well.")
    expect(row_of(page, live_job)).to_be_visible()
    page.unroute(LIST)
    refresh(page)
    expect(page.get_by_role("alert")).to_have_count(0)


# --- buckets and keys


def test_another_bucket_is_typed_or_chosen_from_those_of_the_tasks(page, live_job, emulator):
    emulator.add_bucket(SECOND, SHANGHAI)
    open_list(page, "?states=active")
    page.get_by_text("examplebucket-1250000000 · ap-beijing").click()
    expect(page.get_by_text("No other bucket in the XComs")).to_be_visible()
    assert violations_on(page) == []
    page.get_by_role("textbox", name="Bucket").fill(SECOND)
    page.get_by_role("textbox", name="Region").fill(SHANGHAI)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text(f"{SECOND} · {SHANGHAI}")).to_be_visible()
    expect(page.get_by_role("heading", name="No jobs")).to_be_visible()
    assert query_of(page) == {"states": "active", "bucket": SECOND, "region": SHANGHAI}
    page.get_by_text(f"{SECOND} · {SHANGHAI}").click()
    page.get_by_role("link", name="examplebucket-1250000000 · ap-beijing").click()
    expect(row_of(page, live_job)).to_be_visible()


def test_an_empty_bucket_says_what_to_do(page, live_job, emulator):
    emulator.add_bucket("empty-1250000000")
    page.goto("/tencent-ci/?bucket=empty-1250000000")
    expect(page.get_by_text("Bucket empty-1250000000 has no batch jobs yet.")).to_be_visible()
    code = page.locator("pre").inner_text()
    assert 'bucket="empty-1250000000"' in code
    assert 'tencent_ci_conn_id="tencent_ci_default"' in code


def test_a_wrong_key_says_what_the_test_of_the_connection_says(page, live_job, airflow, emulator):
    extra = {"region": "ap-beijing", "bucket": emulator.default_bucket, "endpoint_url": emulator.url}
    fields = {"conn_type": "tencent_ci", "login": SECRET_ID, "password": "not-the-key", "extra": extra}
    airflow.api.add_connection("wrong_key", fields)
    page.goto("/tencent-ci/?conn=wrong_key")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Connection 'wrong_key', bucket examplebucket-1250000000: ")
    expect(alert).to_contain_text("Check SecretId and SecretKey")
    expect(alert).to_contain_text("Request id")


# --- the keyboard


def test_the_list_is_used_with_the_keyboard(page, live_job):
    open_list(page)
    page.get_by_label("Name").focus()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        if seen[-1] == live_job.name:
            break
    assert "Apply" in seen
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=live_job.name)).to_be_visible()
