"""A hook of mkdocs: the site has the paths of the repository, so that links work in both.

Pages are those of docs/ and what stands beside it; other files are taken when a page links to them.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "examples/*.md")
# Made for a package index from README.md.
LEFT_OUT = "docs/package_description.md"
_LINK = re.compile(r"\]\((?!\w+:)([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the repository."""
    site = Files([file for file in files if file.src_dir != config.docs_dir])
    pages = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    pages = [page for page in pages if page.relative_to(ROOT).as_posix() != LEFT_OUT]
    linked = {(page.parent / target).resolve() for page in pages for target in _links(page)}
    for file in [*pages, *sorted(linked - set(pages))]:
        if file.is_file() and file.is_relative_to(ROOT):
            path = file.relative_to(ROOT).as_posix()
            site.append(File.generated(config, path, abs_src_path=str(file)))
    return site


def _links(page: Path) -> list[str]:
    return _LINK.findall(page.read_text(encoding="utf-8"))
