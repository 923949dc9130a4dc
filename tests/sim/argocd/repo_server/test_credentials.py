"""Private repositories, and the Secrets that open them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lab.sim.argocd.ports import RepoError
from lab.sim.argocd.repo_server.credentials import Credentials
from lab.sim.objects import Object
from tests.sim.argocd.repo_server.cases import config_map
from tests.sim.argocd.repo_server.given import BASE, WHEN, Lab, request, url

FILES = {"a.yaml": config_map("a")}


def secret(kind: str = "repository", **data: str) -> Object:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    labels = {"argocd.argoproj.io/secret-type": kind}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": labels}, "data": encoded}


GOOD = {"username": "lab", "password": "a-password"}
MISSING = "authentication required: Unauthorized\n"
WRONG = "authentication required: Failed to authenticate user\n"


@pytest.mark.parametrize(
    ("secrets", "refused"),
    [
        ([], MISSING),
        ([secret(url=url("r"), **GOOD)], ""),
        ([secret(url=f"{BASE}/LAB/r", **GOOD)], ""),
        ([secret(url=url("other"), **GOOD)], MISSING),
        ([secret(url=url("r"), username="lab", password="wrong")], WRONG),
        ([secret(url=url("r"), username="lab")], MISSING),
        ([secret("repo-creds", url=BASE, **GOOD)], ""),
        ([secret("repo-creds", url=BASE, **GOOD), secret(url=url("r"))], ""),
        ([secret("repo-creds", url=BASE, password="x"), secret("repo-creds", url=f"{BASE}/lab", **GOOD)], ""),
        ([secret("repo-creds", url=BASE, **GOOD), secret(url=url("r"), password="x", username="lab")], WRONG),
        ([secret("cluster", url=url("r"), **GOOD)], MISSING),
        ([secret(url=url("r"), project="prod", **GOOD)], ""),
        ([secret(url=url("r"), project="other", **GOOD)], MISSING),
        ([secret(url=url("r"), password="x", username="lab"), secret(url=url("r"), project="prod", **GOOD)], ""),
    ],
)
async def test_a_private_repository(lab: Lab, secrets: list[Object], refused: str) -> None:
    lab.seed("r", FILES, private=True)
    lab.secrets = secrets
    asked = lab.server.manifests(request("r", {"path": "."}))
    if not refused:
        assert (await asked).source_type == "Directory"
        return
    with pytest.raises(RepoError) as caught:
        await asked
    assert str(caught.value) == f"rpc error: code = Unknown desc = failed to list refs: {refused}"


async def test_a_secret_counts_at_once(lab: Lab) -> None:
    lab.seed("r", FILES, private=True)
    with pytest.raises(RepoError):
        await lab.server.manifests(request("r", {"path": "."}))
    lab.secrets = [secret(url=url("r"), **GOOD)]
    assert (await lab.server.manifests(request("r", {"path": "."}))).objects
    lab.secrets = []
    with pytest.raises(RepoError):
        await lab.server.manifests(request("r", {"path": "."}))


async def test_a_token_and_credentials_in_the_address(lab: Lab) -> None:
    lab.seed("r", FILES, private=True)
    account = lab.git.forge.accounts.get("lab")
    assert account is not None
    _, token = lab.git.forge.accounts.add_token(account, "t", [], WHEN)
    lab.secrets = [secret(url=url("r"), bearerToken=token)]
    assert (await lab.server.manifests(request("r", {"path": "."}))).objects
    lab.secrets = []
    inside = url("r").replace("//", "//lab:a-password@")
    assert (await lab.server.manifests(request("r", {"repoURL": inside, "path": "."}))).objects


async def test_somebody_else_s_repository_is_not_there(lab: Lab) -> None:
    lab.seed("r", FILES, private=True)
    lab.git.forge.accounts.ensure("guest", "guest", WHEN, admin=False)
    lab.secrets = [secret(url=url("r"), username="guest", password="guest")]
    with pytest.raises(RepoError, match=r"failed to list refs: repository not found: Repository not found$"):
        await lab.server.manifests(request("r", {"path": "."}))


async def test_an_application_is_told_the_address_of_the_secret(lab: Lab) -> None:
    lab.seed("r", {"kustomization.yaml": b"resources: [a.yaml]\n", **FILES})
    lab.secrets = [secret(url=f"{BASE}/lab/R", **GOOD)]
    options: dict[str, Any] = {"commonAnnotations": {"from": "$ARGOCD_APP_SOURCE_REPO_URL"}}
    options["commonAnnotationsEnvsubst"] = True
    made = await lab.server.manifests(request("r", {"path": ".", "kustomize": options}))
    assert made.objects[0]["metadata"]["annotations"]["from"] == f"{BASE}/lab/R"


def test_many_secrets_are_read_once() -> None:
    secrets = [secret(url=url(f"r{at}"), username=f"u{at}", password="p") for at in range(50)]
    known = Credentials(lambda: secrets)
    assert known.find(url("r7")).username == "u7"
    assert known.find(url("r7")) is known.find(url("r7"))
    secrets[7] = secret(url=url("r7"), username="changed", password="p")
    assert known.find(url("r7")).username == "changed"
