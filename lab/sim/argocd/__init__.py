"""Argo CD's own rules, without a cluster: projects, sync windows, clusters, health, ApplicationSet generators.

Everything here is a function of its arguments. Rules and messages are those of Argo CD 3.6.1.
"""
