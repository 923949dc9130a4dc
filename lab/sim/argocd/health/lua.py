"""Lua checks given in argocd-cm, run for real and kept in bounds.

Argo CD's interpreter is Lua 5.1 with `goto`; Lua 5.2 with the few names 5.1 had besides behaves the same for such
scripts, and lupa brings it on every platform. As in Argo CD a script sees `table` and the basic functions, `os.time`
and `os.date` through `require("os")`; with `useOpenLibs` also `string`, `math` and `os` itself. Never there: files,
processes, `debug`, `load`, coroutines. A script gets one second and 32 MiB. Source: Argo CD 3.6.1 `util/lua/lua.go`.
"""

from __future__ import annotations

import re
import time
from typing import Any

from lupa import lua52  # type: ignore[import-untyped]

from lab.sim.argocd.health.status import CODES, UNKNOWN, HealthError, HealthStatus
from lab.sim.objects import Object

SECONDS = 1.0
MEMORY = 32 * 1024 * 1024
_STEPS = 5_000
_PATTERN_STEPS = 300_000_000
_ARRAY = HealthStatus()

_BOUNDS = """
local load, sethook, getinfo, clock = load, debug.sethook, debug.getinfo, os.clock
local pcall, error, pack = pcall, error, table.pack
local type, tostring, setmetatable, getmetatable, date = type, tostring, setmetatable, getmetatable, os.date
local string, unpack, insert = string, table.unpack, table.insert
local find, gmatch, gsub, match = string.find, string.gmatch, string.gsub, string.match
local seconds, steps, pattern_steps = ...

local expired = false
local LATE = "context deadline exceeded"

local function held(ok, ...)
  if expired then error(LATE, 0) end
  return ok, ...
end

local function costs(text, pattern)
  if type(text) ~= "string" and type(text) ~= "number" then return end
  local _, repeats = gsub(tostring(pattern), "[%*%+%-%?]", "")
  if (#tostring(text)) ^ (repeats + 1) > pattern_steps then error("pattern takes too long", 3) end
end

local function bounded(f)
  return function(text, pattern, ...)
    costs(text, pattern)
    return f(text, pattern, ...)
  end
end

local function days(year, month, day)
  year = year + math.floor((month - 1) / 12)
  month = (month - 1) % 12 + 1
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local yoe = year - era * 400
  local doy = math.floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
  return era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468
end

local function clock_library(now)
  local function number(fields, key, default)
    return type(fields[key]) == "number" and fields[key] or default
  end
  return {
    time = function(fields)
      if fields == nil then return now end
      local day = days(number(fields, "year", -1), number(fields, "month", -1), number(fields, "day", -1))
      return day * 86400 + number(fields, "hour", 12) * 3600 + number(fields, "min", 0) * 60 + number(fields, "sec", 0)
    end,
    date = function(format, moment)
      format = gsub(format or "%c", "^!", "")
      return date("!" .. format, moment or now)
    end,
    clock = clock,
  }
end

local function environment(open, now)
  local env = {
    assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, select = select, tonumber = tonumber,
    tostring = tostring, type = type, rawequal = rawequal, rawget = rawget, rawset = rawset, unpack = unpack,
    setmetatable = function(value, meta)
      if type(meta) == "table" and rawget(meta, "__gc") ~= nil then error("__gc is not supported", 2) end
      return setmetatable(value, meta)
    end,
    _VERSION = "GopherLua 0.1",
    print = function() end,
    getmetatable = function(value) if type(value) == "table" then return getmetatable(value) end end,
    pcall = function(...) return held(pcall(...)) end,
    xpcall = function(f, handler, ...)
      local result = pack(pcall(f, ...))
      if expired then error(LATE, 0) end
      if result[1] then return unpack(result, 1, result.n) end
      return false, handler(result[2])
    end,
    table = {
      concat = table.concat, insert = insert, remove = table.remove, sort = table.sort, unpack = unpack,
      getn = function(list) return #list end,
      maxn = function(list)
        local most = 0
        for key in pairs(list) do if type(key) == "number" and key > most then most = key end end
        return most
      end,
    },
  }
  local library = clock_library(now)
  env.require = function(name)
    if name == "os" then return library end
    error("module " .. tostring(name) .. " not found", 2)
  end
  local strings
  if open then
    strings = {
      byte = string.byte, char = string.char, format = string.format, len = string.len, lower = string.lower,
      rep = string.rep, reverse = string.reverse, sub = string.sub, upper = string.upper,
      find = function(text, pattern, from, plain)
        if not plain then costs(text, pattern) end
        return find(text, pattern, from, plain)
      end,
      gmatch = bounded(gmatch), gsub = bounded(gsub), match = bounded(match),
    }
    env.string, env.os = strings, library
    env.math = {}
    for name, value in pairs(math) do env.math[name] = value end
  end
  getmetatable("").__index = strings
  env._G = env
  return env
end

return function(script, obj, open, now)
  local env = environment(open, now)
  env.obj, env.actionParams = obj, {}
  local chunk, wrong = load(script, "=<string>", "t", env)
  if not chunk then return false, wrong end
  local ends = clock() + seconds
  sethook(function()
    if clock() > ends then
      if not expired then LATE = "<string>:" .. getinfo(2, "l").currentline .. ": " .. LATE end
      expired = true
      error(LATE, 0)
    end
  end, "", steps)
  local result = pack(pcall(chunk))
  sethook()
  local value
  if result.n > 1 then value = result[result.n] end
  if not result[1] and type(value) ~= "string" then value = type(value) end
  return result[1], value
end
"""

