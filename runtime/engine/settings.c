/* Making the settings; see settings.h. What tend.lua returns under other keys is passed on as it
 * is. */
#include "engine/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lua/isolate.h"

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* One member: the variable, else what tend.lua says under `section`.`key`, else the default. */
static size_t pick(struct buffer *out, const struct value *section, const char *key,
                   const char *variable, const char *otherwise) {
    const char *value = variable ? environment(variable) : NULL;
    const struct value *written = value_get(section, key);
    if (!value && !written && !otherwise) return 0;
    pack_text(out, key);
    if (value) pack_text(out, value);
    else if (written) pack_value(out, written);
    else pack_text(out, otherwise);
    return 1;
}

/* A token: a handle where tend.lua has one, or where the variable is set. */
static size_t pick_secret(struct buffer *out, const struct value *section, const char *key,
                          const char *variable) {
    const struct value *written = value_get(section, key);
    if (!environment(variable) && !written) return 0;
    pack_text(out, key);
    if (environment(variable)) pack_secret(out, bytes_of(variable));
    else pack_value(out, written);
    return 1;
}

static const char *railway_token(void) {
    if (environment("RAILWAY_TOKEN")) return "RAILWAY_TOKEN";
    return environment("RAILWAY_API_TOKEN") ? "RAILWAY_API_TOKEN" : NULL;
}

static void pack_token(struct buffer *out, const struct value *written, size_t *count) {
    const char *variable = railway_token();
    struct bytes name = written ? written->text : bytes_of(variable);
    if (!written && !variable) return;
    pack_text(out, "token");
    if (written) pack_value(out, written);
    else pack_secret(out, name);
    *count += 1;
}

static const char *token_kind(const struct value *project, const struct value *token) {
    struct bytes kind = value_get_bytes(project, "token_kind");
    if (kind.size) return bytes_are(kind, "account") ? "account" : "project";
    struct bytes name = token ? token->text : bytes_of(railway_token());
    return bytes_are(name, "RAILWAY_API_TOKEN") ? "account" : "project";
}

/* One project of tend.lua, with what it leaves out. */
static void pack_project(struct buffer *out, const struct value *project) {
    const struct value *token = value_get(project, "token");
    size_t opened = pack_map_open(out), count = 0;
    pack_token(out, token, &count);
    pack_member_text(out, "token_kind", token_kind(project, token));
    count++;
    if (!value_get(project, "mode")) pack_member_text(out, "mode", "observe"), count++;
    for (size_t i = 0; i < project->map.count; i++) {
        struct bytes key = project->map.members[i].key;
        if (bytes_are(key, "token") || bytes_are(key, "token_kind")) continue;
        pack_bytes(out, key);
        pack_value(out, &project->map.members[i].value);
        count++;
    }
    pack_close(out, opened, count);
}

static void pack_environment_project(struct buffer *out) {
    size_t opened = pack_map_open(out), count = 2;
    const char *place = environment("RAILWAY_ENVIRONMENT_ID");
    if (!place) place = environment("RAILWAY_ENVIRONMENT_NAME");
    pack_token(out, NULL, &count);
    pack_member_text(out, "token_kind", token_kind(NULL, NULL));
    pack_member_text(out, "mode", "observe");
    if (environment("RAILWAY_PROJECT_ID"))
        pack_member_text(out, "project", environment("RAILWAY_PROJECT_ID")), count++;
    if (place) pack_member_text(out, "environment", place), count++;
    pack_close(out, opened, count);
}

static int pack_projects(struct buffer *out, const struct value *config, struct error *err) {
    const struct value *projects = value_get(config, "projects");
    pack_text(out, "projects");
    if (!projects) {
        pack_list(out, railway_token() ? 1 : 0);
        if (railway_token()) pack_environment_project(out);
        return 0;
    }
    if (projects->kind != VALUE_LIST)
        return error_set(err, TEND_EINPUT,
                         "projects is a list of tables {project, environment, …}");
    pack_list(out, projects->list.count);
    for (size_t i = 0; i < projects->list.count; i++) {
        if (projects->list.items[i].kind != VALUE_MAP)
            return error_set(err, TEND_EINPUT, "projects[%zu] is no table", i + 1);
        pack_project(out, &projects->list.items[i]);
    }
    return 0;
}

