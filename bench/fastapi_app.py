"""The same endpoint as one writes it with FastAPI and aio-pika: a model for the body, publisher confirms."""

import os
import uuid
from contextlib import asynccontextmanager
from typing import Any, Literal

import aio_pika
from aio_pika.exceptions import DeliveryError
from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json


class Emit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    event: str
    args: list[Any] = []
    rooms: list[str]


class Receipt(BaseModel):
    id: str
    status: Literal["confirmed"] = "confirmed"
    routed: bool


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with await aio_pika.connect(os.environ["BENCH_AMQP_URL"]) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        app.state.exchange = await channel.get_exchange("socket.io", ensure=False)
        yield


app = FastAPI(lifespan=lifespan)


async def publish(room: str, body: bytes) -> bool:
    """Returns whether the message was routed, once it is confirmed."""
    message = aio_pika.Message(body, message_id=uuid.uuid4().hex)
    try:
        await app.state.exchange.publish(message, room, mandatory=True)
    except DeliveryError:
        return False
    return True


@app.post("/v1/emit")
async def emit(emit: Emit, response: Response) -> Receipt:
    response.headers["X-Request-Id"] = uuid.uuid4().hex
    data = [emit.event, *emit.args]
    routed = False
    for index, room in enumerate(emit.rooms):
        body = to_json({"packet": {"type": 2, "data": data}, "except": emit.rooms[:index]})
        routed |= await publish(room, body)
    return Receipt(id=uuid.uuid4().hex, routed=routed)
