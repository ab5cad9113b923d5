"""Any password logs in, however the config is written, and shows nowhere."""

from __future__ import annotations

import logging
import pickle
import traceback
import urllib.parse

import pytest

from engines.databases import EVERYTHING, Config, Database, needs_private, on_servers, refusal, user_of
from trialstore.contract.helpers import finish, make_experiment
from trialstore.storage import ConnectError, SqlStorage
from trialstore.storage.config.keys import config_from_url

pytestmark = on_servers

PASSWORDS = [
    "p%40@:/?#&=+;,",
    "'\"\\`",
    "\\'; -- ",
    "pä§ß wörd 密码",
    "e\u0301 \u00e9 \U0001f600",
    " spaces around ",
    "%",
    "100%s%(x)s{}",
    "x" * 70,
]
LONG = "hunter2-'\"%@:/\\-geheim"


def use(config: Config) -> None:
    with SqlStorage({**config, "schema_policy": "update"}) as storage, make_experiment(storage) as experiment:
        finish(experiment.new_trial({}))


@pytest.mark.parametrize("password", PASSWORDS, ids=ascii)
def test_any_password_logs_in(database: Database, password: str) -> None:
    with user_of(database, password, EVERYTHING) as user:
        config = database.config(**user)
        use(config)
        url = (
            f"{config['drivername']}://{user['username']}:{urllib.parse.quote(password, safe='')}"
            f"@{config['host']}:{config['port']}/{database.name}"
        )
        from_url = config_from_url(url)
        assert from_url["password"] == password
        use(from_url)
        if (socket := database.server.socket_config(database.name)) is not None:
            use({**socket, **user})
        wrong = refusal(lambda: use({**config, "password": password + "x"}))
        assert type(wrong) is ConnectError
        assert "'password'" in wrong.hint


def test_the_socket_may_be_named_in_a_url(database: Database) -> None:
    needs_private(database.server)
    config = database.server.socket_config(database.name)
    assert config is not None
    with user_of(database, LONG, EVERYTHING) as user:
        query = urllib.parse.urlencode(config["query"])
        secret = urllib.parse.quote(LONG, safe="")
        use(config_from_url(f"{config['drivername']}://{user['username']}:{secret}@/{database.name}?{query}"))


def test_a_password_shows_nowhere(
    database: Database, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with user_of(database, LONG, EVERYTHING) as user:
        config = database.config(**user, log_sql=True)
        storage = SqlStorage({**config, "schema_policy": "update"})
        with storage, make_experiment(storage) as experiment:
            finish(experiment.new_trial({}))
            inner = storage.database
            shown = [repr(storage), repr(experiment), repr(inner.config), repr(inner.dialect), repr(inner.engine)]
            shown += [repr(inner.dialect.url()), repr(pickle.loads(pickle.dumps(storage)))]
        for change in ({"port": 1}, {"username": "nobody"}, {"database": "nowhere"}, {"query": {"x": "y"}}):
            error = refusal(lambda change=change: SqlStorage({**config, **change}))
            shown += [repr(error), repr(pickle.dumps(error)), "".join(traceback.format_exception(error))]
    shown += [caplog.text, *capsys.readouterr()]
    assert "INSERT INTO experiment" in caplog.text
    for text in shown:
        for form in (LONG, repr(LONG)[1:-1], urllib.parse.quote(LONG, safe=""), "hunter2", "geheim"):
            assert form not in text


def test_a_password_shows_in_no_refusal_of_a_config(database: Database) -> None:
    for password in ("hunter2\0", "hunter2\ud800"):
        error = refusal(lambda password=password: SqlStorage(database.config(password=password)))
        assert "config.password" in error.message
        assert "hunter2" not in "".join(traceback.format_exception(error))
