"""The virtual environment in which peers and oracles run."""

import subprocess
import sys
from pathlib import Path

VENV = Path(__file__).resolve().parent / "venv"


def install(packages):
    """Make benches/venv if needed and install the pinned packages there; its Python."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *packages], check=True)
    return python
