"""
All metadata stand in setup.cfg, but for the one that has to be computed: the description that package indexes show.

They cannot know where a relative link of the README leads; here it leads to the files of the version that is built.
"""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent

PICTURES = (".gif", ".jpg", ".png", ".svg")

# A fenced block is matched whole, and first, so that nothing in it is taken for a link.
FENCE_OR_LINK = re.compile(
    r"(?P<fence>^[ ]*```.*?^[ ]*```)"
    r'|(?P<before>\]\(|\b(?:src|srcset|href)=")(?!https?:|mailto:|#)(?P<target>[^)"\s]+)',
    re.MULTILINE | re.DOTALL,
)


def with_absolute_links(text: str, repository: str, tag: str) -> str:
    """Replace relative links in ``text`` by links into ``repository`` at ``tag``; pictures link to the raw files."""
    pages = f"{repository}/blob/{tag}/"
    raw = f"{repository}/{tag}/".replace("https://github.com/", "https://raw.githubusercontent.com/")

    def absolute(found: re.Match[str]) -> str:
        if found["fence"]:
            return found[0]
        target = found["target"].removeprefix("./")
        return found["before"] + (raw if target.endswith(PICTURES) else pages) + target

    return FENCE_OR_LINK.sub(absolute, text)


def repository() -> str:
    """Return the address that setup.cfg names as the source."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    urls = dict(line.split(" = ") for line in config["metadata"]["project_urls"].strip().splitlines())
    return urls["Source"]


def version() -> str:
    """Return the version without importing the package."""
    source = (ROOT / "airflow_provider_tencent_ci" / "__init__.py").read_text("utf-8")
    [found] = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return found


if __name__ == "__main__":
    from setuptools import setup  # here, since only a build has it: since Python 3.12, environments do not

    readme = (ROOT / "README.md").read_text("utf-8")
    setup(long_description=with_absolute_links(readme, repository(), f"v{version()}"))
