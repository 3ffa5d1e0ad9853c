"""The connection form, and its test, in the browser."""

from __future__ import annotations

import re

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY
from tests.ui.conftest import WIDTH

expect = pytest.importorskip("playwright.sync_api", reason="needs a browser: make test-ui").expect

WRONG_KEY = "not-the-key-of-anybody"
FIELDS = {
    "Region": "Region of the bucket, such as ap-beijing.",
    "Bucket": "Long name of the bucket, <name>-<APPID>: examplebucket-1250000000.",
    "Session token": "Only for temporary keys.",
    "Credentials": "keys (default): SecretId and SecretKey above.",
    "Role to assume": "Only for assume_role",
    "Endpoint URL": "Connect here instead of the documented address",
}


@pytest.fixture
def form(page):
    """The dialog for a new connection of our type."""
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").first.click()
    page.keyboard.type("tencent")
    page.get_by_role("option", name="Tencent Cloud Infinite (CI)").click()
    return dialog


def open_extra_fields(form):
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    expect(form.get_by_text("Region", exact=True)).to_be_visible()


def save(form, conn_id, emulator, *, secret_key=SECRET_KEY, bucket=None):
    form.locator("[name=connection_id]").fill(conn_id)
    form.get_by_label("SecretId").fill(SECRET_ID)
    form.locator("[name=password]").fill(secret_key)
    form.get_by_label("Port").fill("0")
    open_extra_fields(form)
    form.locator("[name=element_region]").fill("ap-beijing")
    form.locator("[name=element_bucket]").fill(bucket or emulator.default_bucket)
    form.locator("[name=element_endpoint_url]").fill(emulator.url)
    form.get_by_role("button", name="Save").click()
    expect(form).not_to_be_visible()


def row(page, conn_id):
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=conn_id, exact=True))


def test_the_form_has_fields_for_the_key_pair_and_none_for_a_host(form, picture):
    for label in ("SecretId", "SecretKey"):
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    expect(form.locator("[name=password]")).to_have_attribute("type", "password")
    for label in ("Host", "Schema", "Login", "Password"):
        expect(form.get_by_text(label, exact=True)).to_have_count(0)
    picture("connection_form", form)


def test_each_further_field_has_a_label_and_a_description(form, picture):
    open_extra_fields(form)
    for label, help_text in FIELDS.items():
        expect(form.get_by_text(label, exact=True)).to_be_visible()
        expect(form.get_by_text(help_text)).to_be_visible()
    expect(form.locator("[name=element_token]")).to_have_attribute("type", "password")
    form.get_by_role("combobox").nth(1).click()
    for choice in ("keys", "machine_role", "assume_role", "environment"):
        expect(form.page.get_by_role("option", name=choice)).to_be_visible()
    form.page.get_by_role("option", name="keys", exact=True).click()
    form.page.set_viewport_size({"width": WIDTH, "height": 1250})
    picture("connection_form_extra", form)


def test_a_saved_connection_is_shown_again_without_its_secret(page, form, emulator):
    save(form, "saved", emulator)
    row(page, "saved").get_by_role("button", name="Edit Connection").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("SecretId")).to_have_value(SECRET_ID)
    expect(dialog.locator("[name=password]")).to_have_value("***")
    open_extra_fields(dialog)
    expect(dialog.locator("[name=element_bucket]")).to_have_value(emulator.default_bucket)
    assert SECRET_KEY not in page.content()


@pytest.mark.parametrize(
    ("conn_id", "saved", "sentence", "name"),
    [
        ("good", {}, r"Connected to examplebucket-1250000000 in ap-beijing: its batch jobs", "connection_test_good"),
        ("bad_key", {"secret_key": WRONG_KEY}, r"\(HTTP .*\) Check SecretId and SecretKey", "connection_test_bad_key"),
        ("bad_bucket", {"bucket": "otherbucket-1250000000"}, r"\(HTTP .*\) Check bucket \(name-appid\)", None),
    ],
    ids=["good key", "bad key", "wrong bucket"],
)
def test_the_connection_test_answers_with_a_sentence(page, form, emulator, picture, conn_id, saved, sentence, name):
    save(form, conn_id, emulator, **saved)
    page.reload()  # else the message about saving is above the answer
    row(page, conn_id).get_by_role("button", name="Test Connection").click()
    toast = page.get_by_role("status").filter(has_text=re.compile(sentence))
    expect(toast).to_be_visible()
    expect(toast).to_be_in_viewport(ratio=1)
    assert not [key for key in (SECRET_KEY, WRONG_KEY) if key in toast.inner_text()]
    if name:
        # Not on the button: its tooltip would hide the row below.
        page.mouse.move(0, 0)
        page.set_viewport_size({"width": 1100, "height": 560})
        expect(page.get_by_role("tooltip")).to_be_hidden()
        picture(name, page)


def test_airflow_3_3_2_refuses_to_test_a_connection_without_a_port(page, airflow, emulator):
    """When this fails, Airflow has fixed it (apache/airflow#73298), and the form no longer needs a port."""
    extra = {"region": "ap-beijing", "bucket": emulator.default_bucket, "endpoint_url": emulator.url}
    connection = {"conn_type": "tencent_ci", "login": SECRET_ID, "password": SECRET_KEY, "extra": extra}
    airflow.api.add_connection("without_port", connection)
    page.goto("/connections")
    with page.expect_response("**/api/v2/connections/test") as answer:
        row(page, "without_port").get_by_role("button", name="Test Connection").click()
    assert answer.value.status == 400
    assert "port to test differs" in answer.value.json()["detail"]
