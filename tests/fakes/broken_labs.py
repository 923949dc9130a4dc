"""Machines where something stands in the way of one lab: addresses, supplies, an earlier lab."""

from dataclasses import replace
from pathlib import Path

from lab.settings import GIT_IMAGE, NODE_IMAGE
from tests.fakes import machines as m
from tests.fakes.machines import Failure


def env(**variables: str) -> dict[str, str]:
    return {**m.ubuntu().environment, **variables}


LAB_JSON = f"{m.HOME}/labs/lab/lab.json"
KIND_NET = (m.bridge("bridge", "172.17.0.0/16"), m.bridge("kind", "172.18.0.0/16"))


NETWORK: dict[str, Failure] = {
    "a kept port taken": Failure(
        machine=replace(m.ubuntu(), record=m.record(), taken_ports=frozenset({40001})),
        id="ports",
        detail="40001 (api:w1)",
        fix="ss -ltnp 'sport = :40001'    # end that program, or: lab down && lab up",
    ),
    "a kept port taken on a Mac while the lab runs": Failure(
        machine=replace(
            m.with_engine(m.mac(), containers=(m.node("lab-hub", port=40000),)),
            record=m.record(),
            taken_ports=frozenset({40000, 40003}),
        ),
        id="ports",
        detail="another program listens on 40003 (git)",
        fix="lsof -nP -iTCP:40003 -sTCP:LISTEN    # end that program, or: lab down && lab up",
    ),
    "a VPN in the middle of the network": Failure(
        machine=m.with_files(
            m.with_engine(m.ubuntu(), networks=KIND_NET), {"/proc/net/route": m.routes(("tun0", "172.18.0.0", 24))}
        ),
        id="subnet",
        detail="kind has 172.18.0.0/16, tun0 routes 172.18.0.0/24",
        fix="docker network rm kind && docker network create --subnet 10.192.0.0/20 kind    # after: lab down",
    ),
    "a VPN around the network": Failure(
        machine=m.with_files(
            m.with_engine(m.ubuntu(), networks=KIND_NET),
            {"/proc/net/route": m.routes(("wg0", "172.16.0.0", 12), ("wg0", "10.192.0.0", 16))},
        ),
        id="subnet",
        verdict="warning",
        detail="wg0 routes 172.16.0.0/12; addresses behind wg0",
        fix="docker network rm kind && docker network create --subnet 10.193.0.0/20 kind    # after: lab down",
    ),
    "no addresses left for networks": Failure(
        machine=m.with_engine(m.ubuntu(), networks=tuple(m.bridge(f"n{n}", f"172.{n}.0.0/16") for n in range(31))),
        id="address-pools",
        detail="31 bridge networks",
        fix="docker network ls    # then remove what you can spare: docker network rm NAME",
    ),
    "a proxy for everything": Failure(
        machine=replace(m.ubuntu(), environment=env(http_proxy="set", HTTPS_PROXY="set", NO_PROXY=".corp.example")),
        id="proxy",
        verdict="warning",
        detail="HTTPS_PROXY, http_proxy set, NO_PROXY lacks 127.0.0.1, localhost",
        fix='export NO_PROXY="${NO_PROXY:+$NO_PROXY,}127.0.0.1,localhost" && export no_proxy="$NO_PROXY"',
    ),
    "a proxy for containers": Failure(
        machine=replace(m.ubuntu(), docker_config={"proxies": ["httpProxy"], "noProxy": "localhost"}),
        scenario=m.scenario(workers=1),
        id="proxy",
        verdict="warning",
        detail="noProxy lacks lab-hub-control-plane, lab-w1-control-plane",
        fix='python3 -c \'import json, pathlib; p = pathlib.Path.home() / ".docker/config.json"; '
        'c = json.loads(p.read_text()); c["proxies"]["default"]["noProxy"] = '
        '"localhost,lab-hub-control-plane,lab-w1-control-plane"; p.write_text(json.dumps(c, indent=2))\'',
    ),
}

