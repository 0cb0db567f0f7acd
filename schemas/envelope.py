"""The envelope: what every action returns, on success and on failure."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.portable import portable_schema


class Envelope(BaseModel):
    """The result of one action; `successful` only if ClickSend accepted all of what was asked.

    Its three names and their types are our rule: they are the same for every action, and hosts rely on them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="ClickSend's whole answer as JSON text; empty if there was none")
    error: str | None = Field(default=None, description="What went wrong and what to do; absent on success")
    successful: bool

    @classmethod
    def success(cls, data: str) -> "Envelope":
        """ClickSend accepted everything; `data` is its answer as JSON text."""
        return cls(data=data, successful=True)

    @classmethod
    def failure(cls, error: str, data: str = "") -> "Envelope":
        """Something was refused, failed or is unknown; `data` is ClickSend's answer as JSON text, "" if none came."""
        return cls(data=data, error=error, successful=False)


ENVELOPE_SCHEMA = portable_schema(Envelope)
