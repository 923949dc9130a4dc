"""Kubeconfigs as the lab keeps them: one file a cluster, under the lab's short names."""

import base64

import yaml


def named(text: str, cluster: str) -> str:
    """A kubeconfig with one context, renamed to the cluster, so that all files of a lab merge into one view.

    :param text: as whoever made the cluster wrote it
    """
    config = yaml.safe_load(text)
    for section in ("clusters", "users", "contexts"):
        config[section][0]["name"] = cluster
    config["contexts"][0]["context"] = {"cluster": cluster, "user": cluster}
    config["current-context"] = cluster
    return str(yaml.safe_dump(config, sort_keys=False))


def authority(text: str) -> str:
    """PEM of the authority that a kubeconfig trusts."""
    config = yaml.safe_load(text)
    return base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
