"""`lanewise`: one command, its verbs, and how errors reach the user (one sentence on stderr, exit code 2)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from geometry.errors import LanewiseError
from lanewise import (
    calibrate_commands,
    eval_commands,
    export_commands,
    import_commands,
    map_commands,
    model_commands,
    new_commands,
    replay_commands,
    run_commands,
    topic_commands,
    track_commands,
    train_commands,
)
from lanewise.doctor import findings
from lanewise.provenance import installed, source_hash

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="lanewise",
    help="Drive scenarios closed loop, replay recorded drives, evaluate planners.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(run_commands.demo)
app.command("run")(run_commands.run_command)
app.command("eval")(eval_commands.eval_command)
app.command("replay")(replay_commands.replay_command)
app.command("report")(export_commands.report_command)
app.add_typer(topic_commands.app, name="topic")
app.add_typer(map_commands.app, name="map")
app.add_typer(model_commands.app, name="model")
app.add_typer(export_commands.app, name="export")
app.add_typer(calibrate_commands.app, name="calibrate")
app.add_typer(import_commands.app, name="import")
app.add_typer(new_commands.app, name="new")
app.add_typer(track_commands.app, name="track")
app.add_typer(train_commands.app, name="train")


@app.command("version")
def version() -> None:
    """Version and hash of the sources."""
    typer.echo(f"lanewise {installed('lanewise')} (source {source_hash()})")


@app.command("doctor")
def doctor(
    runs: Annotated[Path, typer.Option(help="The folder that runs are to be written to.")] = Path("runs"),
) -> None:
    """Check this machine: versions, cache folder, video, browser, space. Exit code 1 if something is missing."""
    found = findings(runs)
    for finding in found:
        typer.echo(f"{'ok     ' if finding.fine else 'MISSING'}  {finding.what:18}  {finding.detail}")
    if not all(finding.fine or finding.optional for finding in found):
        raise typer.Exit(EXIT_FAILED)


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except LanewiseError as error:
        print(f"lanewise: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        print("lanewise: interrupted; finished drives are kept", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away; nobody is left to be told
        sys.exit(EXIT_FAILED)
