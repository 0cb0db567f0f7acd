"""The envelope: what every action returns, whether it went well or not."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.base import portable_schema


class Envelope(BaseModel):
    """The result of one action; `successful` only if ClickSend accepted all of what was asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="ClickSend's whole answer as JSON text; empty if there was none")
    error: str | None = Field(default=None, description="What went wrong and what to do; absent on success")
    successful: bool

    @classmethod
    def success(cls, data: str) -> "Envelope":
        """All that was asked was accepted."""
        return cls(data=data, successful=True)

    @classmethod
    def failure(cls, error: str, data: str = "") -> "Envelope":
        """Something was refused, failed or is unknown; `data` is ClickSend's answer if there was one."""
        return cls(data=data, error=error, successful=False)


ENVELOPE_SCHEMA = portable_schema(Envelope)
