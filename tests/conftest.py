"""What holds for every test, set before the first of them or any child process starts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from hypothesis import settings

# No example has a time to keep: a busy machine is no counterexample. In CI, where the profile of
# Hypothesis for CI is loaded by now, examples are the same in every run.
settings.register_profile("pricewright", settings(), deadline=None)
settings.load_profile("pricewright")

# A shell ignores SIGINT for what it starts in the background, and what is ignored stays ignored in
# every child: a service under test would never hear the Ctrl-C that a test sends it. A handler of
# our own is put back to the default in a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Without bytecode every worker would rewrite the assertions of all tests anew, and every child
# compile the project: half of a collection's time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests talk to this machine alone, over plain HTTP. An HTTP client that reads the root certificates
# of the world first takes longer to make than most answers to come: there are none in this folder.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)
