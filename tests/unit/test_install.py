"""What `tox` installs with uv comes from where pip would take it."""

from __future__ import annotations

import pytest

import install

LISTED = """
:env:.default-timeout='180'
:env:.find-links='/wheels /more'
:env:.user='0'
global.constraint='/etc/constraints.txt'
global.extra-index-url='https://one/simple https://two/simple'
global.find-links='/old'
global.index-url='https://me:pass%20word@index/simple'
install.index-url='https://nearer/simple'
download.index-url='https://elsewhere/simple'
"""


def test_uv_is_told_what_pip_is_configured_with() -> None:
    assert install.environment(LISTED, {}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_HTTP_TIMEOUT": "180",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_CONSTRAINT": "/etc/constraints.txt",
        "UV_INDEX": "https://one/simple https://two/simple",
        "UV_DEFAULT_INDEX": "https://nearer/simple",
    }


def test_what_the_environment_says_to_uv_itself_comes_first() -> None:
    known = {"UV_DEFAULT_INDEX": "https://mine/simple", "PATH": "/bin"}
    found = install.environment(LISTED, known)
    assert found is not None
    assert found.items() >= known.items()


@pytest.mark.parametrize("line", ["global.no-binary=':all:'", ":env:.require-hashes='1'", "install.pre='true'"])
def test_where_uv_has_no_word_for_it_pip_installs(line: str) -> None:
    assert install.environment(line, {}) is None
