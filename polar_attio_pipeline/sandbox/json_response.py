"""JSON as both services write it."""

import json
from typing import Any

from starlette.responses import JSONResponse


class Json(JSONResponse):
    r"""An answer in JSON.

    Text may hold an unpaired surrogate, which UTF-8 cannot encode: it goes out as its escape, such as `\ud800`, which
    is valid JSON.
    """

    def render(self, content: Any) -> bytes:
        """Return the body."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")
