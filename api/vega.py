"""The script of charts that tell their numbers: Vega, out of the library that draws.

Nothing of it is copied into the project or asked of another host. A job bundles it
once, for the service should not hold what that takes; pages work without it.
"""

from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response

from .protection import UNCHANGING
from .researcher_dependencies import WorkbenchDep
from .settings import Settings

SCRIPT = (files("api") / "static" / "charts.js").read_text("utf-8")
_MADE_OF = f"{version('vl-convert-python')}\n{SCRIPT}"
NAME = f"charts.{sha256(_MADE_OF.encode()).hexdigest()[:12]}.js"
PATH = f"/static/{NAME}"

router = APIRouter(tags=["public"], include_in_schema=False)


def bundle(settings: Settings) -> None:
    """Write the script into the data folder, if it is not there."""
    place = _place(settings)
    if place.exists():
        return
    from vl_convert import javascript_bundle

    unfinished = place.with_suffix(".unfinished")
    place.parent.mkdir(mode=0o700, exist_ok=True)
    unfinished.write_text(javascript_bundle(SCRIPT), "utf-8")
    unfinished.replace(place)


@router.get(PATH)
async def send(workbench: WorkbenchDep) -> Response:
    """Send the script; its name changes with its content."""
    try:
        script = await workbench.run(_place(workbench.settings).read_bytes)
    except FileNotFoundError:
        raise HTTPException(404) from None
    return Response(script, media_type="text/javascript", headers=UNCHANGING)


def _place(settings: Settings) -> Path:
    return settings.data_dir / "static" / NAME
