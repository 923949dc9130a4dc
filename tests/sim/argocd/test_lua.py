"""Lua checks: what they may do, what they say, and that none can hurt the simulator."""

from __future__ import annotations

import time

import pytest

from lab.sim.argocd.health import HealthError, HealthOverride, OverrideError, assess, failed, lua, read_overrides
from lab.sim.argocd.health.lua import run_health
from lab.sim.argocd.health.overrides import override_for

OBJECT = {
    "apiVersion": "example.com/v1",
    "kind": "Boat",
    "metadata": {"name": "b", "namespace": "sea"},
    "status": {"crew": 3, "ports": [{"name": "oslo"}, {"name": "bergen"}]},
}


@pytest.mark.parametrize(
    ("script", "open_libraries", "status", "message"),
    [
        ('hs = {} hs.status = "Healthy" hs.message = "crew " .. obj.status.crew return hs', False, "Healthy", "crew 3"),
        ('return {status="Healthy", message=tostring(table.getn(obj.status.ports))}', False, "Healthy", "2"),
        (
            'for i, p in ipairs(obj.status.ports) do if p.name == "oslo" then goto continue end '
            'do return {status="Degraded", message=p.name} end ::continue:: end',
            False,
            "Degraded",
            "bergen",
        ),
        (
            'local os = require("os") return {status="Healthy", message=os.date("%Y-%m-%d", 0)}',
            False,
            "Healthy",
            "1970-01-01",
        ),
        ('return {status="Healthy", message=os.date("!%H:%M")}', True, "Healthy", "00:02"),
        ('return {status="Healthy", message=string.upper("x") .. ("y"):rep(2)}', True, "Healthy", "Xyy"),
        ('return {status="Sunk"}', False, "Unknown", "Lua returned an invalid health status"),
        ("return {}", False, "", ""),
        ("return {status=5}", False, "", ""),
    ],
)
def test_what_scripts_say(script: str, open_libraries: bool, status: str, message: str) -> None:
    found = run_health(script, OBJECT, open_libraries=open_libraries, now=120)
    assert found is not None
    assert (found.status, found.message) == (status, message)


@pytest.mark.parametrize("script", ["", "return nil", 'return {status="Healthy"}, nil'])
def test_nothing_said(script: str) -> None:
    assert run_health(script, OBJECT) is None


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('return "Healthy"', "expect table output from Lua script, not string"),
        ("return 5", "expect table output from Lua script, not number"),
        ("return true", "expect table output from Lua script, not boolean"),
        ("return print", "expect table output from Lua script, not function"),
        (
            "local x\nreturn obj.spec.size",
            "<string>:2: attempt to index a non-table object(nil) with key 'size'",
        ),
        ("return ship()", "<string>:1: attempt to call a non-function object"),
        ('error("boom")', "<string>:1: boom"),
        ("return (", "<string>:1: unexpected symbol near <eof>"),
        ('return string.upper("x")', "<string>:1: attempt to index a non-table object(nil) with key 'upper'"),
        ('return ("x"):upper()', None),
        ('require("io")', "module io not found"),
    ],
)
def test_failures(script: str, said: str | None) -> None:
    with pytest.raises(HealthError) as found:
        run_health(script, OBJECT)
    assert said is None or said in str(found.value)


@pytest.mark.parametrize(
    "script",
    [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() return f() end return f()",
        'local s = "x" while true do s = s .. s end',
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = setmetatable({}, {__index = function(t, k) return t[k .. k] end}) return t.a",
        'return ("x"):rep(1e9)',
        'return tostring(string.find(("a"):rep(30000), ".-.-.-.-b"))',
        "return setmetatable({}, {__gc = function() while true do end end})",
    ],
)
def test_runaway_scripts_end(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lua, "SECONDS", 0.1)
    began = time.process_time()
    with pytest.raises(HealthError):
        run_health(script, OBJECT, open_libraries=True)
    assert time.process_time() - began < 1


def test_a_script_gets_one_second() -> None:
    began = time.process_time()
    with pytest.raises(HealthError, match=r"^<string>:1: context deadline exceeded$"):
        run_health("while true do end", OBJECT)
    assert 0.9 < time.process_time() - began < 2


@pytest.mark.parametrize(
    "name",
    ["io", "package", "debug", "python", "load", "loadstring", "dofile", "loadfile", "collectgarbage", "coroutine",
     "os.execute", "os.exit", "os.getenv", "os.remove", "string.dump"],
)  # fmt: skip
def test_nothing_dangerous_is_there(name: str) -> None:
    found = run_health(f'return {{status="Healthy", message=type({name})}}', OBJECT, open_libraries=True)
    assert found is not None
    assert found.message == "nil"


def test_keys_of_the_config_map() -> None:
    found = read_overrides(
        {
            "resource.customizations": 'a.com/One: {health.lua: "return 1", health.lua.useOpenLibs: true}',
            "resource.customizations.health.b.com_Two": "return 2",
            "resource.customizations.useOpenLibs.b.com_Two": "true",
            "resource.customizations.health.Pod": "return 3",
            "resource.customizations.health.all": "return 4",
            "resource.customizations.ignoreDifferences.c.com_Three": "jsonPointers: []",
            "other": "x",
        }
    )
    assert found == {
        "a.com/One": HealthOverride("return 1", True),
        "b.com/Two": HealthOverride("return 2", True),
        "Pod": HealthOverride("return 3"),
        "*/*": HealthOverride("return 4"),
    }
    for bad in ("resource.customizations.nope.Pod", "resource.customizations.health.a_b_c"):
        with pytest.raises(OverrideError):
            read_overrides({bad: "x"})


def test_exact_names_go_before_globs() -> None:
    overrides = {"*.io/*": HealthOverride("glob"), "x.io/A": HealthOverride("exact"), "x.io/B": HealthOverride("")}
    assert [getattr(override_for(overrides, "x.io", kind), "script", "") for kind in "ABC"] == ["exact", "glob", "glob"]
    assert override_for(overrides, "", "Pod") is None


def test_an_override_goes_before_the_built_in_check_and_may_leave_it_the_word() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"paused": True}}
    mine = {"apps/Deployment": HealthOverride('if obj.spec.paused then return {status="Degraded", message="mine"} end')}
    assert getattr(assess(deployment, mine), "message", "") == "mine"
    running = {**deployment, "spec": {}, "status": {}}
    assert getattr(assess(running, mine), "status", "") == "Healthy"


def test_a_failing_check_makes_the_resource_unknown() -> None:
    with pytest.raises(HealthError, match=r"^failed to get resource health for sea/b: <string>:1: ") as found:
        assess(OBJECT, {"example.com/Boat": HealthOverride("return obj.a.b")})
    shown = failed(found.value)
    assert (shown.status, shown.message) == (
        "Unknown",
        "<string>:1: attempt to index a non-table object(nil) with key 'b'",
    )


def test_deletion() -> None:
    gone = {**OBJECT, "metadata": {**OBJECT["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}  # type: ignore[dict-item]
    assert getattr(assess(gone), "message", "") == "Pending deletion"
    held = {**gone, "metadata": {**gone["metadata"], "finalizers": ["a", "b"]}}
    assert getattr(assess(held), "message", "") == "Pending deletion; blocked by finalizers: a, b"
    own = {"example.com/Boat": HealthOverride('return {status="Degraded", deletionMessage="sinking"}')}
    found = assess(held, own)
    assert found is not None
    assert (found.status, found.message) == ("Degraded", "sinking")
    hooked = {**gone, "metadata": {**gone["metadata"], "finalizers": ["argocd.argoproj.io/hook-finalizer"]}}
    assert assess(hooked) is None
