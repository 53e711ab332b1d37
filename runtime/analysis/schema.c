/* JSON Schema; see schema.h.
 *
 * One recursive walk over schema and value together. `struct check` carries the path to the value
 * as text, cut back on the way up. A problem found is written down and the walk goes on, so that
 * one repair turn can mend them all; within anyOf and oneOf problems are only counted. */
#include "analysis/schema.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

enum { DEPTH_MAX = 200 }; /* of schemas within schemas; values are bounded by VALUE_DEPTH_MAX */

struct check {
    struct buffer path;
    struct buffer *problems; /* NULL: only counted */
    size_t count;
    int depth;
    struct error *err;
};

static int check_value(struct check *check, const struct value *schema, const struct value *value);

/* ---- problems and paths ---------------------------------------------------------------------- */

static const char *path_text(const struct check *check) {
    return check->path.size ? check->path.data : "answer";
}

/* Begins a problem's line; NULL where it is only counted. */
static struct buffer *problem(struct check *check) {
    check->count++;
    if (!check->problems || check->count > SCHEMA_PROBLEMS_MAX) return NULL;
    buffer_add_format(check->problems, "%s: ", path_text(check));
    return check->problems;
}

static void problem_text(struct check *check, const char *text) {
    struct buffer *line = problem(check);
    if (line) buffer_add_format(line, "%s\n", text);
}

static void problem_limit(struct check *check, const char *text, double limit) {
    struct buffer *line = problem(check);
    if (line) buffer_add_format(line, "%s %.15g\n", text, limit);
}

static int bad_schema(struct check *check, const char *keyword, const char *why) {
    return error_set_kind(check->err, TEND_EINPUT, "value", "the schema for %s is wrong: %s %s",
                          path_text(check), keyword, why);
}

static size_t enter_key(struct check *check, struct bytes key) {
    size_t size = check->path.size;
    if (size) buffer_add_byte(&check->path, '.');
    buffer_add(&check->path, key.data, key.size);
    return size;
}

static size_t enter_index(struct check *check, size_t index) {
    size_t size = check->path.size;
    buffer_add_format(&check->path, "%s[%zu]", size ? "" : "answer", index);
    return size;
}

static void leave(struct check *check, size_t size) {
    if (check->path.is_failed) return;
    check->path.size = size;
    if (check->path.data) check->path.data[size] = '\0';
}

/* ---- equality: enum, const
 * ------------------------------------------------------------------------ */

static bool is_equal(const struct value *a, const struct value *b);

static bool lists_equal(const struct value *a, const struct value *b) {
    if (a->list.count != b->list.count) return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (!is_equal(&a->list.items[i], &b->list.items[i])) return false;
    return true;
}

static const struct value *member(const struct value *map, struct bytes key) {
    for (size_t i = 0; i < map->map.count; i++)
        if (bytes_equal(map->map.members[i].key, key)) return &map->map.members[i].value;
    return NULL;
}

static bool maps_equal(const struct value *a, const struct value *b) {
    if (a->map.count != b->map.count) return false;
    for (size_t i = 0; i < a->map.count; i++) {
        const struct value *other = member(b, a->map.members[i].key);
        if (!other || !is_equal(&a->map.members[i].value, other)) return false;
    }
    return true;
}

/* 1 and 1.0 are the same number to JSON Schema. */
static bool is_equal(const struct value *a, const struct value *b) {
    if (value_is_number(a) && value_is_number(b)) {
        if (a->kind == VALUE_INTEGER && b->kind == VALUE_INTEGER) return a->integer == b->integer;
        return value_number(a) == value_number(b);
    }
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case VALUE_BOOLEAN: return a->boolean == b->boolean;
    case VALUE_TEXT:
    case VALUE_SECRET: return bytes_equal(a->text, b->text);
    case VALUE_LIST: return lists_equal(a, b);
    case VALUE_MAP: return maps_equal(a, b);
    default: return true;
    }
}

