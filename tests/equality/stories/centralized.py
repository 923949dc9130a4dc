"""One Argo CD, two clusters: commits, drift, labels, borders, the controller's absence, cascading deletion."""

from tests.equality.conditions import (
    complains,
    gone,
    has,
    operated,
    remade,
    runs,
    set_says,
    stopped,
    sync_status,
    synced,
    there,
)
from tests.equality.stories.story import Checkpoint, Story

PATCH = "apps/web/overlays/staging/patch.yaml"
ALL = synced("hub", "root", "web-w1", "web-w2")
WEB = (runs("w1", "shop", "web", 2), runs("w2", "shop", "web", 2))

STORY = Story(
    scenario="03-multi-cluster/centralized",
    clusters={"hub": True, "w1": False, "w2": False},
    checkpoints=(
        Checkpoint("up", "the lab is up", (ALL, runs("w1", "shop", "web", 2), runs("w2", "shop", "web", 1))),
        Checkpoint(
            "commit",
            "a commit changes the replicas of staging and adds a ConfigMap",
            (ALL, *WEB, there("w2", "ConfigMap", "shop", "greeting")),
            f"""
            sed -i 's/^  replicas: .*/  replicas: 2/' {PATCH}
            printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {{name: greeting}}\\ndata: {{text: hello}}\\n' \\
                > apps/web/overlays/staging/greeting.yaml
            sed -i 's/^  - namespace.yaml/&\\n  - greeting.yaml/' apps/web/overlays/staging/kustomization.yaml
            git add -A && git commit -qm "Two copies and a greeting" && git push -q
            """,
        ),
        Checkpoint(
            "broken",
            "a commit breaks the YAML of staging",
            (
                complains("hub", "web-w2", "ComparisonError"),
                sync_status("hub", "web-w2", "Unknown"),
                synced("hub", "root", "web-w1"),
            ),
            f"""
            printf 'spec: [not: closed\\n' >> {PATCH}
            git commit -qam "Broken" && git push -q
            """,
        ),
        Checkpoint(
            "mended",
            "the next commit mends it and drops the ConfigMap, which is pruned",
            (ALL, *WEB, gone("w2", "ConfigMap", "shop", "greeting")),
            f"""
            sed -i '/not: closed/d' {PATCH}
            git rm -q apps/web/overlays/staging/greeting.yaml
            sed -i '/greeting.yaml/d' apps/web/overlays/staging/kustomization.yaml
            git commit -qam "Mended, and no greeting" && git push -q
            """,
        ),
        Checkpoint(
            "self-heal",
            "production is scaled by hand, and healed",
            (operated("hub", "web-w1"), ALL, *WEB),
            "kubectl --context w1 -n shop scale deployment web --replicas=1",
        ),
        Checkpoint(
            "deleted",
            "the Service of production is deleted by hand, and made again",
            (remade("w1", "Service", "shop", "web"), operated("hub", "web-w1"), ALL, *WEB),
            "kubectl --context w1 -n shop delete service web",
        ),
        Checkpoint(
            "label-missing",
            "the registration of w2 loses a label that the template needs",
            (
                set_says("hub", "web", "ErrorOccurred", "True", "region"),
                synced("hub", "root", health="Degraded"),
                synced("hub", "web-w1", "web-w2"),
                *WEB,
            ),
            "kubectl --context hub -n argocd label secret cluster-w2 region-",
        ),
        Checkpoint(
            "label-typo",
            "the label is back, but the one the generator selects by is mistyped: web-w2 and all it deployed go",
            (
                set_says("hub", "web", "ErrorOccurred", "False"),
                gone("hub", "Application", "argocd", "web-w2"),
                gone("w2", "Namespace", "", "shop"),
            ),
            "kubectl --context hub -n argocd label secret cluster-w2 region=us env=stagging --overwrite",
        ),
        Checkpoint(
            "label-right",
            "the label is right again",
            (ALL, *WEB),
            "kubectl --context hub -n argocd label secret cluster-w2 env=staging --overwrite",
        ),
        Checkpoint(
            "preserved",
            "with preserveResourcesOnDeletion the same slip takes only the Application along",
            (gone("hub", "Application", "argocd", "web-w2"), synced("hub", "root", "web-w1"), *WEB),
            """
            sed -i 's/^  goTemplateOptions:.*/&\\n  syncPolicy:\\n    preserveResourcesOnDeletion: true/' \\
                cluster-configs/web.yaml
            git commit -qam "Keep what is deployed" && git push -q
            for try in $(seq 120); do
              finalizers=$(kubectl --context hub -n argocd get application web-w2 -o jsonpath='{.metadata.finalizers}')
              [ -n "$finalizers" ] || break
              sleep 0.5
            done
            kubectl --context hub -n argocd label secret cluster-w2 env=stagging --overwrite
            """,
        ),
        Checkpoint(
            "adopted",
            "the label is right again, and the new Application takes over what is there",
            (ALL, *WEB),
            "kubectl --context hub -n argocd label secret cluster-w2 env=staging --overwrite",
        ),
        Checkpoint(
            "refused",
            "four Applications that may not be: wrong cluster, unknown server, beyond the rights, no such path",
            (
                complains("hub", "trespasser", "InvalidSpecError"),
                complains("hub", "last-year", "InvalidSpecError"),
                complains("hub", "beyond", "ComparisonError"),
                complains("hub", "nowhere", "ComparisonError"),
            ),
            """
            make() {
              kubectl --context hub -n argocd apply -f - <<EOF
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata: {name: $1, namespace: argocd}
            spec:
              project: $2
              source: {repoURL: "http://lab-git:3000/lab/platform.git", targetRevision: main, path: "$3"}
              destination: $4
            EOF
            }
            make trespasser staging apps/web/overlays/staging '{name: w1, namespace: shop}'
            make last-year default apps/web/overlays/staging '{server: "https://10.1.2.3:6443", namespace: shop}'
            make beyond default apps/web/overlays/production '{name: w1, namespace: kube-system}'
            make nowhere default apps/nowhere '{name: w2, namespace: shop}'
            """,
        ),
        Checkpoint(
            "no-controller",
            "the refused ones are deleted and the hub's controller stopped; what is scaled by hand stays so",
            (
                stopped("hub", "argocd", "argocd-application-controller"),
                gone("hub", "Application", "argocd", "trespasser", "last-year", "beyond", "nowhere"),
                runs("w1", "shop", "web", 1),
            ),
            """
            kubectl --context hub -n argocd delete application trespasser last-year beyond nowhere
            kubectl --context hub -n argocd scale statefulset argocd-application-controller --replicas=0
            kubectl --context hub -n argocd wait --for=delete pod/argocd-application-controller-0 --timeout=60s
            kubectl --context w1 -n shop scale deployment web --replicas=1
            """,
        ),
        Checkpoint(
            "controller-back",
            "the controller starts again and heals",
            (
                operated("hub", "web-w1"),
                ALL,
                *WEB,
                runs("hub", "argocd", "argocd-application-controller", 1, "StatefulSet"),
            ),
            "kubectl --context hub -n argocd scale statefulset argocd-application-controller --replicas=1",
        ),
        Checkpoint(
            "cascade",
            "web-w1 gets its finalizer back and is deleted; the ApplicationSet makes it anew",
            (
                remade("hub", "Application", "argocd", "web-w1"),
                remade("w1", "Deployment", "shop", "web"),
                has("hub", "ApplicationSet", "argocd", "web", "spec/syncPolicy", None),
                ALL,
                *WEB,
            ),
            """
            git revert --no-edit HEAD >/dev/null && git push -q
            for try in $(seq 120); do
              finalizers=$(kubectl --context hub -n argocd get application web-w1 -o jsonpath='{.metadata.finalizers}')
              [ -z "$finalizers" ] || break
              sleep 0.5
            done
            kubectl --context hub -n argocd delete application web-w1 --wait=false
            """,
        ),
    ),
)
