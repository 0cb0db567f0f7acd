"""The actions on SMS campaigns."""

from schemas.inputs import campaigns
from tools import audience, evidence
from tools.action import Action, Effect
from tools.outcome import campaign, cancelled_campaign
from tools.route import get, post, put

CREATE_SMS_CAMPAIGNS_SEND = Action(
    slug="CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND",
    title="Create and Send SMS Campaign",
    input=campaigns.SendCampaign,
    route=post("/v3/sms-campaigns/send"),
    effect=Effect.SEND,
    outcome=campaign,
    verified_with="CLICKSEND_GET_SMS_CAMPAIGNS3",
    audience=audience.contacts_of_list,
    price=post("/v3/sms-campaigns/price"),
    evidence=evidence.CAMPAIGN,
    told_apart_by="name",
)

CALCULATE_SMS_CAMPAIGNS_PRICE = Action(
    slug="CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE",
    title="Calculate SMS Campaign Price",
    input=campaigns.PriceCampaign,
    route=post("/v3/sms-campaigns/price"),
    effect=Effect.READ,
    view="campaign",
)

# A send: it replaces the whole campaign, and without a schedule the campaign goes out at once (documented).
UPDATE_SMS_CAMPAIGNS = Action(
    slug="CLICKSEND_UPDATE_SMS_CAMPAIGNS",
    title="Update SMS Campaign",
    input=campaigns.UpdateCampaign,
    route=put("/v3/sms-campaigns/{sms_campaign_id}"),
    effect=Effect.SEND,
    outcome=campaign,
    verified_with="CLICKSEND_GET_SMS_CAMPAIGNS3",
    audience=audience.contacts_of_list,
    price=post("/v3/sms-campaigns/price"),
    told_apart_by="name",
)

SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT = Action(
    slug="CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT",
    title="Cancel SMS Campaign",
    input=campaigns.CancelCampaign,
    route=put("/v3/sms-campaigns/{sms_campaign_id}/cancel"),
    effect=Effect.DELETE,
    outcome=cancelled_campaign,
    verified_with="CLICKSEND_GET_SMS_CAMPAIGNS3",
)

GET_SMS_CAMPAIGNS3 = Action(
    slug="CLICKSEND_GET_SMS_CAMPAIGNS3",
    title="Get SMS Campaigns List",
    input=campaigns.Campaigns,
    route=get("/v3/sms-campaigns"),
    effect=Effect.READ,
)

ACTIONS = (
    CREATE_SMS_CAMPAIGNS_SEND,
    CALCULATE_SMS_CAMPAIGNS_PRICE,
    UPDATE_SMS_CAMPAIGNS,
    SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT,
    GET_SMS_CAMPAIGNS3,
)
