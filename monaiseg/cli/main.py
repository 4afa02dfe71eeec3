"""Parses the command line, and turns every error into one line and an exit code.

Exit codes: 0 done; 1 an unforeseen error, or a promise that `check` found broken; 2 a wrong option, setting or name; 3
data that cannot be used; 4 a broken plugin; 5 a file that cannot be written; 6 data that can be used, with warnings;
7 a training that went wrong as it ran (a loss that is no number, no memory, a killed worker); 75 a training that was
told to stop and has saved; 130 interrupted. --debug before the command, or MONAISEG_DEBUG=1, shows the traceback of an
error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from monaiseg.cli import authoring, bundles, checking, data, importing, listing, running
from monaiseg.errors import MonaisegError, cause_of, chain_of, printable

EPILOG = __doc__.split("\n\n", 1)[1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="monaiseg",
        description="Medical image segmentation in which a network is a plugin.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    listing.add_commands(commands)
    running.add_commands(commands)
    bundles.add_commands(commands)
    data.add_commands(commands)
    authoring.add_commands(commands)
    importing.add_commands(commands)
    checking.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    options.debug |= "--debug" in rest
    rest = [argument for argument in rest if argument != "--debug"]
    if rest and not getattr(options, "takes_overrides", False):
        parser.error(f"unknown argument {rest[0]}")
    if options.version:
        from monaiseg import __version__

        print(f"monaiseg {__version__}")
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    return _guarded(lambda: options.run(options, rest), options.debug)


def _guarded(command: Callable[[], int | None], debug: bool) -> int:
    try:
        return command() or 0
    except KeyboardInterrupt:
        print("monaiseg: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if any(isinstance(link, BrokenPipeError) for link in chain_of(error)):  # whoever read the output has left
            return 1
        if debug:
            raise
        cause = cause_of(error)
        known = isinstance(cause, MonaisegError)
        text = str(cause) if known else f"{type(error).__name__}: {error} (--debug shows where)"
        print(f"monaiseg: error: {printable(' '.join(text.split()))}", file=sys.stderr)
        return cause.exit_code if isinstance(cause, MonaisegError) else 1
