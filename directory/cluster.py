"""The project's own private PostgreSQL, used when no DIRECTORY_DATABASE_URL is set.

It lives in ``<home>/postgres`` and listens on a Unix socket in a folder that only its owner
(and root) can enter, so that it needs no password. For root it runs as the account
``postgres``, under ``/var/lib/recovery-directory`` where that account cannot reach the home.
"""

import fcntl
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from directory.config import Config
from directory.errors import UsageError
from directory.postgres import SOCKET, Server, locate, out_of_reach, output, programs, run

NAME = "directory"  # of the superuser and of the database
HAS_POSTGIS = "SELECT 1 FROM pg_extension WHERE extname = 'postgis'"
SETTINGS = """\
# Written at every start. Change settings with ALTER SYSTEM, which wins over this file.
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
shared_buffers = {buffers}MB
max_wal_size = 2GB
jit = off
timezone = 'UTC'
# What people search for must not reach a log: errors (they quote values) and details
# (a crash quotes the statement) are left out, and no statement is ever logged.
logging_collector = on
log_directory = '{log}'
log_filename = 'server-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_timezone = 'UTC'
log_min_messages = log
log_error_verbosity = terse
log_statement = none
log_min_duration_statement = -1
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def url(config: Config) -> str:
    """The libpq URL of the private database; it has no password. Starts nothing.

    The port is named, so that neither PGPORT nor a distribution's default can change it.
    """
    folder = quote(str(locate(config).sockets), safe="")
    return f"postgresql://{NAME}@/{NAME}?host={folder}&port=5432"


def status(config: Config) -> str:
    """Say "running", "stopped" or "absent" (never made)."""
    server = locate(config)
    if _accepts(server):
        return "running"
    return "stopped" if server.major() else "absent"


def start(config: Config) -> None:
    """Make the cluster where it is missing, start it where it is stopped.

    Any number of processes may call this at once, any number of times. The server outlives
    the process that started it. Raises UsageError where it cannot be made or started.
    """
    server = locate(config)
    binaries = programs(server.major())
    # Most calls end here, in milliseconds and without a lock.
    if _accepts(server) and _sql(server, binaries, NAME, HAS_POSTGIS, check=False):
        return
    with _locked(server):
        if not server.major():
            _initialise(server, binaries)
        if _accepts(server):
            _await(server, binaries)
        else:
            _launch(server, binaries)
        if not _sql(
            server, binaries, "postgres", f"SELECT 1 FROM pg_database WHERE datname='{NAME}'"
        ):
            _sql(server, binaries, "postgres", f"CREATE DATABASE {NAME}")
        _sql(server, binaries, NAME, "CREATE EXTENSION IF NOT EXISTS postgis")


def stop(config: Config) -> None:
    """Stop the cluster and wait until it is down; nothing happens where none runs."""
    server = locate(config)
    if server.major():
        with _locked(server):
            _halt(server, programs(server.major()))


def _accepts(server: Server) -> bool:
    """Whether a server listens on our socket: a pid file alone proves nothing."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(server.sockets / SOCKET))
        except (BlockingIOError, TimeoutError):
            return True  # so busy that its queue is full
        except OSError:
            return False
        return True