static void pack_section(struct buffer *out, const char *name,
                         size_t (*fill)(struct buffer *, const struct value *),
                         const struct value *config) {
    pack_text(out, name);
    size_t opened = pack_map_open(out);
    pack_close(out, opened, fill(out, value_get_map(config, name)));
}

static size_t fill_railway(struct buffer *out, const struct value *section) {
    return pick(out, section, "api_url", "RAILWAY_API_URL",
                "https://backboard.railway.com/graphql/v2") +
           pick(out, section, "service_id", "RAILWAY_SERVICE_ID", NULL);
}

static size_t fill_openai(struct buffer *out, const struct value *section) {
    return pick(out, section, "base_url", "OPENAI_BASE_URL", "https://api.openai.com/v1") +
           pick_secret(out, section, "api_key", "OPENAI_API_KEY");
}

static size_t fill_opencode(struct buffer *out, const struct value *section) {
    return pick(out, section, "base_url", "OPENCODE_BASE_URL", "http://127.0.0.1:4096") +
           pick_secret(out, section, "password", "OPENCODE_SERVER_PASSWORD");
}

static size_t fill_github(struct buffer *out, const struct value *section) {
    return pick(out, section, "api_url", "GITHUB_API_URL", "https://api.github.com") +
           pick(out, section, "git_url", "GITHUB_GIT_URL", "https://github.com/{repo}.git") +
           pick_secret(out, section, "token", "GITHUB_TOKEN");
}

static size_t fill_git(struct buffer *out, const struct value *section) {
    return pick(out, section, "name", NULL, "tend") +
           pick(out, section, "email", NULL, "tend@localhost");
}

static bool is_own(struct bytes key) {
    static const char *const own[] = {"projects", "railway", "openai",      "opencode",  "github",
                                      "git",      "model",   "agent_model", "workspace", "poll"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (bytes_are(key, own[i])) return true;
    return false;
}

static int pack_settings(const struct value *config, const char *home, struct buffer *out,
                         struct error *err) {
    char workspace[1100];
    const char *slash = strrchr(home, '/');
    snprintf(workspace, sizeof workspace, "%.*s/.tend-work", slash ? (int)(slash - home) : 0, home);
    size_t opened = pack_map_open(out), count = 6;
    int status = pack_projects(out, config, err);
    if (status) return status;
    pack_section(out, "railway", fill_railway, config);
    pack_section(out, "openai", fill_openai, config);
    pack_section(out, "opencode", fill_opencode, config);
    pack_section(out, "github", fill_github, config);
    pack_section(out, "git", fill_git, config);
    count += pick(out, config, "model", "TEND_MODEL", NULL);
    count += pick(out, config, "agent_model", "TEND_AGENT_MODEL", NULL);
    count += pick(out, config, "workspace", "TEND_WORKSPACE", workspace);
    count += pick(out, config, "poll", NULL, "60s");
    for (size_t i = 0; config->kind == VALUE_MAP && i < config->map.count; i++) {
        if (is_own(config->map.members[i].key)) continue;
        pack_bytes(out, config->map.members[i].key);
        pack_value(out, &config->map.members[i].value);
        count++;
    }
    pack_close(out, opened, count);
    return buffer_check(out, err);
}

static int read_config(const char *config, struct buffer *packed, struct error *err) {
    struct buffer source = BUFFER_EMPTY;
    int status = text_read_file(config, (size_t)1 << 20, &source, err);
    if (!status) status = config_read(config, buffer_bytes(&source), packed, err);
    buffer_done(&source);
    return status;
}

int settings_complete(struct bytes config, const char *home, struct buffer *out,
                      struct error *err) {
    struct value_tree tree = {0};
    size_t size = out->size;
    int status = value_read(config, &tree, err);
    if (!status) status = pack_settings(&tree.root, home, out, err);
    if (status) out->size = size;
    value_tree_done(&tree);
    return status;
}

int settings_read(const char *config, const char *home, struct buffer *out, struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    int status = 0;
    if (config) status = read_config(config, &packed, err);
    else pack_map(&packed, 0);
    if (!status) {
        status = settings_complete(buffer_bytes(&packed), home, out, err);
        if (status && config) error_context(err, "%s", config);
    }
    buffer_done(&packed);
    return status;
}
