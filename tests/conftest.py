"""What holds for every test: Ctrl-C works, whoever started the suite."""

from __future__ import annotations

import signal

# A shell ignores SIGINT for what it starts in the background, and what is ignored stays ignored in
# every child: a service under test would never hear the Ctrl-C that a test sends it. A handler of
# our own is put back to the default in a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
