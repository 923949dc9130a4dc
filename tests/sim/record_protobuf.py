"""Records the protobuf bodies kubectl sends, for `test_protobuf.py`.

Usage: `python -m tests.sim.record_protobuf KUBECONFIG KUBECTL ORACLE`, the last being the built program of
`data/protobuf/oracle`. kubectl talks to a server of our own that passes reads on to the cluster and writes only as a
dry run, so that nothing changes. What the bodies mean is told by Kubernetes' own Go types.
"""

from __future__ import annotations

import base64
import json
import lzma
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.sim.http_client import Endpoint

DATA = Path(__file__).parent / "data" / "protobuf"
PROTOBUF = "application/vnd.kubernetes.protobuf"
GROUPS = (
    "v1 apps/v1 batch/v1 rbac.authorization.k8s.io/v1 networking.k8s.io/v1 policy/v1 autoscaling/v1 autoscaling/v2 "
    "storage.k8s.io/v1 scheduling.k8s.io/v1 coordination.k8s.io/v1 discovery.k8s.io/v1 events.k8s.io/v1 "
    "certificates.k8s.io/v1 authentication.k8s.io/v1 authorization.k8s.io/v1 admissionregistration.k8s.io/v1 "
    "apiextensions.k8s.io/v1 node.k8s.io/v1"
)

COMMANDS = (
    "create namespace simpb",
    "create deployment web --image=nginx:1 --image=redis --replicas=0 --port=80",
    "create deployment one --image=nginx -- sleep 5",
    "create secret generic keys --from-literal=a=b --from-literal=empty=",
    "create secret tls pair --cert={crt} --key={key}",
    "create secret docker-registry pull --docker-username=u --docker-password=p --docker-email=e@example.com",
    "create configmap settings --from-literal=a=b --from-file=binary={binary}",
    "create configmap none",
    "create quota limits --hard=cpu=1,memory=1G,pods=2 --scopes=BestEffort",
    "create role reader --verb=get,list --resource=pods,deployments.apps --resource-name=a",
    "create rolebinding readers --role=reader --user=u --group=g --serviceaccount=default:robot",
    "create clusterrole everything --verb=* --resource=pods/log --resource=nodes",
    "create clusterrole paths --verb=get --non-resource-url=/logs/*",
    "create clusterrole sum --aggregation-rule=a=b",
    "create clusterrolebinding all --clusterrole=cluster-admin --user=u --serviceaccount=default:robot",
    "create serviceaccount robot",
    "create token default --duration=600s --audience=a --audience=b",
    "create service clusterip web --tcp=80:8080 --tcp=5678",
    "create service clusterip headless --clusterip=None",
    "create service nodeport node --tcp=80:8080 --node-port=31234",
    "create service loadbalancer balanced --tcp=80:http",
    "create service externalname named --external-name=example.com",
    "create job once --image=busybox -- date -u",
    "create cronjob often --image=busybox --schedule=*/5_*_*_*_* --restart=Never",
    "create ingress web --class=c --rule=a.example.com/path*=web:80,tls=secret --rule=/=web:http --annotation=a=b",
    "create ingress fallback --default-backend=web:http",
    "create pdb least --selector=app=web --min-available=0",
    "create pdb most --selector=app=web --max-unavailable=25%",
    "create priorityclass high --value=1000 --global-default=false --description=d",
    "create priorityclass never --value=0 --preemption-policy=Never",
    "autoscale deployment coredns --namespace=kube-system --min=2 --max=5 --cpu=80%",
    "autoscale deployment coredns --namespace=kube-system --max=1",
    "auth can-i create deployments.apps --subresource=scale",
    "auth can-i get /healthz",
    "auth can-i --list",
    "auth whoami",
    "certificate approve simpb",
    "certificate deny simpb",
)
CSR = {
    "apiVersion": "certificates.k8s.io/v1",
    "kind": "CertificateSigningRequest",
    "metadata": {"name": "simpb", "resourceVersion": "1", "creationTimestamp": "2026-01-02T03:04:05Z"},
    "spec": {"request": "eA==", "signerName": "example.com/s", "usages": ["client auth"], "username": "u"},
    "status": {},
}
OK = {"apiVersion": "v1", "kind": "Status", "status": "Success"}


def _server(kubeconfig: str, bodies: list[bytes]) -> ThreadingHTTPServer:
    cluster = Endpoint.of_kubeconfig(Path(kubeconfig))

    class Recorder(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _pass_on(self, method: str, body: bytes | None) -> None:
            path = self.path
            if body is not None and "reviews" not in path:
                path += ("&" if "?" in path else "?") + "dryRun=All"
            headers = {key: self.headers[key] for key in ("Accept", "Content-Type") if self.headers[key]}
            asked = urllib.request.Request(cluster.server + path, body, headers, method=method)
            try:
                with urllib.request.urlopen(asked, context=cluster.tls) as answer:
                    self._answer(answer.status, answer.headers["Content-Type"], answer.read())
            except urllib.error.HTTPError as error:
                self._answer(error.code, error.headers["Content-Type"], error.read())

        def do_GET(self) -> None:
            if "/certificatesigningrequests/" in self.path:
                self._answer(200, "application/json", json.dumps(CSR).encode())
            else:
                self._pass_on("GET", None)

        def _write(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if self.headers["Content-Type"] == PROTOBUF:
                bodies.append(body)
            if "/certificatesigningrequests/" in self.path:
                self._answer(200, "application/json", json.dumps(CSR).encode())
            elif self.path.split("?")[0].endswith("/token"):
                self._answer(201, "application/json", json.dumps(OK).encode())
            else:
                self._pass_on(self.command, body)

        do_POST = do_PUT = _write  # noqa: N815

    return ThreadingHTTPServer(("127.0.0.1", 0), Recorder)


def main(kubeconfig: str, kubectl: str, oracle: str) -> None:
    """Record everything."""
    bodies: list[bytes] = []
    server = _server(kubeconfig, bodies)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = [kubectl, "--server", f"http://127.0.0.1:{server.server_address[1]}", "--kubeconfig", "/dev/null"]
    commands: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in ("crt", "key", "binary")}
        files["binary"].write_bytes(b"\0\1\xff")
        subprocess.run(
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x "
            f"-keyout {files['key']} -out {files['crt']}".split(),
            check=True,
            capture_output=True,
        )
        for command in COMMANDS:
            words = [
                word.format(**files).replace("_", " ") if "_*" in word else word.format(**files)
                for word in command.split()
            ]
            before = len(bodies)
            done = subprocess.run([*base, "--cache-dir", folder, *words], check=False, capture_output=True, text=True)
            commands += [command] * (len(bodies) - before)
            print(command, "->", len(bodies) - before, done.stderr.strip()[-300:] if len(bodies) == before else "")
        key = files["key"].read_bytes()
    bodies = [body.replace(key, b"x" * len(key)) for body in bodies]
    told = _told([oracle, "decode"], b"\n".join(map(base64.b64encode, bodies)))
    lines = [json.dumps({"command": command, **json.loads(line)}) for command, line in zip(commands, told, strict=True)]
    (DATA / "kubectl.jsonl").write_text("\n".join(lines) + "\n")
    kinds = _told([oracle, "kinds", *GROUPS.split()], b"")
    (DATA / "kinds.jsonl.xz").write_bytes(lzma.compress("\n".join(kinds).encode() + b"\n", preset=9))
    server.shutdown()


def _told(command: list[str], given: bytes) -> list[str]:
    return subprocess.run(command, input=given, check=True, capture_output=True).stdout.decode().splitlines()


if __name__ == "__main__":
    main(*sys.argv[1:4])
