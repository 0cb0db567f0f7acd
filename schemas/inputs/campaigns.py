"""SMS campaigns: one text to a whole contact list."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.absent import Narrows
from schemas.base import Arguments, Query
from schemas.cross_field import CrossFieldArguments
from schemas.fields.addresses import Sender
from schemas.fields.numbers import CampaignLimit, Id, PageNumber
from schemas.fields.queries import search_by
from schemas.fields.texts import SmsText, Text
from schemas.fields.times import CampaignSchedule
from schemas.fields.urls import Url
from schemas.problem import Problem

_SHORT_LINKS = ("smsg.io/xxxxx", "smsg.us/xxxxx")  # the first recorded, the second documented


class Campaign(CrossFieldArguments):
    """The content of a campaign."""

    body: SmsText = Field(
        description="(First Name) comes from the contact; marketing needs an opt-out: StopMsg.me/xxxxx"
    )
    sender: Sender | None = Field(default=None, alias="from")
    name: Text
    list_id: Id
    schedule: CampaignSchedule | None = None
    url_to_shorten: Url | None = Field(default=None, description="Link for smsg.io/xxxxx in body")

    @classmethod
    def cross_field_errors(cls, sound: Mapping[str, Any]) -> Iterator[str | Problem]:
        """The text has a place for the short link: documented."""
        if sound.get("url_to_shorten") and "body" in sound and not any(link in sound["body"] for link in _SHORT_LINKS):
            yield "need smsg.io/xxxxx in body, where the short link of url_to_shorten goes"


class SendCampaign(Campaign):
    """Send an SMS to every contact of a list (at most 20,000), now or scheduled. Paid; cannot be taken back once
    sent. Price first: CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE."""


class PriceCampaign(Campaign):
    """Price of a campaign to a contact list, in account currency. Free; sends nothing."""


class UpdateCampaign(Campaign):
    """Replace a campaign that is still scheduled. WITHOUT schedule, or with 0, IT IS SENT AT ONCE to the whole
    list, paid, and cannot be changed again: repeat the old schedule to keep it."""

    # A host that loses the time must not cause an immediate send: that it would is documented.
    schedule: Annotated[CampaignSchedule | None, Narrows("its time", "to send it AT ONCE")] = None
    sms_campaign_id: Id


class CancelCampaign(Arguments):
    """Cancel a campaign that is still scheduled."""

    sms_campaign_id: Id


_SEARCHED = (  # recorded
    *("status", "name", "sms_campaign_id", "list_id", "from", "body", "schedule", "date_added", "custom_string"),
    *("url_to_shorten", "unsubscribe_link", "source", "user_id", "subaccount_id"),
)


class Campaigns(Query):
    """SMS campaigns with status and schedule."""

    q: Annotated[str, search_by(*_SEARCHED, example="status:Scheduled")] | None = Field(
        default=None, description="field:value, e.g. status:Scheduled; several by comma"
    )
    page: PageNumber | None = None
    limit: CampaignLimit | None = None
