"""GitOps Lab's simulator: Kubernetes clusters in one process, for machines without Docker.

It stands alone: nothing here imports anything else of `lab`. Pods become Ready by rule, nothing is pulled or run, and
everything it says about itself carries the mark `+sim`. What it does not do it refuses, naming `--provider kind`.
"""
