"""Signed HTTP, for when several hosts serve one workspace: what is not Slack's is turned away before Bolt reads it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from urllib.parse import parse_qs

from aiohttp import web
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

PATH = "/slack/events"
LARGEST_BODY = 1024 * 1024


def wrong_with(headers: dict[str, str], body: bytes, verifier: SignatureVerifier) -> tuple[int, str] | None:
    """The status and the word for what must not come in."""
    stamp, signature = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and signature.isascii()):
        return 401, "not signed"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return 400, "not text"
    if not verifier.is_valid(text, stamp, signature):
        return 401, "not signed by Slack"
    try:
        if headers.get("Content-Type", "").startswith("application/json"):
            held = json.loads(text)
        else:
            payload = parse_qs(text).get("payload")
            held = json.loads(payload[0]) if payload else {}
    except ValueError:
        return 400, "not JSON"
    return None if isinstance(held, dict) else (400, "not an object")


def web_app(app: AsyncApp, signing_secret: str) -> web.Application:
    verifier = SignatureVerifier(signing_secret)

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        wrong = wrong_with({name.title(): value for name, value in request.headers.items()}, body, verifier)
        if wrong is not None:
            return web.Response(status=wrong[0], text=wrong[1])
        headers: dict[str, str | Sequence[str]] = {name: [value] for name, value in request.headers.items()}
        try:
            incoming = AsyncBoltRequest(body=body.decode("utf-8"), headers=headers)
        except (KeyError, TypeError, AttributeError, ValueError):
            return web.Response(status=400, text="not of Slack's form")  # Bolt looks for ids where there are none
        answer = await app.async_dispatch(incoming)
        kind = answer.headers.get("content-type", ["text/plain"])[0].split(";")[0]
        return web.Response(status=answer.status, body=answer.body, content_type=kind)

    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    made = web.Application(client_max_size=LARGEST_BODY)
    made.add_routes([web.post(PATH, take), web.get("/healthz", alive)])
    return made


async def serve(app: AsyncApp, signing_secret: str, port: int, until: asyncio.Event) -> None:
    runner = web.AppRunner(web_app(app, signing_secret))
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - Slack comes from outside
        await until.wait()
    finally:
        await runner.cleanup()
