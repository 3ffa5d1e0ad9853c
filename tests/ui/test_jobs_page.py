"""The page of batch jobs in the browser, after the night: one batch still runs, and a test cancels it."""

from __future__ import annotations

import re

import pytest

from tests.ui.conftest import until

expect = pytest.importorskip("playwright.sync_api", reason="needs a browser: make test-ui").expect

DAG_ID, TASK_ID, RUN_ID = "tencent_ci_nightly_one_task", "transcode", "the_night_before"
WHOLE = {"x": 0, "y": 0, "width": 1440, "height": 490}


# The contrast of the visible badge of each state: WCAG's contrast ratio,
# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
CONTRASTS = """(body) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const luminance = (...layers) => {
    for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return ["submitted", "running", "pause", "success", "failed", "cancel"].map((state) => {
    const badge = body.appendChild(Object.assign(document.createElement("span"), { className: `badge ${state}` }));
    const below = getComputedStyle(body).backgroundColor, { color, backgroundColor } = getComputedStyle(badge);
    const both = [luminance(below, backgroundColor), luminance(below, color)];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  });
}"""


@pytest.fixture
def frame(page):
    """The content of Airflow's frame."""
    return page.frame_locator("iframe")


def row_of(frame, job):
    return frame.get_by_role("row").filter(has_text=job.job_id)


def open_list(page, frame):
    page.goto("/plugin/tencent-ci")
    expect(frame.get_by_role("table")).to_be_visible()
    expect(frame.locator(".bar").first).to_be_visible()


def test_the_menu_opens_the_page(page, live_job, frame):
    page.goto("/")
    page.get_by_role("button", name="Browse").click()
    page.get_by_text("Tencent CI Jobs").click()
    expect(frame.get_by_role("heading", name="Tencent CI jobs")).to_be_visible()


@pytest.mark.parametrize(("mode", "name"), [("light", "jobs"), ("dark", None)])
def test_the_list_shows_each_job_with_its_task_and_its_files(page, frame, live_job, emulator, picture, mode, name):
    page.add_init_script(f"localStorage.setItem('theme', '{mode}')")
    open_list(page, frame)
    row = row_of(frame, live_job)
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text(re.compile(r"\d+ done, \d+ failed, \d+ left"))
    expect(row.get_by_role("link", name=f"{DAG_ID} › {TASK_ID}")).to_be_visible()
    expect(frame.get_by_role("row").filter(has_text="37 done, 3 failed").first).to_be_visible()
    colour = frame.locator("body").evaluate("(body) => getComputedStyle(body).colorScheme")
    assert colour == mode
    if name:
        picture(name, page, clip=WHOLE)
    contrasts = frame.locator("body").evaluate(CONTRASTS)
    assert len(contrasts) == 6
    assert min(contrasts) >= 4.5


def test_the_page_of_a_job_shows_its_files_over_time_and_the_failed_ones(page, frame, live_job, picture):
    open_list(page, frame)
    row_of(frame, live_job).get_by_role("link", name=live_job.name).click()
    expect(frame.get_by_role("heading", name=live_job.name)).to_be_visible()
    expect(frame.get_by_role("img", name=re.compile("Files done over time"))).to_be_visible()
    expect(frame.get_by_role("row").filter(has_text="ResourceNotSupported").first).to_be_visible()
    picture("job", page)
    frame.get_by_text("As a table").click()
    expect(frame.get_by_role("columnheader", name="Succeeded")).to_be_visible()


COUNTS = {"succeeded": 968_214, "failed": 30_871, "cancelled": 0, "left": 0, "total": 999_085}
DOUBTS = {
    "estimate": (
        {"is_complete": False, "estimated": True},
        "~970,000 done, ~31,000 failed",
        "About 1,000,000 files, about 3.1% failed. An estimate from samples of the whole batch",
    ),
    "minimum": (
        {"is_complete": False, "estimated": False},
        "at least 968,214 done, 30,871 failed",
        "Only a part of the files was looked at",
    ),
}


@pytest.mark.parametrize(("doubt", "numbers", "words"), DOUBTS.values(), ids=DOUBTS.keys())
def test_the_files_of_a_large_job_are_marked_as_an_estimate(page, frame, live_job, doubt, numbers, words):
    page.route("**/progress", lambda route: route.fulfill(json={"counts": {**COUNTS, **doubt}}))
    open_list(page, frame)
    row = row_of(frame, live_job)
    expect(row.locator(".bar-text")).to_have_text(numbers)
    title = "An estimate from samples of the whole batch: about 1,000,000 files" if doubt["estimated"] else None
    assert row.locator(".bar-text").get_attribute("title") == title
    row.get_by_role("link", name=live_job.name).click()
    expect(frame.locator("#progress")).to_contain_text(numbers)
    expect(frame.locator("#progress")).to_contain_text(words)