@contextmanager
def _locked(server: Server) -> Iterator[None]:
    """Hold the cluster's file lock: one process at a time makes, starts or stops it."""
    try:
        for folder in reversed((server.folder, *server.folder.parents)):
            if not folder.exists():
                folder.mkdir(exist_ok=True)
                if os.geteuid() == 0:
                    folder.chmod(0o755)  # the account must reach its data, whatever the umask
        lock = os.open(server.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise out_of_reach(server.folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _private(server: Server, folder: Path) -> None:
    """Make ``folder`` for the cluster's account alone; refuse one that others can enter."""
    try:
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, server.account.pw_uid, server.account.pw_gid)
    except FileExistsError:
        # In a shared folder such as /tmp somebody else may have been there first.
        found = folder.lstat()
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == server.account.pw_uid
        if not mine or stat.S_IMODE(found.st_mode) & 0o077:
            raise UsageError(
                f"{folder} must be a folder that only {server.account.pw_name} can enter. "
                "Remove it, and it will be made anew."
            ) from None


def _initialise(server: Server, binaries: Path) -> None:
    """Make the data folder beside its place and move it there: it is never half there."""
    if server.data.exists():
        raise UsageError(
            f"{server.data} holds no PostgreSQL data. Move it away, and it will be made anew."
        )
    half = server.folder / "data.new"
    for locale in ("C.UTF-8", "C"):  # not every system has the first
        shutil.rmtree(half, ignore_errors=True)
        _private(server, half)
        command: list[str | Path] = [binaries / "initdb", "-D", half, "--username", NAME]
        command += ["--auth-local=trust", "--auth-host=reject", "--data-checksums"]
        command += ["--encoding=UTF8", f"--locale={locale}"]
        if run(server, command, check=locale == "C").returncode == 0:
            break
    with (half / "postgresql.conf").open("a") as settings:
        settings.write("include_if_exists = 'directory.conf'\n")
    half.rename(server.data)


def _launch(server: Server, binaries: Path) -> None:
    """Start the server, which detaches itself, and wait until it answers."""
    _halt(server, binaries)  # one that lost its socket
    _forget_foreign_pid(server)
    _private(server, server.log)
    _private(server, server.sockets)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20  # megabytes
    paths = {"sockets": server.sockets, "log": server.log}
    quoted = {name: str(path).replace("'", "''") for name, path in paths.items()}
    settings = server.data / "directory.conf"
    settings.unlink(missing_ok=True)  # root may have made it for another account
    settings.write_text(SETTINGS.format(buffers=max(16, min(1024, memory // 4)), **quoted))
    settings.chmod(0o644)  # root's file, read by the account, in a folder of mode 0700
    first = server.log / "start.log"
    command: list[str | Path] = [binaries / "pg_ctl", "start", "-D", server.data]
    command += ["-w", "-t", "300", "-l", first]
    for _ in range(10):
        first.unlink(missing_ok=True)
        done = run(server, command, check=False)
        said = first.read_text(errors="replace") if first.exists() else done.stderr
        # After a kill, the last processes of the old server may need a moment to end.
        if "still in use" not in said:
            break
        time.sleep(0.5)
    if done.returncode:
        raise UsageError(
            f"The private database did not start; {server.log} says why. {said.strip()[-500:]}"
        )


def _await(server: Server, binaries: Path) -> None:
    """Wait, for two minutes at most, while a running server recovers from a crash."""
    for _ in range(240):
        if _sql(server, binaries, "postgres", "SELECT 1", check=False):
            return
        time.sleep(0.5)


def _halt(server: Server, binaries: Path) -> None:
    if _pid(server):
        run(server, [binaries / "pg_ctl", "stop", "-D", server.data, "-m", "fast", "-t", "120"])


def _pid(server: Server) -> int | None:
    """The process of our running server, or None.

    The number in a killed server's pid file may be another process's by now, so that the
    process must work in our data folder, as a PostgreSQL server does.
    """
    try:
        pid = int((server.data / "postmaster.pid").read_text().partition("\n")[0])
        if Path("/proc/self").exists():
            ours = Path(f"/proc/{pid}/cwd").readlink() == server.data.resolve()
        else:
            ours = "postgres" in output("ps", "-o", "command=", "-p", str(pid))
    except (OSError, ValueError):
        return None
    return pid if ours else None


def _forget_foreign_pid(server: Server) -> None:
    """Free a killed server's pid files where another process has its number by now.

    PostgreSQL would take any live process of the same account for its old self. It takes the
    number of its launcher, which we are, for stale. The rest of the file stays, for by it
    PostgreSQL checks that no process of the old server still writes.
    """
    (server.sockets / f"{SOCKET}.lock").unlink(missing_ok=True)  # nobody listens there
    file = server.data / "postmaster.pid"
    if file.exists():
        rest = file.read_text().partition("\n")[2]
        file.write_text(f"{os.getpid()}\n{rest}")


def _sql(server: Server, binaries: Path, database: str, statement: str, check: bool = True) -> str:
    command: list[str | Path] = [binaries / "psql", "-X", "-A", "-t", "-q", "-h", server.sockets]
    command += ["-p", "5432", "-U", NAME, "-d", database, "-c", statement]
    return run(server, command, check).stdout.strip()
