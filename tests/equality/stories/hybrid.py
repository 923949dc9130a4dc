"""Add-ons from a hub, applications from a team's own Argo CD on the same cluster, and the gap in the border."""

from tests.equality.conditions import (
    complains,
    either,
    gone,
    has,
    operated,
    runs,
    set_says,
    stopped,
    sync_status,
    synced,
    there,
)
from tests.equality.stories.story import Checkpoint, Story

HUB = synced("hub", "platform", "addons-hub", "addons-w1", "addons-w2", "guardrails-shop")
SHOP = synced("w1", "shop-web")
AGENTS = tuple(runs(cluster, "platform", "agent") for cluster in ("hub", "w1", "w2"))
WEB = runs("w1", "shop", "web")
CLAIM = "metadata/annotations/argocd.argoproj.io~1tracking-id"
PAGE = "spec/template/spec/containers/0/env/0/value"
MINE = has("w1", "LimitRange", "shop", "defaults", CLAIM, "guardrails-shop:/LimitRange:shop/defaults")

STORY = Story(
    scenario="03-multi-cluster/hybrid",
    clusters={"hub": True, "w1": True, "w2": False},
    checkpoints=(
        Checkpoint("up", "the lab is up", (HUB, SHOP, *AGENTS, WEB, MINE)),
        Checkpoint(
            "addons",
            "one commit releases the agent on every cluster",
            (
                HUB,
                SHOP,
                *AGENTS,
                *(
                    has(cluster, "Deployment", "platform", "agent", PAGE, "agent of the platform, release 2")
                    for cluster in ("hub", "w1", "w2")
                ),
            ),
            """
            sed -i 's/release 1/release 2/' platform/addons/patch.yaml
            git commit -qam "Release 2 of the agent" && git push -q
            """,
        ),
        Checkpoint(
            "cart",
            "a folder of the team becomes an Application",
            (HUB, synced("w1", "shop-web", "shop-cart"), WEB, runs("w1", "shop", "cart")),
            """
            cp -r teams/shop/web teams/shop/cart
            sed -i -e 's/: web$/: cart/' -e 's/web of team shop, release .*/cart of team shop, release 1/' \\
                teams/shop/cart/*.yaml
            git add -A && git commit -qm "Add a cart to the shop" && git push -q
            """,
        ),
        Checkpoint(
            "two-owners",
            "the team deploys the platform's LimitRange too: both instances heal it for ever",
            (
                # Whose turn it is may pass too quickly to be seen.
                either(
                    complains("hub", "guardrails-shop", "SharedResourceWarning"),
                    complains("w1", "shop-web", "SharedResourceWarning"),
                ),
            ),
            """
            sed 's/cpu: 5m/cpu: 20m/' platform/guardrails/shop/limits.yaml > teams/shop/web/limits.yaml
            sed -i 's/^  - service.yaml/  - limits.yaml\\n&/' teams/shop/web/kustomization.yaml
            git add -A && git commit -qm "More room for the shop" && git push -q
            """,
            settles=False,
        ),
        Checkpoint(
            "one-owner",
            "the team takes its limits back, and its project forbids the kind",
            (HUB, synced("w1", "shop-web", "shop-cart"), MINE, WEB),
            """
            git revert --no-edit HEAD >/dev/null
            printf '  %s\\n' 'namespaceResourceBlacklist:' '  - {group: "", kind: LimitRange}' \\
                >> platform/guardrails/shop/project.yaml
            git commit -qam "Limits are the platform's alone" && git push -q
            """,
        ),
        Checkpoint(
            "refused",
            "what the borders refuse: kinds, namespaces, cluster-wide objects",
            (
                operated("w1", "denied-limits", "Failed"),
                operated("w1", "denied-wide", "Failed"),
                complains("w1", "denied-namespace", "InvalidSpecError"),
                complains("hub", "denied-team", "InvalidSpecError"),
            ),
            """
            make() {
              kubectl --context $1 -n argocd apply -f - <<EOF
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata: {name: $2, namespace: argocd}
            spec:
              project: $3
              source: {repoURL: "http://lab-git:3000/lab/platform.git", targetRevision: main, path: "$4"}
              destination: {name: w1, namespace: $5}
              syncPolicy: {automated: {}, retry: {limit: 0}}
            EOF
            }
            make w1 denied-limits team-shop platform/guardrails/shop shop
            make w1 denied-wide team-shop platform/addons shop
            make w1 denied-namespace team-shop teams/shop/web platform
            make hub denied-team platform platform/addons shop
            """,
        ),
        Checkpoint(
            "another-team",
            "the refused ones go; a label makes w2 the cluster of a team that the project does not know",
            (
                gone("w1", "Application", "argocd", "denied-limits", "denied-wide", "denied-namespace"),
                gone("hub", "Application", "argocd", "denied-team"),
                complains(
                    "hub", "guardrails-books", "InvalidSpecError", "do not match any of the allowed destinations"
                ),
                sync_status("hub", "guardrails-books", "Unknown"),
                HUB,
            ),
            """
            kubectl --context w1 -n argocd delete application denied-limits denied-wide denied-namespace
            kubectl --context hub -n argocd delete application denied-team
            kubectl --context hub -n argocd label secret cluster-w2 team=books
            """,
        ),
        Checkpoint(
            "same-team",
            "the label says another team's name, so that two Applications would have one name",
            (
                set_says("hub", "guardrails", "ErrorOccurred", "True"),
                synced("hub", "platform", health="Degraded"),
                synced("hub", "addons-hub", "addons-w1", "addons-w2", "guardrails-shop"),
            ),
            "kubectl --context hub -n argocd label secret cluster-w2 team=shop --overwrite",
        ),
        Checkpoint(
            "no-team",
            "the label goes",
            (
                set_says("hub", "guardrails", "ErrorOccurred", "False"),
                gone("hub", "Application", "argocd", "guardrails-books"),
                HUB,
            ),
            "kubectl --context hub -n argocd label secret cluster-w2 team-",
        ),
        Checkpoint(
            "no-hub",
            "without the hub's controller the team releases, and a deleted add-on stays away",
            (
                stopped("hub", "argocd", "argocd-application-controller"),
                synced("w1", "shop-web", "shop-cart"),
                has("w1", "Deployment", "shop", "web", PAGE, "web of team shop, release 2"),
                WEB,
                gone("w2", "Service", "platform", "agent"),
            ),
            """
            kubectl --context hub -n argocd scale statefulset argocd-application-controller --replicas=0
            kubectl --context hub -n argocd wait --for=delete pod/argocd-application-controller-0 --timeout=60s
            sed -i 's/release 1/release 2/' teams/shop/web/patch.yaml
            git commit -qam "Release 2 of the shop" && git push -q
            kubectl --context w2 -n platform delete service agent
            """,
        ),
        Checkpoint(
            "hub-back",
            "the hub's controller starts again and puts the add-on back",
            (
                runs("hub", "argocd", "argocd-application-controller", 1, "StatefulSet"),
                there("w2", "Service", "platform", "agent"),
                operated("hub", "addons-w2"),
                HUB,
            ),
            "kubectl --context hub -n argocd scale statefulset argocd-application-controller --replicas=1",
        ),
        Checkpoint(
            "folder-gone",
            "the team removes the folder of its cart, and the Application goes with all it deployed",
            (
                gone("w1", "Application", "argocd", "shop-cart"),
                gone("w1", "Deployment", "shop", "cart"),
                SHOP,
                HUB,
            ),
            """
            git rm -qr teams/shop/cart && git commit -qm "No cart" && git push -q
            """,
        ),
    ),
)
