"""Streams with a generator behind them, for pages that show what comes."""

from __future__ import annotations

from tests.journeys.server import Server

IOT = {"device": "string", "temperature": "float64", "humidity": "float64", "location": "string"}


def sample(server: Server, name: str, interval: str = "20ms") -> None:
    """A stream of readings, so many apart."""
    server.create(name, **IOT)
    properties = {"template": "iot", "interval": interval}
    source = {"name": f"{name}_source", "type": "stream_generator", "stream": name}
    answer = server.call("POST", "/sources", source | {"properties": properties})
    assert answer.status_code == 201, answer.text
