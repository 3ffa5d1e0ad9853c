"""The violations of accessibility rules that axe-core finds: https://github.com/dequelabs/axe-core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["violations_on"]


def violations_on(page: Page) -> list[str]:
    """Return each violation of axe-core's rules, with the elements that it is about."""
    # Here, so that the tests load where no browser is, and are skipped.
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']]}" for one in found]
