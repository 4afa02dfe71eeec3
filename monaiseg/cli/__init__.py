"""The command `monaiseg`."""

from monaiseg.cli.main import main

__all__ = ["main"]
