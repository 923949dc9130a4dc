"""Kubernetes' own schemas, condensed from a pinned package, one compressed file for each supported minor."""
