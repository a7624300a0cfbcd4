"""Where the public data sets lie that suites measure on. They stay with their publishers and are not part of the package."""

from __future__ import annotations

import os
from pathlib import Path

from campaignwright.market.importers import ImportProblem

VARIABLE = "CAMPAIGNWRIGHT_DATA"


def data_folder() -> Path:
    """The folder that holds a folder for each data set. Raises ImportProblem where CAMPAIGNWRIGHT_DATA does not name one."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_dir():
        what = f"there is no folder {named}" if named else "not set"
        raise ImportProblem(f"{VARIABLE}: {what}. Name the folder that holds the data sets (see docs/evals.md).")
    return Path(named)


def data_set(name: str, address: str) -> Path:
    """The folder of one data set. Raises ImportProblem that names `address` where it is not there."""
    path = data_folder() / name
    if not path.is_dir():
        raise ImportProblem(f"{path}: no such folder. Get the data from {address}, into a folder {name}, and name the folder above "
                            f"it in {VARIABLE}.")  # fmt: skip
    return path
