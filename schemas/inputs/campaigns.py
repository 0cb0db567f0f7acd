"""SMS campaigns: one text to a whole contact list."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.addresses import Sender, Url
from schemas.base import Arguments, CrossFieldArguments, Narrows, Problem, Query
from schemas.fields import CampaignLimit, CampaignSchedule, Id, PageNumber, SmsText, Text, search_by

_SHORT_LINKS = ("smsg.io/xxxxx", "smsg.us/xxxxx")


class Campaign(CrossFieldArguments):
    """What a campaign consists of."""

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
        """A short link has its place in the text."""
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

    # A time that was lost on its way must not send at once what was to wait.
    schedule: Annotated[CampaignSchedule | None, Narrows("its time", "to send it AT ONCE")] = None
    sms_campaign_id: Id


class CancelCampaign(Arguments):
    """Cancel a campaign that is still scheduled."""

    sms_campaign_id: Id


_SEARCHED = (
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
