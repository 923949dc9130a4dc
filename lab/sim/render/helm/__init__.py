"""Helm charts, rendered as `helm template` of Helm 4 does, with what Argo CD gives it: see `render`."""
