"""Manifests out of a folder, as Argo CD's repo server makes them: plain YAML, kustomize and Helm."""
