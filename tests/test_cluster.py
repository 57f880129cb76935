"""The private PostgreSQL: made, started, killed, moved and refused for real."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from directory import cluster, postgres
from directory.config import ROOT, Config, load_config
from directory.errors import UsageError

SECRET = "suboxone-near-elm-street"


def configured(home: Path) -> Config:
    return load_config({"DIRECTORY_HOME": str(home)})


@contextmanager
def temporary_home(name: str = "home") -> Iterator[Config]:
    """A home that the server's account can reach, as pytest's own folders are not for root."""
    top = Path(tempfile.mkdtemp(prefix="cluster-", dir="/tmp"))
    top.chmod(0o755)
    config = configured(top / name)
    sockets = postgres.locate(config).sockets
    try:
        yield config
    finally:
        cluster.stop(config)
        shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(top)


@pytest.fixture
def home() -> Iterator[Config]:
    with temporary_home() as config:
        yield config


@pytest.fixture(scope="module")
def made() -> Iterator[Config]:
    """A cluster that the tests share; each starts it, whatever the one before did to it."""
    with temporary_home() as config:
        yield config


def ask(config: Config, statement: str, check: bool = True) -> str:
    """What psql answers when it is given nothing but the URL, in an unfriendly environment."""
    psql = postgres.programs(postgres.locate(config).major()) / "psql"
    done = subprocess.run(
        [psql, cluster.url(config), "-X", "-A", "-t", "-c", statement],
        capture_output=True,
        text=True,
        check=check,
        env={**os.environ, "PGPORT": "1", "PGHOST": "nowhere.invalid"},
    )
    return done.stdout.strip()


def pid_file(config: Config) -> Path:
    return postgres.locate(config).data / "postmaster.pid"


def pid(config: Config) -> int:
    return int(pid_file(config).read_text().split("\n")[0])


def kill(config: Config) -> None:
    """What a power cut leaves: pid files and a socket, and nobody behind them."""
    os.kill(pid(config), signal.SIGKILL)
    for _ in range(100):
        if cluster.status(config) == "stopped":
            return
        time.sleep(0.05)
    pytest.fail("the killed server still answers")


def test_start_makes_a_private_database_with_postgis(made: Config) -> None:
    assert cluster.status(made) == "absent"
    cluster.start(made)
    assert cluster.status(made) == "running"
    assert ask(made, "SELECT postgis_version()")
    assert ask(made, "SHOW listen_addresses") == ""
    assert ask(made, "SHOW server_encoding") == "UTF8"
    assert ask(made, "SHOW fsync") == "on"
    server = postgres.locate(made)
    for folder in (server.data, server.log, server.sockets):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_a_second_start_changes_nothing_and_is_quick(made: Config) -> None:
    cluster.start(made)
    before = pid(made)
    started = time.monotonic()
    cluster.start(made)
    assert time.monotonic() - started < 2
    assert pid(made) == before


def test_stop_is_for_good_and_may_be_repeated(made: Config) -> None:
    cluster.start(made)
    cluster.stop(made)
    assert cluster.status(made) == "stopped"
    cluster.stop(made)
    cluster.start(made)
    assert cluster.status(made) == "running"


def test_the_server_is_out_of_reach_of_ctrl_c(made: Config) -> None:
    cluster.start(made)
    assert os.getsid(pid(made)) != os.getsid(0)
    assert os.getpgid(pid(made)) != os.getpgid(0)


def test_a_killed_server_starts_again_with_what_was_committed(made: Config) -> None:
    cluster.start(made)
    ask(made, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill(made)
    cluster.start(made)
    assert ask(made, "SELECT answer FROM kept") == "42"


def test_a_stale_pid_file_that_names_another_process(made: Config) -> None:
    """After a restart of the machine or container the number may be anybody's."""
    cluster.start(made)
    kill(made)
    server = postgres.locate(made)
    account = server.account.pw_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], user=account) as other:
        try:
            rest = pid_file(made).read_text().partition("\n")[2]
            pid_file(made).write_text(f"{other.pid}\n{rest}")
            lock = server.sockets / f"{postgres.SOCKET}.lock"
            rest = lock.read_text().partition("\n")[2]
            lock.write_text(f"{other.pid}\n{rest}")
            cluster.stop(made)
            assert other.poll() is None, "stop ended a process that is not ours"
            cluster.start(made)
            assert ask(made, "SELECT 1") == "1"
            assert other.poll() is None
        finally:
            other.kill()


def test_a_server_that_lost_its_socket_is_restarted(made: Config) -> None:
    cluster.start(made)
    (postgres.locate(made).sockets / postgres.SOCKET).unlink()
    assert cluster.status(made) == "stopped"
    cluster.start(made)
    assert ask(made, "SELECT 1") == "1"


