"""Which changes of a live object are worth telling.

Source: Argo CD 3.6.1 `controller/cache/cache.go` (shouldHashManifest, skipResourceUpdate), `controller/cache/info.go`.
"""

from __future__ import annotations

from lab.sim.argocd.comparison.ignore import RulesError, update_rules
from lab.sim.argocd.comparison.settings import ComparisonSettings
from lab.sim.argocd.health.assess import assess, failed
from lab.sim.argocd.health.fields import annotations_of
from lab.sim.argocd.health.status import HealthError
from lab.sim.objects import Object

IGNORE_UPDATES = "argocd.argoproj.io/ignore-resource-updates"
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))


def matters(old: Object, new: Object, settings: ComparisonSettings) -> bool:
    """Whether a change is to be told.

    Of objects with a mark, Applications, and those that ask for it by annotation, only one of health or of a field
    that `ignoreResourceUpdates` does not name; of all others every one.
    """
    if not settings.ignore_updates or not (_is_judged(old, settings) and _is_judged(new, settings)):
        return True
    try:
        rules = update_rules(settings)
    except RulesError:
        return True
    return rules.normalized(old) != rules.normalized(new) or _health(old, settings) != _health(new, settings)


def _is_judged(obj: Object, settings: ComparisonSettings) -> bool:
    if settings.tracking.instance(obj):
        return True
    if obj.get("kind") == "Application" and str(obj.get("apiVersion")).startswith("argoproj.io/"):
        return True
    return annotations_of(obj).get(IGNORE_UPDATES) in _TRUE


def _health(obj: Object, settings: ComparisonSettings) -> str:
    try:
        found = assess(obj, settings.health)
    except HealthError as error:
        found = failed(error)
    return "" if found is None else found.status
