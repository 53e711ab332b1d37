/* Reading lists of an OpenCode server; see opencode_list.h. */
#include "io/opencode_list.h"

#include <stdio.h>

enum { NAMES_MAX = 500, NAMES_SHOWN = 8 };

static size_t count_of(const struct value *list) {
    return list && list->kind == VALUE_LIST ? list->list.count : 0;
}

/* ---- models ---------------------------------------------------------------------------------- */

static const struct value *find_provider(const struct value *providers, const char *id) {
    for (size_t i = 0; i < count_of(providers); i++)
        if (bytes_are(value_get_bytes(&providers->list.items[i], "id"), id))
            return &providers->list.items[i];
    return NULL;
}

static struct bytes name_of(const struct value *of, size_t index) {
    struct bytes name = of->kind == VALUE_MAP ? of->map.members[index].key
                                              : value_get_bytes(&of->list.items[index], "id");
    if (name.size > 50) name.size = 50;
    return name;
}

/* " (it has a, b, …)": the keys of a map, the ids of a list. */
static void write_names(const struct value *of, char names[NAMES_MAX]) {
    size_t count = !of ? 0 : of->kind == VALUE_MAP ? of->map.count : of->list.count;
    int used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        struct bytes name = name_of(of, i);
        used += snprintf(names + used, NAMES_MAX - (size_t)used, "%s%.*s", i ? ", " : " (it has ",
                         (int)name.size, name.data);
    }
    if (count) snprintf(names + used, NAMES_MAX - (size_t)used, count > NAMES_SHOWN ? ", …)" : ")");
}

bool list_has_model(const struct value *root, const char *provider_id, const char *model_id,
                    char why[LIST_WHY_MAX]) {
    const struct value *providers = value_get_list(root, "providers");
    const struct value *provider = find_provider(providers, provider_id);
    const struct value *models = value_get_map(provider, "models");
    char names[NAMES_MAX];
    if (models && value_get(models, model_id)) return true;
    write_names(provider ? models : providers, names);
    if (provider)
        snprintf(why, LIST_WHY_MAX, "has no model %.80s at provider %.80s%s", model_id, provider_id,
                 names);
    else snprintf(why, LIST_WHY_MAX, "has no provider %.80s%s", provider_id, names);
    return false;
}

/* ---- sessions, permission requests ---------------------------------------------------------- */

const struct value *list_find_session(const struct value *sessions, const char *key) {
    const struct value *found = NULL;
    int64_t newest = -1;
    for (size_t i = 0; i < count_of(sessions); i++) {
        const struct value *session = &sessions->list.items[i];
        int64_t created = value_get_integer(value_get_map(session, "time"), "created", 0);
        if (created <= newest ||
            !bytes_are(value_get_bytes(value_get_map(session, "metadata"), "tend"), key))
            continue;
        found = session;
        newest = created;
    }
    return found;
}

const struct value *list_find_permission(const struct value *requests, const char *session_id) {
    for (size_t i = 0; i < count_of(requests); i++)
        if (bytes_are(value_get_bytes(&requests->list.items[i], "sessionID"), session_id))
            return value_get(&requests->list.items[i], "id");
    return NULL;
}
