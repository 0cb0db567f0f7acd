"""Faults made to order: answers that are wrong, late, cut off, or never come.

A fault "before" keeps the request from taking effect; a fault "after" spoils the answer to a request that
did take effect.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """A fault as it is ordered from POST /_sandbox/faults."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["status", "delay", "drop", "truncate", "garbage", "empty", "oversize", "redirect", "unfamiliar"]
    status: int | None = Field(default=None, ge=200, le=599)
    seconds: float = Field(default=1, ge=0, le=3600)  # how long a delay lasts, in real time
    size: int = Field(default=16 * 1024 * 1024, ge=1)  # bytes of an oversize answer
    headers: dict[str, str] = Field(default_factory=dict)
    when: Literal["before", "after"] = "before"
    times: int = Field(default=1, ge=1)  # how many requests it still meets
    method: str | None = None
    path: str | None = None  # meets paths that begin so

    def meets(self, method: str, path: str) -> bool:
        """Whether it is meant for such a request."""
        return (self.method or method).upper() == method and path.startswith(self.path or "")


def take(faults: list[Fault], method: str, path: str) -> Fault | None:
    """The first fault meant for a request, counted down and removed after its last time."""
    for fault in faults:
        if fault.meets(method, path):
            fault.times -= 1
            if fault.times == 0:
                faults.remove(fault)
            return fault
    return None
