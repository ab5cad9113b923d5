"""Makes every generated file: `python tests/generated_files.py` writes those that are stale, and names them.

`--sources` leaves out the files that need a database: `schema.sql` and `structure.txt` of each engine. PostgreSQL and
MariaDB are the private servers that the tests start. tests/unit/test_generated_files.py and tests/upgrade compare the
files with what is made here.

In a page, a generated part stands between `<!-- generated: NAME -->` and `<!-- end of generated -->`.
"""

from __future__ import annotations

import configparser
import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

import import_floors
import matrix
from trialstore.sql.diagram import mermaid
from trialstore.sql.migrations import load_migrations
from trialstore.sql.structure import expected_facts
from trialstore.storage import SqlStorage
from trialstore.storage.cli.program import main as program
from trialstore.storage.cli.sql import statement_text
from trialstore.storage.schema.dump import schema_text, structure_text

ROOT = Path(__file__).parents[1]
DESCRIPTION = "docs/package_description.md"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((?!\w+:)([^)#]+)(#[^)]*)?\)")


def from_sources() -> dict[str, str]:
    """Path → content of the files that need no database."""
    pages = {page.relative_to(ROOT).as_posix(): page for page in sorted((ROOT / "docs").glob("*.md"))}
    made = {path: filled(page.read_text(encoding="utf-8")) for path, page in pages.items() if path != DESCRIPTION}
    return {
        **{path: text for path, text in made.items() if _BLOCK.search(text)},
        DESCRIPTION: description((ROOT / "README.md").read_text(encoding="utf-8"), home()),
    }


def from_databases() -> dict[str, str]:
    """Path → content of the files that tell what the migrations make of an empty database."""
    made = {}
    for engine in matrix.ENGINES:
        for name, make in (("schema.sql", schema_text), ("structure.txt", structure_text)):
            made[f"sql/{engine}/{name}"] = _of_an_empty_database(engine, make)
    return made


def _of_an_empty_database(engine: str, make: Callable[[Any], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        config = matrix.make_config(engine, Path(folder), schema_policy="update", lazy_schema_create=True)
        with SqlStorage(config) as storage:
            if make is schema_text:
                storage.update_schema()
            return make(storage.database)


# --- parts of pages ---------------------------------------------------------------------------------------------------


def filled(page: str) -> str:
    """A page whose generated parts are made anew."""
    return _BLOCK.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}{match[3]}", page)


def diagram() -> str:
    """The tables, with PostgreSQL's types."""
    folder = "postgresql/migrations"
    return _fenced("mermaid", mermaid(expected_facts(folder, load_migrations(folder)[-1].version)))


def statement() -> str:
    """A statement as `trialstore sql show` prints it."""
    return _fenced("sql", statement_text("trial_finish", "sqlite"))


def migration() -> str:
    """A migration file."""
    return _fenced(
        "sql", (ROOT / "sql" / "sqlite" / "migrations" / "0002_trial_runner.sql").read_text(encoding="utf-8")
    )


def rooms() -> str:
    """The rooms of storage/, sql/ and dialects/, from the top floor to the ground."""
    rows = [
        f"| {len(import_floors.ROOMS) - above} | `{room}` | {purpose} |"
        for above, floor in enumerate(reversed(import_floors.ROOMS))
        for room, purpose in floor.items()
    ]
    return "\n".join(["| floor | room | what is in it |", "|---|---|---|", *rows, ""])


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n".join(_command(("trialstore",), program))


def _command(path: tuple[str, ...], command: click.Command) -> Iterator[str]:
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    usage = [*path, *map(_argument, arguments)]
    options = [_option(param) for param in command.params if isinstance(param, click.Option) and not param.hidden]
    if isinstance(command, click.Group):
        usage.append("COMMAND …")
    yield f"## {' '.join(path)}\n\n`{' '.join(usage)}`\n\n{inspect.cleandoc(command.help or '')}\n"
    if options:
        yield "\n".join(["| option | meaning |", "|---|---|", *options, ""])
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _command((*path, name), below)


def _argument(param: click.Argument) -> str:
    name = (param.metavar or param.name or "").upper().rstrip(".")
    name = f"{name}…" if param.nargs == -1 else name
    return name if param.required else f"[{name}]"


def _option(option: click.Option) -> str:
    assert option.help, f"the option {option.name} says nothing of itself"
    value = ""
    if not option.is_flag:
        choices = getattr(option.type, "choices", None)
        value = " " + (option.metavar or (r"\|".join(choices) if choices else "NUMBER"))
    default = f" Default: {option.show_default}." if isinstance(option.show_default, str) else ""
    return f"| `{', '.join(option.opts)}{value}` | {option.help}{default} |"


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "diagram": diagram,
    "migration": migration,
    "rooms": rooms,
    "statement": statement,
}


# --- what a package index shows ---------------------------------------------------------------------------------------


def home(setup: Path = ROOT / "setup.cfg") -> str:
    """The address of the source tree from setup.cfg, which a path of this repository can follow; empty if unknown."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(setup, encoding="utf-8")
    urls = dict(re.findall(r"^(\w+) = (\S+)$", parser["metadata"].get("project_urls", ""), re.MULTILINE))
    return urls.get("Source", "")


def description(readme: str, source: str) -> str:
    """README.md for a place where no other file is beside it: links lead to `source`, or become names of files."""
    if source:
        return _LINK.sub(lambda match: f"[{match[1]}]({source.rstrip('/')}/{match[2]}{match[3] or ''})", readme)
    named = _LINK.sub(lambda match: match[1] if match[1] == match[2] else f"{match[1]} ({match[2]})", readme)
    return f"{named.rstrip()}\n\nThe pages named here are files of the source distribution.\n"


# --- the command ------------------------------------------------------------------------------------------------------


def stale(made: Mapping[str, str]) -> dict[str, str]:
    """Those files that are not what they should be."""
    return {
        path: text
        for path, text in made.items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != text
    }


def main(*arguments: str) -> int:
    """Write what is stale."""
    if unknown := set(arguments) - {"--sources"}:
        print(f"{min(unknown)}: there is only the option --sources, for the files that need no database.")
        return 2
    # The pages show what the migrations yield by the files that tell it, so those come first.
    for make in (from_sources,) if arguments else (from_databases, from_sources):
        for path, text in stale(make()).items():
            (ROOT / path).write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
