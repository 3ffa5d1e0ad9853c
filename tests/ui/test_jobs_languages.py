"""The page of batch jobs in each language, colour mode and width: its words, its width, and no violation of axe."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import airflow_provider_tencent_ci
from tests.ui.accessibility import violations_on

expect = pytest.importorskip("playwright.sync_api", reason="needs a browser: make test-ui").expect

STATIC = Path(airflow_provider_tencent_ci.__file__).parent / "plugins" / "static"
LANGUAGES = ("en", "zh-CN", "zh-TW")
WIDTHS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 360, "height": 740}}
PICTURED = {("zh-CN", "dark", "desktop"): "jobs_zh_cn", ("en", "light", "phone"): "jobs_phone"}
IS_TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


def words(language):
    """Return a function for the texts of a language."""
    name = language.lower().replace("-", "_")
    source = (STATIC / f"catalogue_{name}.js").read_text("utf-8").partition("export default ")[2]
    texts = json.loads(source.strip().removesuffix(";"))
    return lambda key, **values: texts[key].format(**values)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_readable_in_each_language_mode_and_width(open_tab, live_job, picture, language, mode, width):
    tab, t = open_tab(viewport=WIDTHS[width], color_scheme=mode), words(language)
    tab.add_init_script(f"localStorage.setItem('i18nextLng', '{language}'); localStorage.setItem('theme', '{mode}')")
    tab.goto("/tencent-ci/")
    expect(tab).to_have_title(t("page.title"))
    expect(tab.locator("html")).to_have_attribute("lang", language)
    row = tab.get_by_role("row").filter(has_text=live_job.job_id)
    expect(row).to_contain_text(t("state.Running"))
    expect(row).to_contain_text(re.compile(t("files.left", count=r"\d+")))
    assert tab.evaluate("getComputedStyle(document.body).colorScheme") == mode
    check(tab)
    if name := PICTURED.get((language, mode, width)):
        picture(name, tab)
    row.get_by_role("link", name=live_job.name).click()
    expect(tab.get_by_role("img", name=t("plot.title"))).to_be_visible()
    expect(tab.get_by_role("columnheader", name=t("failed.code"))).to_be_attached()
    expect(tab.get_by_role("row").filter(has_text="ResourceNotSupported").first).to_be_visible()
    tab.get_by_text(t("plot.table")).click()
    check(tab)
    tab.get_by_role("button", name=t("job.cancel")).click()
    expect(tab.get_by_role("dialog")).to_contain_text(t("cancel.meaning"))
    check(tab)


def check(tab):
    assert violations_on(tab) == []
    assert not tab.evaluate(IS_TOO_WIDE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_bucket_and_an_error_are_readable_on_a_phone(open_tab, live_job, emulator, language):
    tab, t = open_tab(viewport=WIDTHS["phone"]), words(language)
    emulator.add_bucket("empty-1250000000")
    tab.add_init_script(f"localStorage.setItem('i18nextLng', '{language}')")
    tab.goto("/tencent-ci/?bucket=empty-1250000000")
    expect(tab.get_by_text(t("list.nothing_yet", bucket="empty-1250000000"))).to_be_visible()
    check(tab)
    tab.goto("/tencent-ci/?bucket=none")
    expect(tab.get_by_role("alert")).to_contain_text("bucket='none' is not the long name of a bucket")
    expect(tab.get_by_role("button", name=t("page.again"))).to_be_visible()
    check(tab)


BROWSERS = {"de-DE": "en", "zh-CN": "zh-CN", "zh-TW": "zh-TW", "zh-HK": "zh-TW"}


@pytest.mark.parametrize(("locale", "language"), BROWSERS.items())
def test_without_a_choice_the_browser_chooses_as_in_airflow(open_tab, live_job, locale, language):
    tab = open_tab(locale=locale)
    tab.goto("/tencent-ci/")
    expect(tab).to_have_title(words(language)("page.title"))


def test_the_language_is_the_one_that_is_chosen_in_airflow(open_tab, live_job):
    tab = open_tab(locale="zh-CN")
    tab.goto("/plugin/tencent-ci")
    frame = tab.frame_locator("iframe")
    expect(frame.get_by_role("heading", name=words("zh-CN")("page.title"))).to_be_visible()
    assert tab.evaluate("localStorage.getItem('i18nextLng')") == "zh-CN"
    tab.get_by_role("button", name="用户").click()
    tab.get_by_role("menuitem", name="语言").click()
    tab.get_by_role("dialog").get_by_role("combobox").click()
    tab.get_by_role("option", name="繁體中文").click()
    expect(frame.get_by_role("heading", name=words("zh-TW")("page.title"))).to_be_visible()
