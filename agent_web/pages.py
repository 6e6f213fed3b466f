"""The built pages: files of the build, and the one page for every other address, which shows what belongs
there.
"""

from __future__ import annotations

import errno
from pathlib import Path

from quart import Blueprint, Response, send_from_directory
from quart_schema import hide
from werkzeug.exceptions import NotFound

from agent_web.auth import access

STATIC_DIR = Path(__file__).parent / "static"
_OURS = ("api", "ws")  # an unknown address below these is an error, not a page
_NOT_BUILT = """The pages of Santral are not built yet.

Build them with:  make ready
The API answers already: /healthz, /api/openapi.json
"""


def blueprint(folder: Path = STATIC_DIR) -> Blueprint:
    """Everything that is not API or socket."""
    routes = Blueprint("pages", __name__)

    @routes.get("/", defaults={"path": ""})
    @routes.get("/<path:path>")
    @access.public
    @hide
    async def page(path: str) -> Response:
        if path.partition("/")[0] in _OURS:
            raise NotFound
        if path.startswith("assets/"):
            # Names of the build hold a digest of the content: what was loaded once never changes.
            return await _file(folder, path, "public, max-age=31536000, immutable")
        if "." in path.rpartition("/")[2]:
            return await _file(folder, path, "no-cache")
        if not (folder / "index.html").is_file():
            return Response(_NOT_BUILT, 503, content_type="text/plain; charset=utf-8")
        return await _file(folder, "index.html", "no-cache")

    return routes


async def _file(folder: Path, path: str, caching: str) -> Response:
    try:
        answer = await send_from_directory(folder, path)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise NotFound from error  # no file of ours has such a name
    answer.headers["Cache-Control"] = caching
    return answer
