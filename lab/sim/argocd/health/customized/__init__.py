"""Checks that Argo CD ships for kinds beyond Kubernetes' basic ones, written here as functions.

A kind that is not in `RULES` has no health, unless argocd-cm gives it a Lua check.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.argocd.health.customized import argoproj, cert_manager, gateway, kubernetes, ready
from lab.sim.argocd.health.status import HealthStatus
from lab.sim.objects import Object

Rule = Callable[[Object], HealthStatus | None]

RULES: dict[tuple[str, str], Rule] = {
    ("batch", "CronJob"): kubernetes.cron_job,
    ("policy", "PodDisruptionBudget"): kubernetes.disruption_budget,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): kubernetes.resource_definition,
    ("argoproj.io", "ApplicationSet"): argoproj.application_set,
    ("argoproj.io", "Rollout"): argoproj.rollout,
    ("argoproj.io", "AnalysisRun"): argoproj.analysis_run,
    ("argoproj.io", "Experiment"): argoproj.experiment,
    ("cert-manager.io", "Certificate"): cert_manager.certificate,
    ("cert-manager.io", "CertificateRequest"): cert_manager.certificate_request,
    ("cert-manager.io", "Issuer"): ready.rule("Initializing issuer"),
    ("cert-manager.io", "ClusterIssuer"): ready.rule("Initializing ClusterIssuer"),
    ("acme.cert-manager.io", "Challenge"): cert_manager.challenge,
    ("acme.cert-manager.io", "Order"): cert_manager.order,
    ("external-secrets.io", "ExternalSecret"): ready.rule("Waiting for ExternalSecret"),
    ("external-secrets.io", "SecretStore"): ready.rule("Waiting for SecretStore"),
    ("external-secrets.io", "ClusterSecretStore"): ready.rule("Waiting for ClusterSecretStore"),
    ("external-secrets.io", "PushSecret"): ready.rule("Waiting for PushSecret"),
    ("gateway.networking.k8s.io", "GatewayClass"): gateway.gateway_class,
    ("gateway.networking.k8s.io", "Gateway"): gateway.gateway,
    ("gateway.networking.k8s.io", "HTTPRoute"): gateway.route,
    ("gateway.networking.k8s.io", "GRPCRoute"): gateway.route,
    ("keda.sh", "ScaledObject"): kubernetes.scaled_object,
    ("monitoring.coreos.com", "Prometheus"): kubernetes.monitoring,
}
"""By API group and kind."""