static void add_choice(struct buffer *line, const struct value *choice) {
    if (choice->kind == VALUE_TEXT)
        buffer_add_format(line, "\"%.*s\"", (int)choice->text.size, choice->text.data);
    else if (choice->kind == VALUE_BOOLEAN)
        buffer_add_text(line, choice->boolean ? "true" : "false");
    else if (value_is_number(choice)) buffer_add_format(line, "%.15g", value_number(choice));
    else buffer_add_text(line, value_kind_name(choice->kind));
}

static int check_enum(struct check *check, const struct value *choices, const struct value *value) {
    if (choices->kind != VALUE_LIST) return bad_schema(check, "enum", "must be a list");
    for (size_t i = 0; i < choices->list.count; i++)
        if (is_equal(&choices->list.items[i], value)) return 0;
    struct buffer *line = problem(check);
    if (!line) return 0;
    buffer_add_text(line, "must be one of ");
    for (size_t i = 0; i < choices->list.count; i++) {
        if (i) buffer_add_text(line, ", ");
        add_choice(line, &choices->list.items[i]);
    }
    buffer_add_byte(line, '\n');
    return 0;
}

static int check_const(struct check *check, const struct value *only, const struct value *value) {
    if (is_equal(only, value)) return 0;
    struct buffer *line = problem(check);
    if (!line) return 0;
    buffer_add_text(line, "must be ");
    add_choice(line, only);
    buffer_add_byte(line, '\n');
    return 0;
}

/* ---- type
 * ----------------------------------------------------------------------------------------- */

static bool is_whole(const struct value *value) {
    if (value->kind == VALUE_INTEGER) return true;
    return value->kind == VALUE_DOUBLE && isfinite(value->number) &&
           value->number == floor(value->number);
}

/* An empty list and an empty map are told apart where the value came from JSON. */
static bool is_of_type(const struct value *value, struct bytes type) {
    if (bytes_are(type, "object")) return value->kind == VALUE_MAP;
    if (bytes_are(type, "array")) return value->kind == VALUE_LIST;
    if (bytes_are(type, "string")) return value->kind == VALUE_TEXT;
    if (bytes_are(type, "boolean")) return value->kind == VALUE_BOOLEAN;
    if (bytes_are(type, "number")) return value_is_number(value);
    if (bytes_are(type, "integer")) return is_whole(value);
    return value->kind == VALUE_NULL || value->kind == VALUE_NIL; /* "null" */
}

static bool is_type_name(struct bytes type) {
    static const char *const names[] = {"object", "array",   "string", "boolean",
                                        "number", "integer", "null"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bytes_are(type, names[i])) return true;
    return false;
}

static const char *json_name(const struct value *value) {
    switch (value->kind) {
    case VALUE_MAP: return "an object";
    case VALUE_LIST: return "a list";
    case VALUE_TEXT: return "a string";
    case VALUE_BOOLEAN: return "a boolean";
    case VALUE_INTEGER:
    case VALUE_DOUBLE: return "a number";
    default: return "null";
    }
}

static int check_type(struct check *check, const struct value *type, const struct value *value) {
    const struct value *types = type->kind == VALUE_LIST ? type->list.items : type;
    size_t count = type->kind == VALUE_LIST ? type->list.count : 1;
    for (size_t i = 0; i < count; i++) {
        if (types[i].kind != VALUE_TEXT || !is_type_name(types[i].text))
            return bad_schema(check, "type", "names no type of JSON");
        if (is_of_type(value, types[i].text)) return 0;
    }
    struct buffer *line = problem(check);
    if (!line) return 0;
    buffer_add_text(line, "must be ");
    for (size_t i = 0; i < count; i++)
        buffer_add_format(line, "%s%.*s", i ? " or " : "", (int)types[i].text.size,
                          types[i].text.data);
    buffer_add_format(line, ", is %s\n", json_name(value));
    return 0;
}

/* ---- limits
 * ---------------------------------------------------------------------------------------- */

