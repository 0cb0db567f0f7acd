"""The files in deploy/ are true: what they set exists, secrets are secrets, and times go together."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.hosting import address_of, running

from server.config.http import Hosting
from server.config.settings import VARIABLES, Settings, from_environment
from server.hosting.callers_file import new_token

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRETS = {"CLICKSEND_API_KEY", "CLICKSEND_PASSWORD", "CLICKSEND_MCP_LEDGER", "CLICKSEND_MCP_APPROVAL_KEY"}
DUMMIES = {
    "username": "acme",
    "api-key": "key-of-acme",
    "ledger": "postgresql://user:password@db.example/test",
    "approval-key": "x" * 44,
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, dict[str, Any]]:
    """The objects of the manifest by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


@pytest.fixture(scope="module")
def pod(manifest: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What each replica is."""
    found: dict[str, Any] = manifest["Deployment"]["spec"]["template"]["spec"]
    return found


def environment(pod: dict[str, Any]) -> dict[str, str]:
    """The environment of a replica, with dummies for secrets."""
    return {
        one["name"]: one["value"] if "value" in one else DUMMIES[one["valueFrom"]["secretKeyRef"]["key"]]
        for one in pod["containers"][0]["env"]
    }


def test_the_environment_of_a_replica_is_one_that_the_server_knows(pod: dict[str, Any]) -> None:
    chosen = from_environment(environment(pod))
    assert chosen.config_error is None
    assert chosen.hosting.http_stateless
    assert chosen.ledger.location and chosen.limits.approval_key
    assert environment(pod).keys() <= {variable.name for variable in VARIABLES}


def test_secrets_come_from_the_secret(pod: dict[str, Any]) -> None:
    written = {one["name"] for one in pod["containers"][0]["env"] if "value" in one}
    assert not written & SECRETS
    script = (DEPLOY / "kubernetes.yaml").read_text()
    assert all(f"--from-literal={key}=" in script for key in DUMMIES)


def test_a_replica_is_asked_at_its_own_port_whether_it_lives_and_is_ready(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert container["command"][container["command"].index("--port") + 1] == str(port["containerPort"])
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port["name"]}


def test_a_replica_has_the_time_that_a_paid_call_may_take(pod: dict[str, Any]) -> None:
    chosen = from_environment(environment(pod))
    needed = chosen.hosting.http_grace + chosen.total_timeout + sum(chosen.reconcile_after)
    slept = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= slept + needed + 10


def test_the_service_leads_to_the_replicas(manifest: dict[str, dict[str, Any]]) -> None:
    service, deployment = manifest["Service"]["spec"], manifest["Deployment"]["spec"]
    assert service["selector"] == deployment["selector"]["matchLabels"]
    assert service["selector"] == deployment["template"]["metadata"]["labels"]
    assert service["ports"][0]["targetPort"] == deployment["template"]["spec"]["containers"][0]["ports"][0]["name"]
    assert deployment["replicas"] >= 2


@pytest.mark.anyio
async def test_the_command_of_a_replica_starts_the_server(pod: dict[str, Any], tmp_path: Path) -> None:
    callers = tmp_path / "callers.toml"
    callers.write_text(f'[[caller]]\nname = "a-bot"\ntoken_sha256 = "{new_token()[1]}"\n')
    command = pod["containers"][0]["command"]
    assert command[0] == "clicksend-mcp"
    own = environment(pod) | {"CLICKSEND_MCP_HTTP_CALLERS": str(callers)}
    async with running(*command[1:-1], "0", **own) as program:
        assert (await address_of(program)).startswith("http://0.0.0.0:")


def test_nginx_takes_larger_requests_and_waits_longer_than_the_server() -> None:
    text = re.sub(r"#.*", "", (DEPLOY / "nginx.conf").read_text())
    (size,) = re.findall(r"client_max_body_size (\d+)m;", text)
    (waits,) = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert int(size) * 2**20 > Hosting().http_max_body
    assert int(waits) > 3 * Settings().total_timeout + sum(Settings().reconcile_after)
    assert "proxy_buffering off;" in text
    assert "proxy_next_upstream error timeout;" in text
    assert "non_idempotent" not in text
    assert "keepalive" not in text
