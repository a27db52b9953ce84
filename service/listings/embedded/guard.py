"""Ends a private server when nobody uses it any more. Run as a script by `lifetime.py`, never imported.

Every process that uses the server holds a shared lock on one file, and the kernel lets go of it
however that process ends, also by kill -9. The guard waits for the exclusive lock on the same
file: when it gets it, the last user is gone and it shuts the server down. Unlike a parent-death
signal this works on macOS, survives the thread that started the server, and counts several users.

Only the standard library, no imports of the project: it starts in about 20 ms with `python -I -S`.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Leave the caller's process group, start the server described on standard input, guard it."""
    plan = json.load(sys.stdin)
    if os.fork():
        os._exit(0)  # the caller waits for this one; the guard itself belongs to init and leaves no zombie
    os.setsid()  # Ctrl-C in the terminal is for the application: the server must outlive it
    # Held by every process of the server through inheritance: free means the server is entirely gone.
    alive_fd: int = plan["alive_fd"]
    with Path(plan["log"]).open("wb") as log:
        os.dup2(log.fileno(), 2)
        server = subprocess.Popen(  # noqa: S603 - the command is composed by lifetime.py, no shell
            plan["command"],
            cwd=plan["cwd"],
            env=plan["env"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[alive_fd],
            **plan["identity"],
        )
    pid_file = Path(plan["pid_file"])
    pid_file.with_suffix(".new").write_text(f"{server.pid}\n")
    pid_file.with_suffix(".new").replace(pid_file)
    os.close(alive_fd)

    def end_with_the_last_user() -> None:
        users = os.open(plan["users_lock"], os.O_RDWR)
        fcntl.flock(users, fcntl.LOCK_EX)
        with suppress(ProcessLookupError):
            server.send_signal(plan["stop_signal"])

    threading.Thread(target=end_with_the_last_user, daemon=True).start()
    server.wait()
    os._exit(0)  # also lets go of the users' lock, for a newcomer who waits to start the server anew


main()
