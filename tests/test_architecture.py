"""The arrows between modules, as docs/architecture.md draws them."""

import ast
from pathlib import Path

import pytest

from directory.config import ROOT

# A module may import only modules of lower rank, or of its own rank where it is listed.
RANKS = [
    {"errors"},
    {"config", "clean", "schedule", "fetch", "likeness"},
    {"vocabulary", "postgres", "feed", "geocode"},
    {"records", "cluster", "tables"},
    {"words", "models", "db", "importing", "addresses", "weekly"},
    {"places", "question", "opening", "bits"},
    {"phrases", "towns", "locate", "derive", "positions", "known"},
    {"finder", "wishes"},
    {"understand", "pocket"},
    {"judge", "criteria", "guard", "quarantine"},
    {"walk"},
    {"search", "overrides", "runs", "matching", "demand"},
    {"changes", "edits", "parameters"},
    {"load"},
    {
        "asking",
        "sources",
        "undo",
        "archive",
        "repeats",
        "accounts",
        "history",
        "coverage",
        "reports",
    },
    {"formats", "generate", "seeds", "backup", "metrics"},
    {"web"},
    {"cli"},
]
RANK = {name: number for number, names in enumerate(RANKS) for name in names}
FOR_IMPORTERS = {"records", "vocabulary", "feed", "tables", "errors", "config", "clean"}
FOR_IMPORTERS |= {"addresses", "weekly", "opening"}


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports from this project."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= set(names) if node.module == "directory" else {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("directory", "importers", "tests")}


def modules(folder: str) -> list[Path]:
    return [p for p in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in p.parts]


@pytest.mark.parametrize("path", modules("directory"), ids=lambda p: p.stem)
def test_the_package_imports_downwards_only(path: Path) -> None:
    own = path.relative_to(ROOT / "directory").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for name in imported(path):
        assert name.startswith("directory."), f"{path.name} imports {name}"
        other = name.split(".")[1]
        assert other == own or RANK[other] <= RANK[own], f"{own} imports {other}"
        assert other == own or RANK[other] < RANK[own] or own > other, f"{own} and {other} circle"


@pytest.mark.parametrize("path", modules("importers"), ids=lambda p: p.stem)
def test_importers_see_only_records_and_vocabulary(path: Path) -> None:
    if path.stem == "places":
        return  # compiles the gazetteer at build time; no importer of listings
    for name in imported(path):
        assert name.split(".")[1] in FOR_IMPORTERS, f"{path.name} imports {name}"


def test_only_the_web_knows_requests() -> None:
    for path in modules("directory"):
        if "web" not in path.parts:
            source = path.read_text()
            assert "from flask import" not in source or path.name == "__init__.py", path


def test_one_home_each_for_geopy_and_whoosh_queries() -> None:
    """Distances, geocoding and query parsing have one home each."""
    for path in modules("directory"):
        source = path.read_text()
        geopy = "import geopy" in source or "from geopy" in source
        assert geopy == (path.name in ("places.py", "geocode.py"))
        assert ("whoosh.qparser" in source) == (path.name == "question.py")
