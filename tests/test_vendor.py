"""What the map is made of: the files are those that were fetched, with their licences."""

import hashlib
import json
import tomllib

from directory.config import ROOT

VENDOR = ROOT / "directory" / "static" / "vendor"


def test_every_file_is_the_one_that_was_fetched() -> None:
    sums = {}
    for line in (VENDOR / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        sums[name] = digest
    files = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert files == sums


def test_every_package_has_a_version_a_checksum_and_its_licence() -> None:
    wanted = tomllib.loads((ROOT / "scripts" / "vendor.toml").read_text())
    assert {path.name for path in VENDOR.iterdir() if path.is_dir()} == set(wanted)
    for name, package in wanted.items():
        assert package["integrity"].startswith("sha512-")
        assert package["version"].count(".") == 2
        licences = [path for path in (VENDOR / name).iterdir() if "LICEN" in path.name]
        assert len(licences) == 1, name
        assert "ermission" in licences[0].read_text() or "edistribution" in licences[0].read_text()


def test_each_state_has_the_lines_between_its_counties() -> None:
    """Of Colorado's borders, those with its neighbours are not among them."""
    states = json.loads((VENDOR / "us-atlas" / "states-10m.json").read_text())
    codes = {state["id"] for state in states["objects"]["states"]["geometries"]}
    folder = VENDOR / "us-atlas" / "counties"
    # Every state is there; a territory may be one county.
    assert {path.stem for path in folder.iterdir()} == codes
    lines = json.loads((folder / "08.json").read_text())
    (dx, dy), (x0, y0) = lines["transform"]["scale"], lines["transform"]["translate"]
    points = []
    for arc in lines["arcs"]:
        x = y = 0
        for step in arc:
            x, y = x + step[0], y + step[1]
            points.append((x0 + x * dx, y0 + y * dy))
    assert lines["objects"]["lines"]["arcs"] == [[n] for n in range(len(lines["arcs"]))]
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    assert -109.1 < west < -108.5
    assert -102.6 < east < -102.0
    assert 36.9 < south < 37.3
    assert 40.7 < north < 41.1
    on_the_border = [y for _, y in points if y > 41.0 or y < 36.99]
    assert len(on_the_border) < len(points) / 50
