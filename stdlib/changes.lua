-- What may leave an agent's workspace. Reads git's own listing of a change and says, file by file,
-- what is refused: a pull request of tend's repairs a service; it does not touch how the
-- repository is built, checked, installed or owned. Pure: no primitive is used here.

local tables = require "tables"

local changes = {}

changes.FILES = 20
changes.LINES = 1000
local PATCH_BYTES = 200000

---@class tend.File
---@field path string
---@field status string A, M, D or T
---@field old_mode string
---@field new_mode string
---@field old_blob string?
---@field new_blob string?
---@field added integer
---@field deleted integer
---@field is_binary boolean
---@field old_text string? of the few files for which `wants_text` holds
---@field new_text string?

-- Reading git's listings ---------------------------------------------------------------------

local function blob(id, mode)
  return not id:find("^0+$") and mode ~= "160000" and id or nil
end

---@param raw string of diff-tree -z --raw
---@param counts string of diff-tree -z --numstat
---@return tend.File[]
function changes.files(raw, counts)
  local files, by_path = tables.list(), {}
  for old_mode, new_mode, old_id, new_id, status, path in
    raw:gmatch(":(%d+) (%d+) (%x+) (%x+) (%a)%d*\0([^\0]+)\0") do
    local file = { path = path, status = status, old_mode = old_mode, new_mode = new_mode,
      old_blob = blob(old_id, old_mode), new_blob = blob(new_id, new_mode), added = 0,
      deleted = 0, is_binary = false }
    files[#files + 1], by_path[path] = file, file
  end
  for added, deleted, path in counts:gmatch("([%d-]+)\t([%d-]+)\t([^\0]+)\0") do
    local file = by_path[path]
    if file then
      file.is_binary = added == "-"
      file.added, file.deleted = math.tointeger(added) or 0, math.tointeger(deleted) or 0
    end
  end
  return files
end

-- Names that are refused ---------------------------------------------------------------------

local CI = "it configures checks or deployments"
local AGENT = "it configures coding agents"
local IMAGE = "it says how the image is built"
local REGISTRY = "it configures a package registry"

-- Whole file names, in lower case, wherever they lie.
local NAMES = {
  ["codeowners"] = "it says who owns what", ["jenkinsfile"] = CI, [".travis.yml"] = CI,
  ["azure-pipelines.yml"] = CI, ["bitbucket-pipelines.yml"] = CI, [".drone.yml"] = CI,
  ["appveyor.yml"] = CI, [".appveyor.yml"] = CI, ["cloudbuild.yaml"] = CI, ["cloudbuild.yml"] = CI,
  [".woodpecker.yml"] = CI, ["buildspec.yml"] = CI, ["opencode.json"] = AGENT,
  ["opencode.jsonc"] = AGENT, ["agents.md"] = AGENT, ["claude.md"] = AGENT, ["gemini.md"] = AGENT,
  [".mcp.json"] = AGENT, [".cursorrules"] = AGENT, [".windsurfrules"] = AGENT,
  [".npmrc"] = REGISTRY, [".yarnrc"] = REGISTRY, [".yarnrc.yml"] = REGISTRY,
  [".pypirc"] = REGISTRY, ["pip.conf"] = REGISTRY, ["bunfig.toml"] = REGISTRY,
  ["setup.py"] = "it runs when the package is installed",
  [".pre-commit-config.yaml"] = "it runs on developers' machines",
}

-- Beginnings of one part of the path, in lower case.
local PARTS = {
  { "^%.git", "it belongs to git or to the forge" }, { "^%.circleci$", CI }, { "^%.ci$", CI },
  { "^%.buildkite$", CI }, { "^%.woodpecker$", CI }, { "^%.husky$", "it holds git hooks" },
  { "^%.opencode$", AGENT }, { "^%.claude$", AGENT }, { "^%.cursor$", AGENT },
  { "^%.agents?$", AGENT }, { "^%.codex$", AGENT },
  { "^migrations?$", "it is a migration" }, { "^migrate$", "it is a migration" },
  { "^alembic$", "it is a migration" },
}

-- Beginnings of the file's name.
local FILES = {
  { "^dockerfile", IMAGE }, { "%.dockerfile$", IMAGE }, { "^containerfile", IMAGE },
  { "^railway%.", "it configures the deployment" },
}

local function first_match(rules, text)
  for _, rule in ipairs(rules) do
    if text:find(rule[1]) then return rule[2] end
  end
end

local function name_refused(path)
  local lower = path:lower()
  if path:find("[%c\\]") then return "its name holds a control character or a backslash" end
  local name = lower:match("[^/]+$") or lower
  for part in lower:gmatch("[^/]+") do
    local reason = first_match(PARTS, part)
    if reason then return reason end
  end
  return NAMES[name] or first_match(FILES, name)
end

-- Kinds of change that are refused -----------------------------------------------------------

local function mode_refused(file)
  if file.new_mode == "120000" or file.old_mode == "120000" then return "it is a symlink" end
  if file.new_mode == "160000" or file.old_mode == "160000" then return "it is a submodule" end
  local is_kept = file.status ~= "A" and file.status ~= "D"
  if is_kept and file.old_mode ~= file.new_mode then
    return ("its mode changes from %s to %s"):format(file.old_mode, file.new_mode)
  end
end

local TEST_NAMES = { "^test_", "_test%.", "%.test%.", "%.spec%.", "_spec%.", "^tests?%.",
  "tests?%.[^.]+$" }
local TEST_FOLDERS = { test = true, tests = true, __tests__ = true, spec = true, specs = true,
  e2e = true }

local function is_test(path)
  local lower = path:lower()
  for folder in lower:gmatch("([^/]+)/") do
    if TEST_FOLDERS[folder] then return true end
  end
  return tables.find(TEST_NAMES, function(pattern)
    return lower:match("[^/]+$"):find(pattern)
  end) ~= nil
end

local function test_refused(file)
  if not is_test(file.path) then return nil end
  if file.status == "D" then return "a test is deleted" end
  if file.status == "M" and file.added == 0 and file.deleted > 0 then
    return "lines of a test are deleted and none are added"
  end
end

-- Manifests and lock files -------------------------------------------------------------------

local INSTALL_SCRIPTS = { "preinstall", "install", "postinstall", "preprepare", "prepare",
  "postprepare", "prepublish", "prepublishonly", "prepack", "postpack", "dependencies",
  "pre-install-cmd", "post-install-cmd", "pre-update-cmd", "post-update-cmd",
  "pre-autoload-dump", "post-autoload-dump", "post-root-package-install",
  "post-create-project-cmd" }
local MANIFESTS = { ["package.json"] = true, ["composer.json"] = true }
local LOCKS = { ["package-lock.json"] = true, ["npm-shrinkwrap.json"] = true, ["yarn.lock"] = true,
  ["pnpm-lock.yaml"] = true, ["bun.lock"] = true, ["pipfile"] = true, ["pipfile.lock"] = true,
  ["poetry.lock"] = true, ["uv.lock"] = true, ["pyproject.toml"] = true, ["gemfile"] = true,
  ["gemfile.lock"] = true, ["composer.json"] = true, ["composer.lock"] = true,
  ["cargo.toml"] = true, ["cargo.lock"] = true, ["go.mod"] = true, ["pom.xml"] = true,
  ["build.gradle"] = true, ["package.json"] = true }

local function kind_of(path)
  local name = path:lower():match("[^/]+$") or ""
  return MANIFESTS[name] or false,
    LOCKS[name] or name:find("^requirements.*%.txt$") ~= nil or false
end

---Whether the checks need a file's text, before and after.
---@param file tend.File
---@return boolean
function changes.wants_text(file)
  local is_manifest, is_lock = kind_of(file.path)
  return not file.is_binary and (is_manifest or is_lock)
end

local function scripts_of(text)
  local ok, manifest = pcall(json.decode, text or "{}")
  if not ok or type(manifest) ~= "table" then return {} end
  local scripts = {}
  for name, command in pairs(type(manifest.scripts) == "table" and manifest.scripts or {}) do
    scripts[tostring(name):lower()] =
      type(command) == "string" and command or json.encode(command)
  end
  return scripts
end

local function scripts_refused(file)
  local old, new = scripts_of(file.old_text), scripts_of(file.new_text)
  for _, name in ipairs(INSTALL_SCRIPTS) do
    if new[name] ~= nil and new[name] ~= old[name] then
      return ("the install script %q changes"):format(name)
    end
  end
end

-- Hosts from which a manifest or lock file takes packages.
local function hosts_of(text)
  local hosts = {}
  for host in (text or ""):lower():gmatch("%a[%w+.-]*://([^/%s\"'<>?#]+)") do
    hosts[host:gsub("^[^@]*@", ""):gsub(":%d+$", "")] = true
  end
  for host in (text or ""):lower():gmatch("git@([%w.-]+):") do hosts[host] = true end
  return hosts
end

local function hosts_refused(file)
  local old = hosts_of(file.old_text)
  for host in pairs(hosts_of(file.new_text)) do
    if not old[host] then return ("packages would come from a new host, %q"):format(host) end
  end
end

local function text_refused(file)
  local is_manifest, is_lock = kind_of(file.path)
  return (is_manifest and scripts_refused(file)) or (is_lock and hosts_refused(file)) or nil
end

-- The whole ----------------------------------------------------------------------------------

local function file_refused(file)
  return name_refused(file.path) or mode_refused(file)
    or (file.is_binary and "it is binary") or test_refused(file) or text_refused(file)
end

-- Added lines that hold what looks like a secret, by the file they are in.
local function secrets_in(patch)
  local found, path = tables.list(), "."
  for line in patch:gmatch("[^\n]+") do
    path = line:match("^%+%+%+ b/(.*)$") or path
    local added = not line:find("^%+%+%+ ") and line:match("^%+(.*)$")
    if added and redact(added) ~= added then
      found[#found + 1] = { path = path, reason = "an added line looks like a secret" }
    end
  end
  return found
end

local function size_refused(files, added, deleted, limits)
  local most_files, most_lines = limits.files or changes.FILES, limits.lines or changes.LINES
  if #files > most_files then
    return ("it changes %d files; the limit is %d"):format(#files, most_files)
  end
  if added + deleted > most_lines then
    return ("it changes %d lines; the limit is %d"):format(added + deleted, most_lines)
  end
end

---What of a change is refused, and what it is in short.
---@param tree string
---@param files tend.File[]
---@param patch string
---@param limits {files: integer?, lines: integer?}?
---@return tend.Change
function changes.check(tree, files, patch, limits)
  local refused, added, deleted = tables.list(), 0, 0
  for _, file in ipairs(files) do
    added, deleted = added + file.added, deleted + file.deleted
    local reason = file_refused(file)
    if reason then refused[#refused + 1] = { path = redact(file.path), reason = reason } end
  end
  local too_large = size_refused(files, added, deleted, limits or {})
  if too_large then refused[#refused + 1] = { path = ".", reason = too_large } end
  if #files == 0 then refused[#refused + 1] = { path = ".", reason = "nothing was changed" } end
  tables.append(refused, secrets_in(patch))
  return {
    tree = tree, added = added, deleted = deleted, refused = refused,
    patch = redact(tables.cut(patch, PATCH_BYTES)), files = tables.map(files, function(file)
      return { path = redact(file.path), status = file.status, added = file.added,
        deleted = file.deleted }
    end),
  }
end

return changes