static double characters(struct bytes text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; count++) {
        size_t length = text_utf8_length(text.data + i, text.size - i);
        i += length ? length : 1;
    }
    return (double)count;
}

struct limit {
    const char *keyword;
    enum value_kind kind; /* of the values that it speaks of; VALUE_DOUBLE: any number */
    bool is_least;
    const char *text;
};

static bool measure(const struct value *value, enum value_kind kind, double *size) {
    if (kind == VALUE_DOUBLE ? !value_is_number(value) : value->kind != kind) return false;
    *size = kind == VALUE_DOUBLE ? value_number(value)
            : kind == VALUE_TEXT ? characters(value->text)
                                 : (double)value->list.count;
    return true;
}

static int check_limits(struct check *check, const struct value *schema,
                        const struct value *value) {
    static const struct limit limits[] = {
        {"minimum", VALUE_DOUBLE, true, "must be at least"},
        {"maximum", VALUE_DOUBLE, false, "must be at most"},
        {"minLength", VALUE_TEXT, true, "too short: the least number of characters is"},
        {"maxLength", VALUE_TEXT, false, "too long: the greatest number of characters is"},
        {"minItems", VALUE_LIST, true, "too few items: the least number is"},
        {"maxItems", VALUE_LIST, false, "too many items: the greatest number is"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const struct value *bound = value_get(schema, limits[i].keyword);
        double size;
        if (!bound) continue;
        if (!value_is_number(bound)) return bad_schema(check, limits[i].keyword, "is no number");
        if (!measure(value, limits[i].kind, &size)) continue;
        double limit = value_number(bound);
        if (limits[i].is_least ? size < limit : size > limit)
            problem_limit(check, limits[i].text, limit);
    }
    return 0;
}

/* ---- objects and lists
 * ------------------------------------------------------------------------------ */

static int check_required(struct check *check, const struct value *required,
                          const struct value *value) {
    if (required->kind != VALUE_LIST) return bad_schema(check, "required", "must be a list");
    for (size_t i = 0; i < required->list.count; i++) {
        const struct value *name = &required->list.items[i];
        if (name->kind != VALUE_TEXT) return bad_schema(check, "required", "must list names");
        if (value->kind != VALUE_MAP || member(value, name->text)) continue;
        size_t size = enter_key(check, name->text);
        problem_text(check, "missing");
        leave(check, size);
    }
    return 0;
}

/* The schema that a member is to fit: its own, that for additional ones, or NULL. */
static const struct value *schema_of(const struct value *schema, struct bytes key) {
    const struct value *properties = value_get_map(schema, "properties");
    const struct value *own = properties ? member(properties, key) : NULL;
    return own ? own : value_get(schema, "additionalProperties");
}

static int check_members(struct check *check, const struct value *schema,
                         const struct value *value) {
    const struct value *properties = value_get(schema, "properties");
    if (properties && properties->kind != VALUE_MAP)
        return bad_schema(check, "properties", "must be an object");
    int status = 0;
    for (size_t i = 0; value->kind == VALUE_MAP && i < value->map.count && status == 0; i++) {
        const struct value_member *one = &value->map.members[i];
        const struct value *own = schema_of(schema, one->key);
        size_t size = enter_key(check, one->key);
        if (own) status = check_value(check, own, &one->value);
        leave(check, size);
    }
    return status;
}

static int check_items(struct check *check, const struct value *items, const struct value *value) {
    int status = 0;
    for (size_t i = 0; value->kind == VALUE_LIST && i < value->list.count && status == 0; i++) {
        size_t size = enter_index(check, i);
        status = check_value(check, items, &value->list.items[i]);
        leave(check, size);
    }
    return status;
}

/* ---- combinations
 * ------------------------------------------------------------------------------------ */

/* Whether it fits, without writing problems down. */
static int fits(struct check *check, const struct value *schema, const struct value *value,
                bool *ret) {
    struct buffer *problems = check->problems;
    size_t count = check->count;
    check->problems = NULL;
    int status = check_value(check, schema, value);
    *ret = check->count == count;
    check->count = count;
    check->problems = problems;
    return status;
}

static int count_fits(struct check *check, const char *keyword, const struct value *schemas,
                      const struct value *value, size_t *ret) {
    size_t count = 0;
    if (schemas->kind != VALUE_LIST || schemas->list.count == 0)
        return bad_schema(check, keyword, "must be a list of schemas");
    for (size_t i = 0; i < schemas->list.count; i++) {
        bool is_fit;
        int status = fits(check, &schemas->list.items[i], value, &is_fit);
        if (status) return status;
        count += is_fit;
    }
    *ret = count;
    return 0;
}

static int check_any(struct check *check, const struct value *schemas, const struct value *value) {
    size_t count = 0;
    if (schemas->kind == VALUE_LIST && schemas->list.count == 1) /* then its problems say more */
        return check_value(check, schemas->list.items, value);
    int status = count_fits(check, "anyOf", schemas, value, &count);
    if (status || count > 0) return status;
    problem_text(check, "fits none of the allowed forms (anyOf)");
    return 0;
}

static int check_one(struct check *check, const struct value *schemas, const struct value *value) {
    size_t count = 0;
    int status = count_fits(check, "oneOf", schemas, value, &count);
    if (status || count == 1) return status;
    problem_text(check, count ? "fits more than one of the allowed forms (oneOf)"
                              : "fits none of the allowed forms (oneOf)");
    return 0;
}

static int check_all(struct check *check, const struct value *schemas, const struct value *value) {
    if (schemas->kind != VALUE_LIST) return bad_schema(check, "allOf", "must be a list of schemas");
    int status = 0;
    for (size_t i = 0; i < schemas->list.count && status == 0; i++)
        status = check_value(check, &schemas->list.items[i], value);
    return status;
}

/* ---- the walk
 * ------------------------------------------------------------------------------------------ */

typedef int keyword_check(struct check *check, const struct value *argument,
                          const struct value *value);

static int check_keywords(struct check *check, const struct value *schema,
                          const struct value *value) {
    static const struct {
        const char *name;
        keyword_check *check;
    } keywords[] = {{"type", check_type},         {"enum", check_enum},   {"const", check_const},
                    {"required", check_required}, {"items", check_items}, {"anyOf", check_any},
                    {"oneOf", check_one},         {"allOf", check_all}};
    int status = 0;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords && status == 0; i++) {
        const struct value *argument = value_get(schema, keywords[i].name);
        if (argument) status = keywords[i].check(check, argument, value);
    }
    if (status == 0) status = check_limits(check, schema, value);
    if (status == 0) status = check_members(check, schema, value);
    return status;
}