SUPPLIES: dict[str, Failure] = {
    "no node image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, NODE_IMAGE: False}),
        id="node-image",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {NODE_IMAGE}",
    ),
    "no Argo CD image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, m.ARGOCD_IMAGE: False}),
        id="argocd-image",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {m.ARGOCD_IMAGE}",
    ),
    "no git image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, GIT_IMAGE: False}),
        id="git-image",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {GIT_IMAGE}",
    ),
    "no workload image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, m.AGNHOST: False}),
        id="workload-images",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {m.AGNHOST}",
    ),
    "no manifest": Failure(
        machine=replace(m.ubuntu(), manifests={"core-install": ("", "")}),
        id="argocd-manifest",
        verdict="warning",
        detail="core-install.yaml v3.6.1 will be downloaded",
        fix="curl -fL --create-dirs -o /home/ann/.cache/gitops-lab/argocd/v3.6.1/core-install.yaml "
        "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/core-install.yaml",
    ),
    "an altered manifest in the cache": Failure(
        machine=replace(m.ubuntu(), manifests={"core-install": ("/c/core-install.yaml", "SHA-256 is 12, expected 34")}),
        id="argocd-manifest",
        detail="SHA-256 is 12, expected 34",
        fix="rm /c/core-install.yaml && "
        "curl -fL --create-dirs -o /home/ann/.cache/gitops-lab/argocd/v3.6.1/core-install.yaml "
        "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/core-install.yaml",
    ),
    "LAB_MANIFESTS_DIR without the manifest": Failure(
        machine=replace(m.ubuntu(), manifests={"core-install": ("", "There is no /m/argocd/v3.6.1/core-install.yaml")}),
        settings=m.settings(release_manifests_dir=Path("/m")),
        id="argocd-manifest",
        detail="There is no /m/argocd/v3.6.1/core-install.yaml",
        fix="curl -fL --create-dirs -o /m/argocd/v3.6.1/core-install.yaml "
        "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/core-install.yaml",
    ),
}

LEFTOVERS: dict[str, Failure] = {
    "the lab folder was deleted": Failure(
        machine=m.with_engine(
            m.ubuntu(), containers=(m.node("lab-hub"), m.node("lab-w1", state="exited"), m.GIT), networks=KIND_NET
        ),
        id="leftovers",
        verdict="warning",
        detail="lab-hub, lab-w1, lab-git without a lab that knows them",
        fix="kind delete clusters lab-hub lab-w1 && docker rm -f -v lab-git",
    ),
    "a network of a second lab was left": Failure(
        machine=m.with_engine(
            m.ubuntu(), networks=(m.bridge("other-net", "172.19.0.0/16", {"gitops-lab.name": "other"}),)
        ),
        name="other",
        id="leftovers",
        verdict="warning",
        detail="other-net without a lab",
        fix="docker network rm other-net",
    ),
    "an up that was killed": Failure(
        machine=replace(m.ubuntu(), record=m.record(complete=False)),
        id="half-made",
        verdict="warning",
        detail="`lab up` of 03-multi-cluster/centralized did not reach its end",
        fix="lab up centralized",
    ),
    "somebody else's lab-w1": Failure(
        machine=m.with_engine(m.ubuntu(), containers=(m.node("lab-w1", mark=None),)),
        id="foreign",
        detail="lab-w1 exists and is not this lab's",
        fix="lab up centralized --name other",
    ),
    "the same lab in another LAB_HOME": Failure(
        machine=m.with_engine(m.ubuntu(), containers=(m.node("lab-hub", mark=Path("/home/bob/labs/lab/mark")), m.GIT)),
        id="foreign",
        detail="lab-git, lab-hub exists and is not this lab's",
        fix="lab up centralized --name other",
    ),
    "somebody else's lab-git": Failure(
        machine=m.with_engine(m.ubuntu(), containers=(m.container("lab-git"),)),
        id="foreign",
        detail="lab-git exists and is not this lab's",
        fix="lab up centralized --name other",
    ),
    "a damaged record": Failure(
        machine=replace(m.ubuntu(), record_problem="Expecting value: line 1 column 1 (char 0)"),
        id="lab-record",
        detail="Expecting value",
        fix=f"rm {LAB_JSON} && lab up centralized",
    ),
    "another scenario runs": Failure(
        machine=replace(m.ubuntu(), record=m.record()),
        scenario=m.scenario(instances=3, name="distributed"),
        id="lab-record",
        detail="lab lab runs 03-multi-cluster/centralized, asked for 03-multi-cluster/distributed",
        fix="lab down    # or a second one beside it: lab up distributed --name other",
    ),
    "another command is at work": Failure(
        machine=replace(m.ubuntu(), record=m.record(), holder="`lab up` since 12 s, process 4711"),
        id="lab-busy",
        verdict="warning",
        detail="`lab up` since 12 s, process 4711",
        fix="lab events --follow",
    ),
}
