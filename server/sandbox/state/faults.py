"""The faults a tester can order: answers that are wrong, late, truncated or missing.

A fault "before" keeps the request from taking effect; a fault "after" alters the answer to a request that did.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """A fault, as posted to /_sandbox/faults."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["status", "delay", "drop", "truncate", "garbage", "empty", "oversize", "redirect", "unfamiliar"]
    status: int | None = Field(default=None, ge=200, le=599)
    seconds: float = Field(default=1, ge=0, le=3600)  # of a delay, in real time
    size: int = Field(default=16 * 1024 * 1024, ge=1)  # bytes of an oversize answer
    headers: dict[str, str] = Field(default_factory=dict)
    when: Literal["before", "after"] = "before"
    times: int = Field(default=1, ge=1)  # how many more requests it affects
    method: str | None = None
    path: str | None = None  # the prefix of the paths it affects; None for all

    def affects(self, method: str, path: str) -> bool:
        """Whether it applies to a request."""
        return (self.method or method).upper() == method and path.startswith(self.path or "")


def take(faults: list[Fault], method: str, path: str) -> Fault | None:
    """The first fault that affects a request; it is counted down, and removed after its last time."""
    for fault in faults:
        if fault.affects(method, path):
            fault.times -= 1
            if fault.times == 0:
                faults.remove(fault)
            return fault
    return None
