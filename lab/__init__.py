"""GitOps Lab: local multi-cluster GitOps labs that start with one command and check themselves."""

__version__ = "0.1.0"
