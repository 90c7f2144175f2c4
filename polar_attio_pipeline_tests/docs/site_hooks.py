"""What the site needs beside its configuration: pages of the repository's root, and links that lead out of the site.

MkDocs loads this file by itself (`hooks` in mkdocs.yml, https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

import posixpath
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.site import DOCS, OF_THE_ROOT

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]*)(#[^)\s]*)?\)")
_FILE = re.compile(r"[\w./-]*\.\w+")
_BY_PATH = {path: page for page, path in OF_THE_ROOT.items()}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie in the root of the repository."""
    for page, path in OF_THE_ROOT.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let each link lead to the page of the site; the text of one that leads elsewhere stands alone."""
    del config, files
    return in_site(markdown, page.file.src_uri)


def in_site(markdown: str, page: str) -> str:
    """Return a page's text with its links as the site needs them.

    Args:
        markdown: With links between the files of the repository.
        page: Its name in the site.
    """
    folder = posixpath.dirname(OF_THE_ROOT.get(page, f"docs/{page}"))

    def replaced(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        path = posixpath.normpath(posixpath.join(folder, target))
        there = _BY_PATH.get(path) or (path.removeprefix("docs/") if _is_page(path) else None)
        if there is None:
            return f"`{text}`" if _FILE.fullmatch(text) else text
        return f"[{text}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor})"

    return _LINK.sub(replaced, markdown)


def _is_page(path: str) -> bool:
    return path.startswith("docs/") and (DOCS / path.removeprefix("docs/")).is_file()