static int check_value(struct check *check, const struct value *schema, const struct value *value) {
    if (schema->kind == VALUE_BOOLEAN) {
        if (!schema->boolean) problem_text(check, "must not be there");
        return 0;
    }
    if (schema->kind != VALUE_MAP) return bad_schema(check, "a schema", "must be an object");
    struct bytes reference = value_get_bytes(schema, "$ref");
    if (reference.size)
        return error_set_kind(
            check->err, TEND_EINPUT, "value",
            "the schema for %s uses $ref (%.*s), which isn't supported: write the "
            "schema out in its place",
            path_text(check), (int)reference.size, reference.data);
    if (check->depth >= DEPTH_MAX)
        return bad_schema(check, "it", "is nested deeper than 200 schemas");
    check->depth++;
    int status = check_keywords(check, schema, value);
    check->depth--;
    return status;
}

int schema_check(const struct value *schema, const struct value *value, struct buffer *problems,
                 bool *is_valid, struct error *err) {
    struct check check = {.problems = problems, .err = err};
    int status = check_value(&check, schema, value);
    if (status == 0) status = buffer_check(&check.path, err);
    if (status == 0) status = buffer_check(problems, err);
    if (status == 0) *is_valid = check.count == 0;
    buffer_done(&check.path);
    return status;
}
