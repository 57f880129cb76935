"""Backup and restore by PostgreSQL's own programs."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import make_url

from directory import postgres
from directory.errors import UsageError


def backup(url: str, file: Path) -> None:
    """Write the whole database to ``file``, which appears only when it is whole."""
    half = file.with_name(f"{file.name}.part")
    try:
        _run("pg_dump", url, "--format=custom", f"--file={half}")
        half.replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        half.unlink(missing_ok=True)


def restore(url: str, file: Path) -> None:
    """Put the database back as ``file`` has it, in one transaction."""
    if not file.is_file():
        raise UsageError(f"There is no file {file}; check its name.")
    _run("pg_restore", url, "--clean", "--if-exists", "--no-owner", "--single-transaction", file)


def _run(program: str, url: str, *arguments: str | Path) -> None:
    found = shutil.which(program) or postgres.programs("") / program
    target = make_url(url)
    environment = {**os.environ, "PGPASSWORD": target.password or ""}
    # The password goes by the environment: command lines are there for everybody to see.
    plain = target.set(password=None).render_as_string()
    command = [found, "--no-password", f"--dbname={plain}", *arguments]
    done = subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[0]
        raise UsageError(f"{program} failed: {reason} Nothing was changed.")
