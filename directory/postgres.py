"""PostgreSQL's programs: where they are, and how to run them as the right account.

Only ``cluster.py`` uses this. PostgreSQL refuses to run as root, so that for root every program
runs as the account ``postgres``, or as the ordinary user who made the cluster.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from directory.config import Config
from directory.errors import UsageError

SHARED = Path("/var/lib/recovery-directory")  # for root, where home is out of reach
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # bytes: macOS; Linux allows 107
BINARIES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PostgreSQL's own packages for Fedora and Red Hat
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where one cluster lives, where it listens, and the account that it runs as."""

    folder: Path
    sockets: Path
    account: pwd.struct_passwd

    @property
    def data(self) -> Path:
        """The data folder; it is there only when it is complete."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The folder of the server's logs."""
        return self.folder / "log"

    def major(self) -> str:
        """PostgreSQL's major version that made the data, or "" where there is none."""
        try:
            return (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return ""


def locate(config: Config) -> Server:
    """Find the place of the cluster of this home; nothing is made.

    Raises UsageError where no account can run it, or where it belongs to somebody else.
    """
    try:
        folder, account = _as_root(config.home) if os.geteuid() == 0 else _as_user(config.home)
    except OSError as error:
        raise out_of_reach(config.home / "postgres", error) from error
    sockets = folder / "socket"
    if len(os.fsencode(sockets / SOCKET)) > LONGEST_SOCKET:
        # Not the temporary folder of the environment: every process must find the same one.
        sockets = Path(f"/tmp/recovery-directory-{account.pw_uid}-{_key(folder)}")  # noqa: S108
    return Server(folder, sockets, account)


def out_of_reach(folder: Path, error: OSError) -> UsageError:
    """What to say of a folder that cannot be read or written."""
    return UsageError(
        f"The private database cannot be kept in {folder}: {error.strerror}. "
        "Set DIRECTORY_HOME to a folder that you can write to."
    )


def _key(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def _as_user(home: Path) -> tuple[Path, pwd.struct_passwd]:
    folder, uid = home / "postgres", os.geteuid()
    data = folder / "data"
    if data.exists() and (owner := data.stat().st_uid) != uid:
        raise UsageError(
            f"The private database in {folder} belongs to the account {_name(owner)}. Run this as "
            f"{_name(owner)} or root, or set DIRECTORY_HOME to a folder of your own."
        )
    return folder, _account(uid)


def _as_root(home: Path) -> tuple[Path, pwd.struct_passwd]:
    own, shared = home / "postgres", SHARED / _key(home)
    # Once made, a cluster stays where it is, whatever becomes of the folders above it.
    if (own / "data").exists():
        return own, _account((own / "data").stat().st_uid)
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        raise UsageError(
            "PostgreSQL refuses to run as root, and there is no account called postgres to run "
            "it as. Run scripts/setup, which installs the server, or run this as another user."
        ) from None
    if (shared / "data").exists() or not _reachable(home, account):
        return shared, account
    return own, account


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _account(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise UsageError(
            f"PostgreSQL needs an account with a name, and user number {uid} has none here. "
            "Add one (useradd), or set DIRECTORY_DATABASE_URL to a PostGIS server."
        ) from None


def _reachable(folder: Path, account: pwd.struct_passwd) -> bool:
    """Whether ``account`` may enter ``folder``; one that is not there is as its parents."""
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    for part in (folder, *folder.parents):
        if part.exists():
            found = part.stat()
            bit = stat.S_IXOTH
            if found.st_uid == account.pw_uid:
                bit = stat.S_IXUSR
            elif found.st_gid in groups:
                bit = stat.S_IXGRP
            if not found.st_mode & bit:
                return False
    return True


def programs(major: str) -> Path:
    """Find the folder of PostgreSQL's programs: of version ``major``, or "" for the newest.

    Only a PostgreSQL that has PostGIS counts. Raises UsageError where there is none.
    """
    found: dict[int, Path] = {}
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += [path for pattern in BINARIES for path in Path("/").glob(pattern[1:])]
    for folder in candidates:
        if not all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres", "psql")):
            continue
        version = re.search(r"\) (\d+)", output(folder / "postgres", "--version"))
        # Where there is no pg_config to ask: Debian, Alpine, Fedora.
        names = (f"postgresql/{folder.parent.name}", folder.name, "pgsql")
        shares = [Path("/usr/share", name) for name in names]
        if (folder / "pg_config").exists():
            shares.append(Path(output(folder / "pg_config", "--sharedir").strip()))
        if version and any((share / "extension/postgis.control").exists() for share in shares):
            found.setdefault(int(version[1]), folder)
    if not found:
        raise UsageError(
            "No PostgreSQL server with PostGIS was found. Run scripts/setup, which installs it or "
            "says how, or set DIRECTORY_DATABASE_URL to a PostGIS server that runs elsewhere."
        )
    if major and int(major) not in found:
        raise UsageError(
            f"The private database was made by PostgreSQL {major}, and only PostgreSQL "
            f"{max(found)} with PostGIS is installed. Install version {major} beside it (Debian, "
            f"Ubuntu: postgresql-{major}-postgis-3), or set DIRECTORY_HOME to a new folder and "
            "import again. Nothing was changed."
        )
    return found[int(major) if major else max(found)]


def output(*command: str | Path) -> str:
    """Run a harmless command and return what it prints, whatever its exit code."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


def run(
    server: Server, command: list[str | Path], check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the cluster's account.

    The caller's PG… variables are left out: PGPORT, PGHOST or PGDATA would lead it elsewhere.
    Raises UsageError with what the program said where it fails, unless ``check`` is False.
    """
    account, root = server.account, os.geteuid() == 0
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env=environment | {"LC_ALL": "C", "HOME": account.pw_dir},
        user=account.pw_uid if root else None,
        group=account.pw_gid if root else None,
        extra_groups=os.getgrouplist(account.pw_name, account.pw_gid) if root else None,
    )
    if check and done.returncode:
        program, said = Path(command[0]).name, (done.stderr or done.stdout).strip()
        raise UsageError(
            f"The private database failed at {program}: {said[-500:]} (logs: {server.log})"
        )
    return done
