-- Git on the host's side of an incident. A folder of the workspace per run holds
--
--   host/   closed to others: a configuration of its own and a bare clone, made from the remote
--   agent/  the clone in which the coding agent works: no remote, no token, shared with its group
--
-- Whatever the agent left in agent/.git could run code beside the host's token (hooks, filters,
-- fsmonitor, insteadOf). So the only git program that the host runs on that folder is
-- upload-pack, by fetching from it into the bare clone; the host takes a *tree* from there, looks
-- at it (see `changes`), and makes its own commit of it.

local changes = require "changes"
local tables = require "tables"

local git = {}

---@class tend.Workplace
---@field folder string
---@field host string
---@field agent string
---@field store string the host's bare clone
---@field remote string
---@field branch string
---@field base string? the commit that the agent starts from

-- The environment of every git that the host runs.
local function environment(place, more)
  local env = {
    GIT_CONFIG_GLOBAL = place.host .. "/gitconfig", GIT_CONFIG_NOSYSTEM = "1",
    GIT_NO_LAZY_FETCH = "1", GIT_TERMINAL_PROMPT = "0", GIT_ALLOW_PROTOCOL = "file:https:http",
    GIT_NO_REPLACE_OBJECTS = "1", LC_ALL = "C",
  }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

local function configuration(place)
  local safe = { place.agent, place.agent .. "/.git", place.store,
    place.remote:match("^file://(.*)$") }
  local lines = { "[safe]" }
  for _, folder in ipairs(safe) do
    lines[#lines + 1] = '\tdirectory = "' .. folder:gsub('[\\"]', "\\%0") .. '"'
  end
  return table.concat(lines, "\n") .. [[

[core]
	hooksPath = /dev/null
	fsmonitor = false
	attributesFile = /dev/null
	protectHFS = true
	protectNTFS = true
[fetch]
	fsckObjects = true
	recurseSubmodules = false
[transfer]
	fsckObjects = true
[protocol "ext"]
	allow = never
[gc]
	auto = 0
[maintenance]
	auto = false
]]
end

local function run(place, name, args, options)
  options = options or {}
  return exec {
    name = name, cmd = "git", args = args, cwd = options.cwd or place.host,
    env = environment(place, options.env), stdin = options.stdin, timeout = options.timeout or "5m",
    retry = options.retry,
  }
end

---The folders of one run, and where its repository comes from.
---@param run_id string
---@param repository string OWNER/NAME
---@param branch string
---@return tend.Workplace
function git.workplace(run_id, repository, branch)
  if not repository:find("^[%w._-]+/[%w._-]+$") then
    fatal(("%q is no repository; it should be OWNER/NAME"):format(repository))
  end
  local folder = settings.workspace .. "/" .. run_id
  return {
    folder = folder, host = folder .. "/host", agent = folder .. "/agent",
    store = folder .. "/host/store.git", branch = branch,
    remote = (settings.github.git_url:gsub("{repo}", (repository:gsub("%%", "%%%%")))),
  }
end

-- Each script begins anew, so that an attempt which a crash cut off leaves nothing behind.
local OPEN_WORKPLACE = [[
set -eu
umask 002
mkdir -p "$1"
chmod 2775 "$1" 2>/dev/null || true
rm -rf "$1/host"
mkdir -m 700 "$1/host"
cat > "$1/host/gitconfig"
]]

-- Prints the commit; nothing where the remote is there and the branch isn't, because to try that
-- again is no use. Objects of the remote may be as old and odd as they are; only what the agent
-- adds is checked.
local CLONE = [[
set -eu
rm -rf "$1"
git -c transfer.fsckObjects=false -c fetch.fsckObjects=false clone --quiet --bare --no-tags \
  --template= --single-branch --branch "$2" -- "$3" "$1" || {
  git ls-remote --exit-code --heads -- "$3" "refs/heads/$2" >&2 || [ $? -ne 2 ] || exit 0
  exit 1
}
git -C "$1" rev-parse --verify --quiet "refs/heads/$2^{commit}"
]]

local CLONE_FOR_AGENT = [[
set -eu
umask 002
rm -rf "$1"
git -c transfer.fsckObjects=false -c fetch.fsckObjects=false clone --quiet --no-tags \
  --template= -c core.sharedRepository=group --single-branch --branch "$2" -- "file://$3" "$1"
cd "$1"
git remote remove origin
git config user.name "$4"
git config user.email "$5"
chmod -R g+rwX .
find . -type d -exec chmod g+s {} +
]]

local function script(place, name, text, args, options)
  options = options or {}
  return exec {
    name = name, cmd = "sh", args = tables.append({ "-c", text, "sh" }, args),
    env = environment(place), stdin = options.stdin, timeout = options.timeout or "10m",
    retry = options.retry, deadline = options.deadline,
  }
end

-- A remote that doesn't answer is tried again for a day.
local PATIENCE = { attempts = 400, initial = "1s", max = "5m" }

---Makes the host's clone and the agent's, and says which commit both are at.
---@param place tend.Workplace
---@return tend.Workplace place with `base`
function git.prepare(place)
  local identity = settings.git or {}
  script(place, "open the workplace", OPEN_WORKPLACE, { place.folder },
    { stdin = configuration(place) })
  local cloned = script(place, "clone the repository", CLONE,
    { place.store, place.branch, place.remote }, { retry = PATIENCE, deadline = "24h" })
  place.base = cloned.stdout:match("%x+")
  if not place.base then
    fatal(("there is no branch %q in %s"):format(place.branch, place.remote))
  end
  script(place, "clone it for the agent", CLONE_FOR_AGENT, { place.agent, place.branch,
    place.store, identity.name or "tend", identity.email or "tend@localhost" })
  return place
end

---What the agent's session runs at its end, so that work it didn't commit isn't lost.
git.COMMIT_THE_REST = "git add -A && (git diff --cached --quiet"
  .. " || git commit --quiet --no-verify -m 'Uncommitted work')"

-- What upload-pack would follow out of the agent's folder: a .git that is elsewhere, links in
-- it, borrowed objects. Looked for with nothing but the file system.
local CHECK_FOLDER = [[
cd "$1" || exit 3
refuse() { printf '%s' "$1"; exit 0; }
[ -d .git ] && [ ! -L .git ] || refuse ".git is not the folder that tend made"
[ -z "$(find .git -type l -print -quit)" ] || refuse "there is a symlink in .git"
for name in objects/info/alternates objects/info/http-alternates commondir shallow; do
  [ ! -e ".git/$name" ] || refuse "there is .git/$name"
done
[ -f .git/HEAD ] || refuse "there is no .git/HEAD"
[ -z "$(find .git ! -type f ! -type d -print -quit)" ] || refuse "there is a special file in .git"
]]

-- Blobs whose text the checks need, old and new, of the manifests and lock files that changed.
local function read_blobs(read, files)
  for _, file in ipairs(tables.filter(files, changes.wants_text)) do
    file.old_text = file.old_blob and read { "cat-file", "blob", file.old_blob }
    file.new_text = file.new_blob and read { "cat-file", "blob", file.new_blob }
  end
end

---@class tend.Change
---@field tree string? the tree that the agent left
---@field files {path: string, status: string}[]
---@field added integer
---@field deleted integer
---@field patch string masked
---@field refused {path: string, reason: string}[] empty: it may leave the workspace

local TAKEN = "refs/tend/taken"

local function refusal(reason)
  return { files = tables.list(), added = 0, deleted = 0, patch = "",
    refused = tables.list { { path = ".", reason = reason } } }
end

-- Fetches HEAD of the agent's folder; a reason where git doesn't accept what it finds there.
local function fetch(place)
  local ok, problem = pcall(run, place, nil, { "-C", place.store, "fetch", "--quiet", "--no-tags",
    "--no-recurse-submodules", "--no-auto-maintenance", "--", place.agent, "+HEAD:" .. TAKEN })
  if ok then return nil end
  if problem.kind ~= "exec" and problem.kind ~= "error" then error(problem, 0) end
  return "git did not accept the work: " .. tables.cut(tostring(problem.message), 300)
end

local function compare(place, tree)
  local function read(args)
    return run(place, nil, tables.append({ "-C", place.store }, args)).stdout
  end
  local function difference(...)
    return read(tables.append({ "diff-tree", "-r", "--no-renames", ... }, { place.base, tree }))
  end
  local files = changes.files(difference("-z", "--raw", "--full-index"),
    difference("-z", "--numstat"))
  local patch = difference("-p", "--no-color", "--no-ext-diff", "--no-textconv")
  read_blobs(read, files)
  return files, patch
end

---Takes over what the agent left, and checks it. One step, because results inside a step aren't
---masked yet: a secret in the patch must be seen to be refused. What is recorded is masked.
---@param place tend.Workplace
---@param limits {files: integer?, lines: integer?}?
---@return tend.Change
function git.take(place, limits)
  return step("check what the agent changed", { timeout = "10m" }, function()
    local doubt = script(place, nil, CHECK_FOLDER, { place.agent }).stdout
    if #doubt > 0 then return refusal(doubt) end
    local problem = fetch(place)
    if problem then return refusal(problem) end
    local tree = run(place, nil, { "-C", place.store, "rev-parse", "--verify",
      TAKEN .. "^{tree}" }).stdout:match("%x+")
    local files, patch = compare(place, tree)
    return changes.check(tree, files, patch, limits)
  end)
end

---Makes tend's own commit of a tree. The same tree, base, message and time give the same commit,
---so a push that is repeated pushes the same.
---@param place tend.Workplace
---@param tree string
---@param message string
---@param at number seconds since 1970
---@return string commit
function git.commit(place, tree, message, at)
  local identity = settings.git or {}
  local name, email = identity.name or "tend", identity.email or "tend@localhost"
  local date = ("@%d +0000"):format(math.floor(at))
  return run(place, "make tend's commit", { "-C", place.store, "commit-tree", tree, "-p",
    place.base, "-F", "-" }, { stdin = message, env = {
    GIT_AUTHOR_NAME = name, GIT_AUTHOR_EMAIL = email, GIT_AUTHOR_DATE = date,
    GIT_COMMITTER_NAME = name, GIT_COMMITTER_EMAIL = email, GIT_COMMITTER_DATE = date,
  } }).stdout:match("%x+")
end

---Pushes a commit as a branch; a branch that is there already at another commit is never moved.
---For use inside a step.
---@param place tend.Workplace
---@param commit string
---@param branch string
function git.push(place, commit, branch)
  run(place, nil, { "-C", place.store, "push", "--quiet", "--no-verify", "--", place.remote,
    ("%s:refs/heads/%s"):format(commit, branch) }, { retry = false })
end

---A text as part of a branch's name.
---@param text string
---@return string
function git.slug(text)
  local slug = text:lower():gsub("[^%w]+", "-"):gsub("^%-", ""):gsub("%-$", "")
  return #slug > 0 and slug:sub(1, 40) or "service"
end

return git