def test_the_failed_files_of_a_job_come_with_the_command_that_submits_them_again(page, frame, live_job):
    open_list(page, frame)
    expect(frame.get_by_role("row").filter(has_text="37 done, 3 failed").first).to_be_visible()
    frame.get_by_role("row").filter(has_text="37 done, 3 failed").first.get_by_role("link").first.click()
    expect(frame.locator("#failed code")).to_have_text(re.compile(r"tencent-ci resubmit [0-9a-z]{32,}"))


def test_failed_files_that_were_submitted_again_come_with_the_link_to_their_job(page, frame, live_job):
    failed = {"key": "media/0001.mp4", "node": "Transcode_1", "code": "Broken", "message": "", "run_id": "i1"}
    answer = {"files": [failed], "next_cursor": "", "resubmitted_as": live_job.job_id}
    page.route("**/failed-files*", lambda route: route.fulfill(json=answer))
    open_list(page, frame)
    frame.get_by_role("row").filter(has_text="37 done, 3 failed").first.get_by_role("link").first.click()
    expect(frame.locator("#failed")).to_contain_text("were submitted again, as this batch job:")
    expect(frame.locator("#failed")).not_to_contain_text("tencent-ci resubmit")
    frame.locator("#failed").get_by_role("link", name=live_job.job_id).click()
    expect(frame.get_by_role("heading", name=live_job.name)).to_be_visible()


def test_back_and_reload_keep_the_job(page, frame, live_job):
    open_list(page, frame)
    row_of(frame, live_job).get_by_role("link", name=live_job.name).click()
    expect(frame.get_by_text("« All jobs")).to_be_visible()
    page.reload()
    expect(frame.get_by_role("heading", name=live_job.name)).to_be_visible()
    frame.get_by_text("« All jobs").click()
    expect(frame.get_by_role("table")).to_be_visible()
    frame.locator("body").evaluate("history.back()")
    expect(frame.get_by_role("heading", name=live_job.name)).to_be_visible()


def test_filters_are_kept_in_the_address(page, frame, live_job):
    open_list(page, frame)
    frame.get_by_label("State").select_option("Failed")
    expect(frame.get_by_role("heading", name="No jobs")).to_be_visible()
    page.reload()
    expect(frame.get_by_label("State")).to_have_value("Failed")
    frame.get_by_role("link", name="Clear").click()
    expect(row_of(frame, live_job)).to_be_visible()


def test_errors_are_shown_in_words(page, live_job):
    page.goto("/tencent-ci/?conn=tencent_ci_default&job=b404")
    expect(page.get_by_role("alert")).to_contain_text("'b404' is not in the job list of this bucket")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_typed_text_is_kept_when_the_list_reloads(page, frame, live_job):
    open_list(page, frame)
    frame.get_by_label("Name").fill("half a na")
    with page.expect_response(re.compile(r"/api/connections/[^/]+/jobs($|\?)"), timeout=60_000):
        pass
    expect(frame.get_by_label("Name")).to_have_value("half a na")
    expect(frame.get_by_label("Name")).to_be_focused()


def test_the_link_opens_the_task_in_airflow(page, frame, live_job):
    open_list(page, frame)
    row_of(frame, live_job).get_by_role("link", name=f"{DAG_ID} › {TASK_ID}").click()
    page.wait_for_url(f"**/dags/{DAG_ID}/runs/{RUN_ID}/tasks/{TASK_ID}")


def test_a_cancel_needs_confirmation_and_escape_keeps_the_job(page, frame, live_job, emulator, picture):
    page.goto(f"/tencent-ci/?conn=tencent_ci_default&job={live_job.job_id}")
    expect(page.get_by_role("img", name=re.compile("Files done over time"))).to_be_visible()
    page.get_by_role("button", name="Cancel job …").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(live_job.name)
    expect(dialog).to_contain_text("A task that waits for this job fails")
    expect(dialog.get_by_role("button", name="Keep it running")).to_be_focused()
    picture("job_cancel", page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel job …")).to_be_focused()
    assert emulator.job(live_job.job_id).state == "Running"


def test_a_cancel_stops_the_job_and_its_task_fails(page, frame, live_job, emulator, airflow):
    open_list(page, frame)
    row_of(frame, live_job).get_by_role("link", name=live_job.name).click()
    frame.get_by_role("button", name="Cancel job …").click()
    frame.get_by_role("button", name="Cancel the job").click()
    expect(frame.get_by_role("dialog")).to_be_hidden()
    expect(frame.locator(".badge")).to_have_text("Cancelled")
    expect(frame.get_by_role("button", name="Cancel job …")).to_have_count(0)
    assert emulator.job(live_job.job_id).state == "Cancel"
    expect(frame.locator("#progress")).not_to_contain_text("left", timeout=60_000)
    until(lambda: airflow.api.task(DAG_ID, RUN_ID, TASK_ID)["state"] in ("up_for_retry", "failed"))
