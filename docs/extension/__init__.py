"""What the companion needs beyond Sphinx: code by name, equations, errata, films, tables from result files, two languages."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