def test_no_log_holds_what_people_search_for(made: Config) -> None:
    cluster.start(made)
    ask(made, f"SELECT '{SECRET}'::int", check=False)
    ask(made, f"SELECT to_tsquery('{SECRET} & (')", check=False)
    ask(made, f"SET statement_timeout = 50; SELECT '{SECRET}', pg_sleep(5)", check=False)
    # A crash of one connection makes the server report what it was doing.
    with subprocess.Popen(
        [
            *(postgres.programs("") / "psql", cluster.url(made), "-X", "-c"),
            f"SELECT '{SECRET}', pg_sleep(30)",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as client:
        asleep = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        backend = ""
        while client.poll() is None and not backend:
            backend = ask(made, asleep)
        os.kill(int(backend), signal.SIGKILL)
        client.wait(timeout=20)
    cluster.start(made)  # waits until the server has recovered
    assert ask(made, "SELECT 1") == "1"
    text = "".join(log.read_text() for log in postgres.locate(made).log.iterdir())
    assert "terminated by signal 9" in text
    assert SECRET not in text


def test_many_starts_at_once_after_a_killed_first_one(home: Config) -> None:
    half = home.home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15")  # as initdb leaves it where it is killed
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(cluster.start, home) for _ in range(4)]:
            done.result()
    assert ask(home, "SELECT postgis_version()")
    assert not half.exists()


def test_a_long_path_gets_its_socket_elsewhere() -> None:
    with temporary_home("a-checkout-in-a-deep-folder/" * 4 + "home") as config:
        sockets = postgres.locate(config).sockets
        assert sockets.parent == Path("/tmp")
        sockets.mkdir(mode=0o755)
        with pytest.raises(UsageError, match=r"that only .* can enter"):
            cluster.start(config)
        sockets.rmdir()
        cluster.start(config)
        assert ask(config, "SELECT 1") == "1"
        assert sockets.stat().st_mode & 0o077 == 0


def test_two_homes_do_not_share(tmp_path: Path) -> None:
    long = "x" * 100
    homes = [configured(tmp_path / name) for name in ("a", "b", f"{long}/a", f"{long}/b")]
    assert len({cluster.url(config) for config in homes}) == 4
    assert len({postgres.locate(config).data for config in homes}) == 4


def test_data_of_another_version_is_refused_and_left_alone(home: Config) -> None:
    data = home.home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    owner = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    os.chown(data, owner, -1)
    with pytest.raises(UsageError, match=r"made by PostgreSQL 9, .*postgresql-9-postgis-3"):
        cluster.start(home)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
    shutil.rmtree(data)


def test_a_data_folder_of_something_else_is_left_alone(home: Config) -> None:
    data = home.home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "notes.txt").write_text("mine")
    owner = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    os.chown(data, owner, -1)
    with pytest.raises(UsageError, match="holds no PostgreSQL data"):
        cluster.start(home)
    assert (data / "notes.txt").read_text() == "mine"


def test_without_a_server_the_remedy_is_named(
    home: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BINARIES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="scripts/setup"):
        cluster.start(home)


def test_a_home_that_cannot_be_written() -> None:
    with pytest.raises(UsageError, match="Set DIRECTORY_HOME"):
        cluster.start(configured(Path("/proc/home")))


def test_somebody_elses_cluster(home: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.home / "postgres" / "data").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 54_321)
        with pytest.raises(UsageError, match="belongs to the account"):
            cluster.url(home)
        (home.home / "postgres" / "data").rmdir()
        with pytest.raises(UsageError, match="54321 has none"):
            cluster.url(home)


def test_root_keeps_the_data_where_the_server_can_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has the server run as another account")
    monkeypatch.setattr(postgres, "SHARED", Path("/tmp/shared"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert postgres.locate(configured(closed / "var")).folder.parent == Path("/tmp/shared")
    with temporary_home() as config:
        assert postgres.locate(config).folder == config.home / "postgres"


def test_an_ordinary_user() -> None:
    """As root, the whole life of a cluster once more as somebody else."""
    if os.geteuid() != 0:
        pytest.skip("the other tests have run as an ordinary user already")
    life = (
        "import sys; from pathlib import Path; from directory import cluster;"
        "from directory.config import load_config;"
        "config = load_config({'DIRECTORY_HOME': sys.argv[1]});"
        "cluster.start(config); print(cluster.status(config));"
        "cluster.stop(config); print(cluster.status(config))"
    )
    top = Path(tempfile.mkdtemp(prefix="cluster-", dir="/tmp"))
    os.chown(top, pwd.getpwnam("nobody").pw_uid, -1)

    def as_nobody(python: str, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-c", code, str(top)],
            capture_output=True,
            text=True,
            check=False,
            user="nobody",
            group=pwd.getpwnam("nobody").pw_gid,
            extra_groups=[],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    try:
        for python in (sys.executable, "/usr/bin/python3"):
            try:
                reached = as_nobody(python, "from directory import cluster").returncode == 0
            except OSError:
                reached = False
            if reached:
                done = as_nobody(python, life)
                assert done.stdout.split() == ["running", "stopped"], done.stderr
                return
        pytest.skip("the account nobody cannot reach this checkout or its Python")
    finally:
        shutil.rmtree(top)