_indexed = re.compile(
    r"attempt to index (?:local|global|field|upvalue|method)? ?'?(?P<name>[^']*?)'? ?\(an? (?P<kind>\w+) value\)"
).search
_called = re.compile(r"attempt to call .*").search
_line = re.compile(r"<string>:(\d+):").match


def run_health(
    script: str, obj: Object, *, open_libraries: bool = False, now: float | None = None
) -> HealthStatus | None:
    """What a health script says of a resource; None when it returns nothing.

    `now`: seconds since 1970 for `os.time` and `os.date`, by default the machine's. Raises HealthError with the
    interpreter's message when the script does not compile, fails, takes too long or returns no table.
    """
    runtime = lua52.LuaRuntime(
        register_eval=False, register_builtins=False, unpack_returned_tuples=True, attribute_filter=_no_attributes,
        max_memory=MEMORY,
    )  # fmt: skip
    try:
        run = runtime.execute(_BOUNDS, SECONDS, _STEPS, _PATTERN_STEPS)
        moment = int(time.time() if now is None else now)
        done, value, *_ = run(script, _to_lua(runtime, obj), open_libraries, moment)
    except lua52.LuaMemoryError:
        raise HealthError("not enough memory") from None
    except lua52.LuaError as error:
        raise HealthError(str(error).partition("\n")[0]) from None
    if not done:
        raise HealthError(_in_words_of_argo(str(value), script))
    return _health(value)


def _no_attributes(_obj: object, _name: object, _setting: bool) -> Any:
    raise AttributeError("access denied")


def _to_lua(runtime: lua52.LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        table = runtime.table()
        for key, one in value.items():
            if one is not None:
                table[key] = _to_lua(runtime, one)
        return table
    if isinstance(value, list | tuple):
        return runtime.table(*(_to_lua(runtime, one) for one in value))
    return value


def _health(value: Any) -> HealthStatus | None:
    if value is None:
        return None
    kind = lua52.lua_type(value)
    if kind != "table":
        name = {bool: "boolean", str: "string"}.get(type(value), kind or "number")
        raise HealthError(f"expect table output from Lua script, not {name}")
    fields = dict(value.items())
    if all(isinstance(key, int) for key in fields):
        return _ARRAY
    if not all(isinstance(key, str) for key in fields):
        raise HealthError("cannot encode mixed or invalid key types")
    read = {key.lower(): one for key, one in fields.items()}
    texts = [read.get(key, "") for key in ("status", "message", "deletionmessage")]
    if not all(isinstance(one, str) for one in texts):
        return _ARRAY
    if texts[0] not in CODES:
        return HealthStatus(UNKNOWN, "Lua returned an invalid health status")
    return HealthStatus(*texts)


def _in_words_of_argo(message: str, script: str) -> str:
    """The two commonest mistakes as Argo CD's interpreter puts them."""
    at = _line(message)
    if at is None:
        return message
    failed = _indexed(message)
    if failed:
        source = script.splitlines()[int(at[1]) - 1]
        key = re.search(rf"\b{re.escape(failed['name'])}\s*(?:[.:]\s*(\w+)|\[\s*[\"']([^\"']+)[\"']\s*\])", source)
        if key:
            return f"{at[0]} attempt to index a non-table object({failed['kind']}) with key '{key[1] or key[2]}'"
    if _called(message):
        return f"{at[0]} attempt to call a non-function object"
    return message
