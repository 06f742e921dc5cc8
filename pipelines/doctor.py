"""Is this machine fit? Each check has a line that says what to do."""

import importlib.metadata
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from typing import Any

from curate.errors import CurateError


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        return self.__dict__


def doctor() -> list[Check]:
    return [_torch(), _webdataset(), _ray(), _disk(), _memory(), _dns(), _chromium()]


def _torch() -> Check:
    try:
        from model_training import libraries
    except (ImportError, RuntimeError) as error:
        return Check("torch", False, str(error).splitlines()[0], "pip install -c constraints.txt torch torchvision")
    devices = libraries.torch.cuda.device_count()
    found = f"torch {libraries.torch.__version__}, torchvision {libraries.TORCHVISION}, {devices} GPUs"
    return Check("torch", True, found)


def _webdataset() -> Check:
    version = importlib.metadata.version("webdataset")
    return Check(
        "webdataset", version == "0.2.86", version, "pip install webdataset==0.2.86 (open_clip's trainer needs it)"
    )


def _ray() -> Check:
    from pipelines.engine.ray import RayEngine

    engine = RayEngine()
    try:
        cpus = engine.ray().cluster_resources().get("CPU", 0)
        return Check("ray", True, f"a local Ray starts, {cpus:g} CPUs")
    except CurateError as error:
        return Check("ray", False, error.message, "curate run RECIPE --engine serial works without it")
    finally:
        engine.close()


def _disk() -> Check:
    free = shutil.disk_usage(os.getcwd()).free
    return Check("disk", free > 5e9, f"{free / 1e9:.1f} GB free here", "free some space, or set run_dir elsewhere")


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Check("memory", total > 4e9, f"{total / 1e9:.1f} GB", "set engine.workers: 1")


def _dns() -> Check:
    try:
        socket.getaddrinfo("localhost", 80)
    except OSError as error:
        return Check("dns", False, str(error), "check /etc/resolv.conf")
    return Check("dns", True, f"localhost resolves; temporary files in {tempfile.gettempdir()}")


def _chromium() -> Check:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    return Check("browser", True, path or "none found: reports open in any browser, only a test needs one")
