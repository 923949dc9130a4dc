"""An Argo CD plants two others, which manage themselves: releases, own settings, drift between them, no hub."""

from tests.equality.conditions import gone, has, operated, remade, runs, stopped, synced
from tests.equality.stories.story import Checkpoint, Story

HUB = synced("hub", "management", "argocd-w1", "argocd-w2")
W1 = synced("w1", "argocd-w1", "apps", "web")
W2 = synced("w2", "argocd-w2", "apps", "web")
CLAIM = "metadata/annotations/argocd.argoproj.io~1installation-id"
PAGE = "spec/template/spec/containers/0/env/0/value"


def _claimed(cluster: str) -> tuple:
    return (
        has(cluster, "Deployment", "argocd", "argocd-repo-server", CLAIM, cluster),
        has(cluster, "StatefulSet", "argocd", "argocd-application-controller", CLAIM, cluster),
        has(cluster, "Application", "argocd", "apps", CLAIM, cluster),
        runs(cluster, "argocd", "argocd-application-controller", 1, "StatefulSet"),
    )


ONE = (runs("w1", "shop", "web", 1), runs("w2", "shop", "web", 1))

STORY = Story(
    scenario="03-multi-cluster/distributed",
    clusters={"hub": True, "w1": True, "w2": True},
    checkpoints=(
        Checkpoint("up", "the lab is up", (HUB, W1, W2, *_claimed("w1"), *_claimed("w2"), *ONE)),
        Checkpoint(
            "release",
            "team w1 releases",
            (HUB, W1, W2, has("w1", "Deployment", "shop", "web", PAGE, "web of team w1, release 2"), *ONE),
            """
            sed -i 's/release 1/release 2/' apps/web/overlays/w1/patch.yaml
            git commit -qam "Release 2 of team w1" && git push -q
            """,
        ),
        Checkpoint(
            "own-setting",
            "the Argo CD of w1 gets a setting of its own, from git",
            (
                HUB,
                W1,
                W2,
                has("w1", "ConfigMap", "argocd", "argocd-cm", "data/help.chatUrl", "https://chat.example.org/w1"),
            ),
            """
            printf '      %s\\n' '- op: add' '  path: /data/help.chatUrl' '  value: https://chat.example.org/w1' \\
                >> team-argocds/w1/kustomization.yaml
            git commit -qam "Say where to find team w1" && git push -q
            """,
        ),
        Checkpoint(
            "drift",
            "both teams scale by hand: w1 ignores the number of replicas, w2 heals it",
            (operated("w2", "web"), HUB, W1, W2, runs("w1", "shop", "web", 2), runs("w2", "shop", "web", 1)),
            """
            for cluster in w1 w2; do kubectl --context $cluster -n shop scale deployment web --replicas=2; done
            """,
        ),
        Checkpoint(
            "same-release",
            "w2 moves to the release of w1, and w1 is scaled back by hand",
            (HUB, W1, W2, has("w2", "ConfigMap", "argocd", "argocd-cm", "metadata/labels/release", "1.1"), *ONE),
            """
            sed -i 's|releases/1.0|releases/1.1|' team-argocds/w2/kustomization.yaml
            git commit -qam "Move the Argo CD of w2 to release 1.1" && git push -q
            kubectl --context w1 -n shop scale deployment web --replicas=1
            """,
        ),
        Checkpoint(
            "claim",
            "somebody writes the hub's claim on an object of w1, which takes it back",
            (operated("w1", "argocd-w1"), HUB, W1, *_claimed("w1")),
            """
            kubectl --context w1 -n argocd annotate deployment argocd-repo-server \\
                argocd.argoproj.io/installation-id=hub --overwrite
            """,
        ),
        Checkpoint(
            "planted",
            "the hub's Application of w2 is deleted: what it planted stays, and the ApplicationSet makes it anew",
            (remade("hub", "Application", "argocd", "argocd-w2"), HUB, W2),
            "kubectl --context hub -n argocd delete application argocd-w2",
        ),
        Checkpoint(
            "child",
            "the Application web of w2 is deleted: its parent makes it anew, and its pods stay",
            (remade("w2", "Application", "argocd", "web"), operated("w2", "apps"), HUB, W2),
            "kubectl --context w2 -n argocd delete application web",
        ),
        Checkpoint(
            "no-hub",
            "without the hub's controller w2 releases, and heals its Service",
            (
                stopped("hub", "argocd", "argocd-application-controller"),
                remade("w2", "Service", "shop", "web"),
                W1,
                W2,
                has("w2", "Deployment", "shop", "web", PAGE, "web of team w2, release 2"),
                *ONE,
            ),
            """
            kubectl --context hub -n argocd scale statefulset argocd-application-controller --replicas=0
            kubectl --context hub -n argocd wait --for=delete pod/argocd-application-controller-0 --timeout=60s
            sed -i 's/release 1/release 2/' apps/web/overlays/w2/patch.yaml
            git commit -qam "Release 2 of team w2" && git push -q
            for try in $(seq 120); do
              page=$(kubectl --context w2 -n shop get deployment web -o jsonpath='{..env[0].value}')
              [ "$page" != "web of team w2, release 2" ] || break
              sleep 0.5
            done
            sleep 5
            kubectl --context w2 -n shop delete service web
            """,
        ),
        Checkpoint(
            "hub-back",
            "the hub's controller starts again and finds all as it should be",
            (HUB, W1, W2, runs("hub", "argocd", "argocd-application-controller", 1, "StatefulSet")),
            "kubectl --context hub -n argocd scale statefulset argocd-application-controller --replicas=1",
        ),
        Checkpoint(
            "uprooted",
            "w1 leaves the ApplicationSet: its Application on the hub goes, everything on w1 stays",
            (gone("hub", "Application", "argocd", "argocd-w1"), synced("hub", "management", "argocd-w2"), W1),
            "kubectl --context hub -n argocd label secret cluster-w1 argocd-",
        ),
    ),
)
