-- GitHub's pull requests, as far as tend needs them: find its own, open a draft, follow one,
-- comment. Every function here makes plain requests and belongs inside a step, which is what is
-- recorded and retried; what GitHub refuses raises with the response on the error.

local tables = require "tables"

local github = {}

local PAGES = 10

---@class tend.PullRequest
---@field repo string
---@field number integer
---@field url string
---@field branch string
---@field adopted boolean? found by its marker instead of opened

---@param method string
---@param path string below the API's address
---@param options {query: table?, json: table?, ok: integer[]?}?
---@return any answer without nulls
---@return table response
function github.request(method, path, options)
  options = options or {}
  local token = settings.github.token
  local response = http {
    url = settings.github.api_url:gsub("/+$", "") .. path, method = method,
    headers = { accept = "application/vnd.github+json", ["x-github-api-version"] = "2022-11-28" },
    auth = token and { bearer = token } or nil, query = options.query, json = options.json,
    ok = options.ok, timeout = "30s", retry = false,
  }
  return tables.plain(response.json), response
end

-- Whether tend could have made it: the branch lies in the repository itself, so its author may
-- write there; a fork's request can carry any marker.
local function is_own(pull, repo, login)
  local head = pull.head and pull.head.repo
  local author = pull.user and pull.user.login
  return head ~= nil and head.full_name:lower() == repo:lower()
    and (not login or not author or author:lower() == login:lower())
end

local function brief(pull, repo)
  return { repo = repo, number = pull.number, url = pull.html_url,
    branch = pull.head and pull.head.ref }
end

-- Who the token belongs to; an App's token can't ask, and then the head repository has to do.
local function login()
  local ok, user = pcall(github.request, "GET", "/user")
  return ok and user and user.login or nil
end

---The open pull requests of a repository whose body holds `marker`, oldest first.
---@param repo string
---@param marker string
---@return tend.PullRequest[]
function github.open_with(repo, marker)
  local found = {}
  for page = 1, PAGES do
    local pulls = github.request("GET", ("/repos/%s/pulls"):format(repo),
      { query = { state = "open", per_page = 100, page = page } })
    for _, pull in ipairs(pulls) do
      if type(pull.body) == "string" and pull.body:find(marker, 1, true) then
        found[#found + 1] = pull
      end
    end
    if #pulls < 100 then break end
  end
  if #found == 0 then return tables.list() end
  local who = login()
  local own = tables.filter(found, function(pull) return is_own(pull, repo, who) end)
  table.sort(own, function(a, b) return a.number < b.number end)
  return tables.map(own, function(pull) return brief(pull, repo) end)
end

---What a repository is: its default branch, and whether everyone can read it. What GitHub doesn't
---say counts as public.
---@param repo string
---@return {default_branch: string?, is_public: boolean}
function github.repository(repo)
  local ok, found = pcall(github.request, "GET", "/repos/" .. repo)
  if not ok or type(found) ~= "table" then return { is_public = true } end
  return { default_branch = found.default_branch, is_public = found.private ~= true }
end

local function refusal_text(answer)
  local parts = { tostring(answer.message) }
  for _, problem in ipairs(answer.errors or {}) do
    parts[#parts + 1] = type(problem) == "table" and tostring(problem.message) or tostring(problem)
  end
  return table.concat(parts, "; ")
end

local function refused(what, answer)
  fatal(("GitHub refused %s: %s"):format(what, tables.cut(refusal_text(answer), 500)))
end

local function by_branch(repo, branch)
  local owner = repo:match("^[^/]+")
  local pulls = github.request("GET", ("/repos/%s/pulls"):format(repo),
    { query = { state = "open", head = owner .. ":" .. branch } })
  return tables.find(pulls, function(pull) return pull.head and pull.head.ref == branch end)
end

---Opens a draft pull request, or an ordinary one that says draft where GitHub has no drafts for
---the repository. One that exists for the branch already is the answer: an attempt that lost it
---made it.
---@param repo string
---@param request {title: string, body: string, head: string, base: string}
---@return tend.PullRequest
function github.open(repo, request)
  local path = ("/repos/%s/pulls"):format(repo)
  local function post(title, is_draft)
    return github.request("POST", path, { ok = { 201, 422 }, json = { title = title,
      body = request.body, head = request.head, base = request.base, draft = is_draft } })
  end
  local answer = post(request.title, true)
  if answer.number then return brief(answer, repo) end
  local existing = by_branch(repo, request.head)
  if existing then return brief(existing, repo) end
  if not refusal_text(answer):lower():find("draft", 1, true) then
    refused("the pull request", answer)
  end
  answer = post("[draft] " .. request.title, false)
  if not answer.number then refused("the pull request", answer) end
  return brief(answer, repo)
end

---How a pull request stands.
---@param pull tend.PullRequest
---@return {state: string, is_merged: boolean, merged_at: string?, merge_commit_sha: string?}
function github.standing(pull)
  local answer = github.request("GET", ("/repos/%s/pulls/%d"):format(pull.repo, pull.number))
  local is_merged = answer.merged == true or answer.merged_at ~= nil
  return { state = answer.state, is_merged = is_merged, merged_at = answer.merged_at,
    merge_commit_sha = is_merged and answer.merge_commit_sha or nil }
end

---Whether `commit` contains `ancestor`; false where GitHub can't tell.
---@param repo string
---@param ancestor string
---@param commit string
---@return boolean
function github.contains(repo, ancestor, commit)
  local ok, answer = pcall(github.request, "GET",
    ("/repos/%s/compare/%s...%s"):format(repo, ancestor, commit))
  return ok and type(answer) == "table"
    and (answer.status == "ahead" or answer.status == "identical")
end

---Comments once: a comment that begins with the same `marker` is not made again.
---@param pull tend.PullRequest
---@param marker string
---@param text string
function github.comment(pull, marker, text)
  local path = ("/repos/%s/issues/%d/comments"):format(pull.repo, pull.number)
  local ok, comments = pcall(github.request, "GET", path, { query = { per_page = 100 } })
  local is_there = ok and tables.find(comments or {}, function(comment)
    return type(comment.body) == "string" and comment.body:find(marker, 1, true) == 1
  end)
  if is_there then return end
  github.request("POST", path, { ok = { 201 }, json = { body = marker .. "\n" .. text } })
end

return github
