"""Automations: the rules that decide what happens to inbound messages."""

from server.sandbox.api.answers import (
    Answer,
    Call,
    Row,
    bad_request,
    file_type,
    listing,
    not_found,
    required_text,
    text_of,
    whole_number,
    with_links,
)
from server.sandbox.state.models import Rule, keep

ACTIONS = frozenset(
    {
        "AUTO_REPLY",
        "EMAIL_USER",
        "EMAIL_FIXED",
        "URL",
        "SMS",
        "POLL",
        "GROUP_SMS",
        "MOVE_CONTACT",
        "CREATE_CONTACT",
        "CREATE_CONTACT_PLUS_EMAIL",
        "CREATE_CONTACT_PLUS_NAME_EMAIL",
        "CREATE_CONTACT_PLUS_NAME",
        "SMPP",
        "NONE",
    }
)
WEBHOOK_TYPES = frozenset({"post", "get", "json"})
ANY, STARTS_WITH, CONTAINS, LACKS = range(4)  # message_search_type


def create_rule(call: Call) -> Answer:
    """POST /v3/automations/sms/inbound"""
    body = call.body
    search_type, enabled = whole_number(body.get("message_search_type")), whole_number(body.get("enabled"))
    if search_type not in (ANY, STARTS_WITH, CONTAINS, LACKS):
        raise bad_request("message_search_type must be 0, 1, 2 or 3.")
    if enabled not in (0, 1):
        raise bad_request("enabled must be 0 or 1.")
    term = text_of(body, "message_search_term")
    if search_type != ANY and not term:
        raise bad_request("message_search_term is missing.")
    action, action_address = text_of(body, "action"), text_of(body, "action_address")
    if action not in ACTIONS:
        raise bad_request("action is not one of the known actions.")
    webhook_type = text_of(body, "webhook_type", default="post")
    if action == "URL":
        if webhook_type not in WEBHOOK_TYPES:
            raise bad_request("webhook_type must be post, get or json.")
        if file_type(action_address) is None:
            raise bad_request("action_address must be a web address.")
    rule = Rule(
        rule_id=call.world.next_id("rule"),
        dedicated_number=required_text(body, "dedicated_number"),
        rule_name=required_text(body, "rule_name"),
        message_search_type=search_type,
        message_search_term=term,
        action=action,
        action_address=action_address,
        body=text_of(body, "body", default="") or None,
        enabled=enabled,
        webhook_type=webhook_type if action == "URL" else None,
    )
    keep(call.account.rules, rule.rule_id, rule, call.world.limits.others)
    return Answer(_rule_row(rule), "The rule is there.")


def view_rules(call: Call) -> Answer:
    """GET /v3/automations/sms/inbound"""
    return Answer(with_links(call, listing(call, list(call.account.rules.values()), _rule_row)))


def view_rule(call: Call) -> Answer:
    """GET /v3/automations/sms/inbound/{inbound_rule_id}"""
    return Answer(_rule_row(_find_rule(call)))


def delete_rule(call: Call) -> Answer:
    """DELETE /v3/automations/sms/inbound/{inbound_rule_id}"""
    del call.account.rules[_find_rule(call).rule_id]
    return Answer([], "The rule is gone.")


def _find_rule(call: Call) -> Rule:
    rule = call.account.rules.get(call.path_id("inbound_rule_id"))
    if rule is None:
        raise not_found("No rule has this id.")
    return rule


def _rule_row(rule: Rule) -> Row:
    return {
        "inbound_rule_id": rule.rule_id,
        "dedicated_number": rule.dedicated_number,
        "rule_name": rule.rule_name,
        "message_search_type": rule.message_search_type,
        "message_search_term": rule.message_search_term,
        "action": rule.action,
        "action_address": rule.action_address,
        "body": rule.body,
        "enabled": rule.enabled,
        "webhook_type": rule.webhook_type,
    }
