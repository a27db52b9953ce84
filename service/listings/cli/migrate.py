"""`listings migrate`: the schema, for people and (with --json) for automation.

Exit codes are one per class of outcome; `docs/how-to/migrations.md` lists them and automation branches on them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from listings.cli.complaints import complain, configuration_or_exit
from listings.cli.report import ReportOption, failure, write_report
from listings.migrate import plan, runner, verify
from listings.migrate.errors import ExitCode, MigrationError

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Result = TypeVar("_Result")

EXIT_CODES = (
    "Exit codes: 0 done; 1 something is pending (status, plan) or found (verify); 2 usage; 3 dirty; "
    "4 another runner or a locked table; 5 a statement failed; 6 database unreachable; 7 files missing or edited; "
    "8 not a database these files continue."
)

app = typer.Typer(
    name="migrate",
    help="Bring the database's schema to the version this release needs.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Dsn = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="postgresql://... Default: LISTINGS_DATABASE_URL or its parts.",
        show_default=False,
    ),
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--migrations", help="Folder of files. Default: those of this release.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
LockWait = Annotated[float, typer.Option("--lock-wait", min=0, help="Seconds to wait for another runner.")]
LockTimeout = Annotated[
    float, typer.Option("--lock-timeout", min=0.1, help="Seconds one statement may queue for a table.")
]
Attempts = Annotated[
    int, typer.Option("--attempts", min=1, max=50, help="Tries per file when a table is locked.")
]
AllowEdited = Annotated[
    bool, typer.Option("--allow-edited", help="Run although an applied file has changed.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Confirm: undoing files loses what they added.")]
ToVersion = Annotated[
    int | None, typer.Option("--to", min=0, help="Stop at this version.", show_default=False)
]


@app.command()
def up(
    to: ToVersion = None,
    database_url: Dsn = None,
    migrations: FolderOption = None,
    lock_wait: LockWait = 60,
    lock_timeout: LockTimeout = 1,
    attempts: Attempts = 5,
    allow_edited: AllowEdited = False,
    as_json: AsJson = False,
    report: ReportOption = None,
) -> None:
    """Apply pending files. At the last version it does nothing, so it can run before every start."""
    options = _options(lock_wait, lock_timeout, attempts, allow_edited=allow_edited, quiet=as_json)
    done = _finish(
        runner.migrate_up(_dsn(database_url), migrations, target=to, options=options), as_json, report
    )
    write_report(
        report, {"ok": True, "version": done.after, "target": done.after, "pending": [], "pendingCount": 0}
    )
    _report(done, as_json)


@app.command()
def down(
    to: ToVersion = None,
    yes: Yes = False,
    database_url: Dsn = None,
    migrations: FolderOption = None,
    lock_wait: LockWait = 60,
    lock_timeout: LockTimeout = 1,
    attempts: Attempts = 5,
    allow_edited: AllowEdited = False,
    as_json: AsJson = False,
) -> None:
    """Undo files down to --to, without it the last one. Columns and tables they added are lost with their content."""
    _confirm(yes)
    options = _options(lock_wait, lock_timeout, attempts, allow_edited=allow_edited, quiet=as_json)
    _report(
        _finish(runner.migrate_down(_dsn(database_url), migrations, target=to, options=options), as_json),
        as_json,
    )


@app.command()
def goto(
    version: Annotated[
        int, typer.Argument(min=0, help="Version to reach, up or down; 0 is the empty database.")
    ],
    yes: Yes = False,
    database_url: Dsn = None,
    migrations: FolderOption = None,
    lock_wait: LockWait = 60,
    lock_timeout: LockTimeout = 1,
    attempts: Attempts = 5,
    allow_edited: AllowEdited = False,
    as_json: AsJson = False,
) -> None:
    """Apply or undo files until the schema is at VERSION; going down needs --yes."""
    dsn = _dsn(database_url)
    now = _finish(plan.read_status(dsn, migrations), as_json).version
    if now is not None and version < now:
        _confirm(yes)
    options = _options(lock_wait, lock_timeout, attempts, allow_edited=allow_edited, quiet=as_json)
    _report(_finish(runner.goto(dsn, migrations, target=version, options=options), as_json), as_json)


@app.command()
def force(
    version: Annotated[int, typer.Argument(min=0, help="Version the schema is at; 0 is the empty database.")],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm: nothing checks that this is true.")] = False,
    database_url: Dsn = None,
    migrations: FolderOption = None,
    lock_wait: LockWait = 60,
    as_json: AsJson = False,
) -> None:
    """Declare that the schema is at VERSION and clean, after mending it by hand. Runs nothing."""
    _confirm(yes)
    options = runner.Options(lock_wait_seconds=lock_wait)
    _report(
        _finish(runner.force(_dsn(database_url), migrations, version=version, options=options), as_json),
        as_json,
    )


@app.command()
def status(database_url: Dsn = None, migrations: FolderOption = None, as_json: AsJson = False) -> None:
    """Show where the schema stands. Exit code 1 when files are pending, 3 when it is dirty."""
    found = _finish(plan.read_status(_dsn(database_url), migrations), as_json)
    if as_json:
        _print_json(asdict(found))
    else:
        table = Table("version", "name", "state", "applied", box=None, pad_edge=False)
        for version in found.versions:
            table.add_row(f"{version.version:06d}", version.name, version.state, version.finished_at or "")
        console = Console(highlight=False)
        console.print(table)
        console.print(
            f"At version {found.version or 'none'}{' (dirty)' if found.dirty else ''}, "
            f"the files end at {found.latest}: {found.pending} pending."
        )
    if found.dirty:
        raise typer.Exit(ExitCode.DIRTY)
    if found.pending:
        raise typer.Exit(ExitCode.FINDINGS)


@app.command(name="plan")
def plan_command(
    to: ToVersion = None,
    database_url: Dsn = None,
    migrations: FolderOption = None,
    as_json: AsJson = False,
    report: ReportOption = None,
) -> None:
    """Show what a run would do: statements, locks and sizes of the tables concerned. Changes nothing.

    With --report the exit code is 0 also while something is pending: the report says it.
    """
    found = _finish(plan.read_plan(_dsn(database_url), migrations, target=to), as_json, report)
    write_report(
        report,
        {
            "ok": True,
            "version": found.version,
            "target": found.target,
            "pending": [f"{file.version:06d}_{file.name}" for file in found.files],
            "pendingCount": len(found.files),
        },
    )
    if as_json:
        _print_json(asdict(found))
    else:
        _print_plan(found)
    if found.files and report is None:
        raise typer.Exit(ExitCode.FINDINGS)


@app.command(name="verify")
def verify_command(
    database_url: Dsn = None, migrations: FolderOption = None, as_json: AsJson = False
) -> None:
    """Compare the database with what its version promises. Exit code 1 when something is not as it should be."""
    found = _finish(verify.verify(_dsn(database_url), migrations), as_json)
    if as_json:
        _print_json({"ok": not found.problems, **asdict(found)})
    else:
        console = Console(highlight=False, soft_wrap=True)
        for word, names in (("expected", found.expected), ("legacy", found.legacy), ("extra", found.extra)):
            console.print(f"{word} relations: {len(names)}" + (f" ({', '.join(names)})" if names else ""))
        orphans = sum(key.orphans for key in found.foreign_keys)
        console.print(f"foreign keys: {len(found.foreign_keys)}, orphan rows: {orphans}")
        for problem in found.problems:
            console.print(
                Text("✗ ", style="red") + Text(f"{problem.kind}: {problem.subject}: {problem.detail}")
            )
        if not found.problems:
            console.print(Text("✓ ", style="green") + Text(f"version {found.version} is as it should be"))
    if found.problems:
        raise typer.Exit(ExitCode.FINDINGS)


def _dsn(given: str | None) -> str:
    return given or configuration_or_exit().settings.database.dsn()


def _options(
    lock_wait: float, lock_timeout: float, attempts: int, *, allow_edited: bool, quiet: bool
) -> runner.Options:
    return runner.Options(
        lock_wait_seconds=lock_wait,
        lock_timeout_ms=round(lock_timeout * 1000),
        attempts=attempts,
        allow_edited=allow_edited,
        observe=None if quiet else _progress,
    )


def _progress(event: runner.Event) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if event.kind == "start":
        console.print(f"{event.direction:>4} {event.version:06d} {event.detail}")
    elif event.kind in ("waiting", "retry", "resume"):
        console.print(Text(f"     {event.detail}", style="yellow"))


def _confirm(yes: bool) -> None:
    if not yes:
        raise complain(
            "This needs --yes",
            "`listings migrate plan --to VERSION` shows what would run.",
            code=ExitCode.USAGE,
        )


def _finish(work: Coroutine[Any, Any, _Result], as_json: bool, report: Path | None = None) -> _Result:
    try:
        return asyncio.run(work)
    except MigrationError as error:
        write_report(report, _failure(error))
        _stop(error, as_json)


def _failure(error: MigrationError) -> dict[str, Any]:
    return failure(type(error).__name__, error.message, error.remedy, error.version)


def _stop(error: MigrationError, as_json: bool) -> NoReturn:
    if as_json:
        _print_json(_failure(error))
        raise typer.Exit(error.exit_code) from error
    raise complain(error.message, error.remedy, code=error.exit_code) from error


def _report(report: runner.Report, as_json: bool) -> None:
    if as_json:
        _print_json({"ok": True, **asdict(report)})
        return
    console = Console(highlight=False)
    if not report.steps and report.before == report.after:
        console.print(f"Nothing to do: the schema is at version {report.after or 'none'}.")
        return
    seconds = sum(step.seconds for step in report.steps)
    console.print(
        f"The schema went from version {report.before or 'none'} to {report.after or 'none'}: "
        f"{len(report.steps)} files in {seconds:.1f} s."
    )


def _print_plan(found: plan.Plan) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not found.files:
        console.print(f"Nothing to do: the schema is at version {found.version or 'none'}.")
    for file in found.files:
        console.print(Text(f"{file.version:06d} {file.name} {file.direction}", style="bold"))
        console.print(Text(f"  {file.summary}"))
        console.print(Text(f"  locks: {file.locks}"))
        if not file.transactional:
            console.print(Text("  outside a transaction"))
        for table in file.tables:
            console.print(
                Text(f"  table {table.name}: {table.bytes / 1_048_576:.1f} MiB, about {table.rows} rows")
            )
        for statement in file.statements:
            console.print(Text(f"  {statement.text}" + (f"  [{statement.lock}]" if statement.lock else "")))


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))
