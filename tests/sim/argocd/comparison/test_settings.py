"""argocd-cm as comparisons read it."""

from __future__ import annotations

import pytest

from lab.sim.argocd.comparison.settings import DEFAULTS, Ignored, SettingsError, read_settings
from lab.sim.argocd.tracking import Tracking

ALL = "*/*"


def test_an_empty_one() -> None:
    found = read_settings({})
    assert found.overrides == DEFAULTS.overrides == {ALL: found.overrides[ALL]}
    assert found.overrides[ALL].ignored == Ignored(("/status",))
    assert found.updates[ALL].ignored.json_pointers == (
        "/status",
        "/metadata/resourceVersion",
        "/metadata/generation",
        "/metadata/managedFields",
    )
    assert (found.tracking, found.ignore_updates, found.server_side_diff) == (Tracking(), True, False)


def test_customizations_in_one_key_and_in_many() -> None:
    found = read_settings(
        {
            "resource.customizations": "apps/Deployment: {ignoreDifferences: 'jsonPointers: [/spec/a]'}",
            "resource.customizations.ignoreDifferences.apps_StatefulSet": "jqPathExpressions: [.spec.b]",
            "resource.customizations.ignoreDifferences.all": "managedFieldsManagers: [me]",
            "resource.customizations.ignoreResourceUpdates.ConfigMap": "jsonPointers: [/data]",
            "resource.customizations.knownTypeFields.a_B": "[{field: spec.c, type: core/Quantity}]",
            "resource.customizations.health.a_B": "return {}",
        }
    )
    assert found.overrides["apps/Deployment"].ignored == Ignored(("/spec/a",))
    assert found.overrides["apps/StatefulSet"].ignored == Ignored((), (".spec.b",))
    assert found.overrides[ALL].ignored == Ignored(("/status",), (), ("me",))
    assert found.updates["ConfigMap"].ignored == Ignored(("/data",))
    assert found.overrides["ConfigMap"].ignored == Ignored()
    assert found.overrides["a/B"].known_types == (("spec.c", "core/Quantity"),)
    assert found.health["a/B"].script == "return {}"


def test_differences_need_not_count_as_updates() -> None:
    rules = {"resource.customizations.ignoreDifferences.ConfigMap": "jsonPointers: [/data]"}
    assert read_settings(rules).updates["ConfigMap"].ignored == Ignored(("/data",))
    options = {"resource.compareoptions": "ignoreDifferencesOnResourceUpdates: false"}
    assert read_settings({**rules, **options}).updates["ConfigMap"].ignored == Ignored()


@pytest.mark.parametrize(
    ("inclusions", "exclusions", "kind", "excluded"),
    [
        ("", "", "ConfigMap", False),
        ("[ConfigMap]", "", "ConfigMap", False),
        ("[Secret]", "", "ConfigMap", True),
        ("", "[ConfigMap]", "ConfigMap", True),
        ("", "[Secret]", "ConfigMap", False),
        ("[ConfigMap]", "[ConfigMap]", "ConfigMap", True),
        ("", "", "Event", True),
        ("['*']", "", "Event", True),
    ],
)
def test_inclusions_and_exclusions(inclusions: str, exclusions: str, kind: str, excluded: bool) -> None:
    data = {}
    for key, kinds in (("inclusions", inclusions), ("exclusions", exclusions)):
        if kinds:
            data[f"resource.{key}"] = f"- {{apiGroups: [''], kinds: {kinds}, clusters: ['https://one*']}}"
    assert read_settings(data).filter.excludes("", kind, "https://one.example") is excluded


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"resource.customizations.ignoreDifferences.a_b_c": "{}"}, "group kind should be in format"),
        ({"resource.customizations.nonsense.a_B": "{}"}, "resource customization type nonsense not supported"),
        ({"resource.customizations.ignoreDifferences.a_B": "jsonPointers: text"}, "cannot unmarshal"),
        ({"resource.customizations": "a: [b"}, ""),
        ({"resource.exclusions": "nonsense"}, "error unmarshalling excluded resources"),
        ({"resource.selectors": "- {selector: 'a in b'}"}, 'error parsing resource selector "a in b"'),
        ({"resource.ignoreResourceUpdatesEnabled": "perhaps"}, "invalid syntax"),
    ],
)
def test_what_cannot_be_read(data: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(data)
    assert message in str(caught.value)
