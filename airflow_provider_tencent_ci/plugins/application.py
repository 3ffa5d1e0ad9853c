"""The application that serves the page: its files, its routes, and the headers of every answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse

from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    InvalidArgumentError,
    NotFoundError,
    TencentCIError,
)
from airflow_provider_tencent_ci.plugins.page_requests import MissingConnectionError
from airflow_provider_tencent_ci.plugins.routes import router

__all__ = ["application"]

_log = logging.getLogger(__name__)

_FILES = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript"}

# Nothing from other hosts, nothing inline, and in no frame but Airflow's own.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def application() -> FastAPI:
    """Return the application; made once."""
    app = FastAPI(title="Tencent CI jobs", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_with_headers)
    app.get("/", response_model=None)(page)
    app.get("/static/{name}", dependencies=[Depends(get_user)], response_model=None)(static_file)
    app.include_router(router)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(RequestValidationError)(_not_understood)
    app.exception_handler(TencentCIError)(_failed)
    app.exception_handler(Exception)(_broken)
    return app


async def page(request: Request) -> Response:
    """Return the page, or redirect to the login, which redirects back."""
    try:
        await get_user(request, None, None)
    except HTTPException as refusal:
        if not _is_logged_out(refusal):
            raise
        here = request.url.replace(scheme="", netloc="")  # the address of a proxy is not known here
        root = here.path.removesuffix("/").removesuffix("/tencent-ci")
        return RedirectResponse(f"{root}/api/v2/auth/login?{urlencode({'next': str(here)})}")
    return FileResponse(_FILES / "index.html")


def static_file(name: str) -> Response:
    """Return one of the page's files."""
    files = {file.name: file for file in _FILES.iterdir() if file.suffix in _TYPES}
    if name not in files:
        raise HTTPException(404, f"There is no file {name!r}.")
    return FileResponse(files[name], media_type=_TYPES[files[name].suffix])


async def _with_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await proceed(request)
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response


def _is_logged_out(refusal: HTTPException) -> bool:
    """Whether a login helps: Airflow answers 403 to a token of another Airflow, or of one with other keys."""
    return refusal.status_code == 401 or refusal.detail == "Invalid JWT token"


def _refused(_: Request, refusal: HTTPException) -> Response:
    return _error(401 if _is_logged_out(refusal) else refusal.status_code, str(refusal.detail))


def _not_understood(_: Request, error: RequestValidationError) -> Response:
    fields = ", ".join(".".join(map(str, one["loc"][1:])) + f": {one['msg']}" for one in error.errors())
    return _error(400, f"The request is not understood. {fields}")


def _failed(_: Request, error: TencentCIError) -> Response:
    """Return an error of the service or of the connection to it; the cause is neither Airflow nor the user."""
    if isinstance(error, ApiError):
        status = 404 if isinstance(error, NotFoundError) else 502
        # With the place, as *Test* says it.
        message = f"{error.place}{error.message}"
        return _error(status, message, code=error.code, request_id=error.request_id, advice=error.advice)
    if isinstance(error, MissingConnectionError):
        return _error(404, str(error), advice="Add it in Admin, Connections.")
    return _error(400 if isinstance(error, InvalidArgumentError) else 502, str(error))


def _broken(request: Request, error: Exception) -> Response:
    _log.error("The page of batch jobs failed at %s", request.url.path, exc_info=error)
    return _error(500, "This failed inside Airflow.", advice="The log of the API server says why.")


def _error(status: int, message: str, **more: Any) -> Response:
    return JSONResponse({"error": {"message": message, **more}}, status, headers=_HEADERS)
