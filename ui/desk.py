"""The open copilots behind the web page: one workspace is open at a time, the language model is loaded once."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

from campaignwright.ui import terminal


def begin(path: Path, *, create: bool = True) -> bool:
    """Make an empty workspace at `path` when there is none; True when it was made.

    Raises WorkspaceError when it may not be made: `create` is false, or other files are in that folder.
    """
    from campaignwright.market.workspace import Workspace, WorkspaceError

    if (path / "workspace.json").exists():
        return False
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise WorkspaceError(f"{path} holds other files and is no workspace. Choose another name for a new one.")
    Workspace.open(path, create=create).close()
    return True


class Desk:
    """Keeps one Copilot open for the chosen workspace; switching closes the other."""

    def __init__(self, first: str, *, model: str, adapter: str | None, today: dt.date | None, seed: int) -> None:
        self._options = {"model": model, "adapter": adapter, "today": today, "seed": seed}
        self._lock = threading.RLock()
        self._path: Path | None = None
        self._copilot = None
        self.home = Path(first).resolve().parent
        self.first = Path(first).name

    def workspaces(self) -> list[str]:
        """Names of the workspaces beside the first one."""
        found = sorted(entry.parent.name for entry in self.home.glob("*/workspace.json"))
        return found or [self.first]

    def path(self, name: str) -> Path:
        """Folder of a workspace by name. Raises ValueError for a name that is no plain folder name."""
        if not name or name in {".", ".."} or any(character in name for character in "/\\\0") or len(name) > 80:
            raise ValueError("A workspace name is a plain folder name, such as my-shop.")
        return self.home / name

    def copilot(self, name: str):
        """The Copilot of that workspace, opened when needed. Raises WorkspaceError or CopilotError."""
        from campaignwright.agent import Copilot

        path = self.path(name)
        with self._lock:
            if self._copilot is None or self._path != path:
                begin(path)
                self.close()
                self._copilot, self._path = Copilot.open(path, **self._options), path
            return self._copilot

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            if self._copilot is not None:
                self._copilot.close()
                self._copilot, self._path = None, None


def new_session() -> str:
    """A conversation of its own for one browser tab."""
    return terminal.new_session()
