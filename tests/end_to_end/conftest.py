"""Fixtures of the whole: the command line in an empty folder, a free port."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.end_to_end.command_line import CommandLine


@pytest.fixture
def pricewright(tmp_path: Path) -> CommandLine:
    """The command line in an empty folder with a database of its own."""
    return CommandLine(tmp_path)


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
