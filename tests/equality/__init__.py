"""The same story told on kind and on the simulator, and what Argo CD and Kubernetes made of it compared.

A story is a scenario and a list of checkpoints: changes made with kubectl and git, and what must be true afterwards.
Recordings of kind are kept, so that the simulator is compared with them where there is no Docker.
"""
