/* string.find, match, gmatch, gsub and rep: ours, because Lua's own may loop in C for longer than
 * anybody wants to wait, and no hook fires there; these look at the ending. The rest of the library
 * is Lua's own: its time is bounded by the memory cap. */
#include <lauxlib.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/pattern.h"

enum { ITEMS_AT_HAND = 64 };

/* A pattern ready to match; the items of a long one are a userdata on the stack. */
struct prepared {
    struct pattern pattern;
    struct pattern_match match;
};

static struct bytes check_bytes(lua_State *L, int index) {
    struct bytes bytes;
    bytes.data = luaL_checklstring(L, index, &bytes.size);
    return bytes;
}

static void prepare(lua_State *L, struct prepared *ret, struct bytes subject) {
    ret->match = (struct pattern_match){.pattern = &ret->pattern,
                                        .subject = subject.data,
                                        .end = subject.data + subject.size,
                                        .stop = guard_ending(L)};
}

/* [-0, +1, m]: the userdata, or nil where `at_hand` is room enough. */
static struct pattern_item *push_items(lua_State *L, struct bytes text, void *at_hand) {
    size_t count = pattern_items(text);
    if (count > ITEMS_AT_HAND) return lua_newuserdatauv(L, count * PATTERN_ITEM_BYTES, 0);
    lua_pushnil(L);
    return at_hand;
}

static void raise_error(lua_State *L, const struct pattern_match *match) {
    if (match->error == PATTERN_STOPPED) guard_raise(L);
    if (match->error) luaL_error(L, "%s", match->error);
}

/* ---- captures ---- */

/* Pushes capture `index`, from 0; without any, the first is the whole match. [-0, +1, e] */
static void push_capture(lua_State *L, const struct pattern_match *match, int index,
                         const char *start, const char *end) {
    if (index >= match->captures) {
        if (index > 0) luaL_error(L, "invalid capture index %%%d", index + 1);
        lua_pushlstring(L, start, (size_t)(end - start));
        return;
    }
    const struct pattern_capture *capture = &match->capture[index];
    if (capture->size == CAPTURE_OPEN) luaL_error(L, "unfinished capture");
    if (capture->size == CAPTURE_POSITION) lua_pushinteger(L, capture->start - match->subject + 1);
    else lua_pushlstring(L, capture->start, (size_t)capture->size);
}

static int push_captures(lua_State *L, const struct pattern_match *match, const char *start,
                         const char *end, bool has_whole) {
    int count = match->captures == 0 && has_whole ? 1 : match->captures;
    luaL_checkstack(L, count, "too many captures");
    for (int i = 0; i < count; i++) push_capture(L, match, i, start, end);
    return count;
}

/* ---- find and match ---- */

/* The byte at which a search begins, from 0; more than the size where it is behind the end. */
static size_t check_start(lua_State *L, int index, size_t size) {
    lua_Integer start = luaL_optinteger(L, index, 1);
    if (start > 0) return (size_t)start - 1;
    if (start == 0 || start < -(lua_Integer)size) return 0;
    return size - (size_t)-start;
}

static bool is_plain(struct bytes pattern) {
    static const char special[] = "^$*+?.([%-";
    for (size_t i = 0; i < pattern.size; i++)
        if (pattern.data[i] && strchr(special, pattern.data[i])) return false;
    return true;
}

static int find_plain(lua_State *L, struct bytes subject, size_t start, struct bytes wanted) {
    const char *at = subject.data + start;
    if (wanted.size) at = memmem(at, subject.size - start, wanted.data, wanted.size);
    if (!at) return lua_pushnil(L), 1;
    lua_pushinteger(L, at - subject.data + 1);
    lua_pushinteger(L, at - subject.data + (lua_Integer)wanted.size);
    return 2;
}

static int search(lua_State *L, bool is_find) {
    struct bytes subject = check_bytes(L, 1), text = check_bytes(L, 2);
    size_t start = check_start(L, 3, subject.size);
    if (start > subject.size) return lua_pushnil(L), 1;
    if (is_find && (lua_toboolean(L, 4) || is_plain(text)))
        return find_plain(L, subject, start, text);
    struct prepared prepared;
    _Alignas(16) char at_hand[ITEMS_AT_HAND * PATTERN_ITEM_BYTES];
    const char *end, *at;
    struct pattern_item *items = push_items(L, text, at_hand);
    pattern_compile(text, true, items, &prepared.pattern);
    prepare(L, &prepared, subject);
    at = pattern_search(&prepared.match, subject.data + start, &end);
    raise_error(L, &prepared.match);
    if (!at) return lua_pushnil(L), 1;
    if (!is_find) return push_captures(L, &prepared.match, at, end, true);
    lua_pushinteger(L, at - subject.data + 1);
    lua_pushinteger(L, end - subject.data);
    return 2 + push_captures(L, &prepared.match, at, end, false);
}

static int call_find(lua_State *L) { return search(L, true); }
static int call_match(lua_State *L) { return search(L, false); }

/* ---- gmatch: the state is a userdata with the items behind it ---- */

struct iteration {
    struct prepared prepared;
    const char *at;   /* where to go on */
    const char *last; /* the end of the match before: an empty one there would be found for ever */
};

/* Upvalues: subject, pattern, struct iteration. */
static int next_match(lua_State *L) {
    struct iteration *iteration = lua_touserdata(L, lua_upvalueindex(3));
    struct pattern_match *match = &iteration->prepared.match;
    const char *end;
    while (iteration->at <= match->end) {
        const char *at = pattern_search(match, iteration->at, &end);
        raise_error(L, match);
        iteration->at = at ? at + 1 : match->end + 1;
        if (!at || end == iteration->last) continue;
        iteration->at = iteration->last = end;
        return push_captures(L, match, at, end, true);
    }
    return 0;
}

static int call_gmatch(lua_State *L) {
    struct bytes subject = check_bytes(L, 1), text = check_bytes(L, 2);
    size_t start = check_start(L, 3, subject.size);
    lua_settop(L, 2);
    size_t items = pattern_items(text) * PATTERN_ITEM_BYTES;
    struct iteration *iteration = lua_newuserdatauv(L, sizeof *iteration + items, 0);
    pattern_compile(text, false, (struct pattern_item *)(iteration + 1),
                    &iteration->prepared.pattern);
    prepare(L, &iteration->prepared, subject);
    iteration->at = start > subject.size ? iteration->prepared.match.end + 1 : subject.data + start;
    iteration->last = NULL;
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* ---- gsub ---- */

struct substitution {
    lua_State *L;
    const struct pattern_match *match;
    luaL_Buffer *out;
    int type; /* of the replacement, which is at [3] */
};

/* Adds the replacement text with its %0 to %9. */
static void add_text(const struct substitution *s, const char *start, const char *end) {
    size_t size;
    const char *text = lua_tolstring(s->L, 3, &size), *stop = text + size, *mark;
    while ((mark = memchr(text, '%', (size_t)(stop - text)))) {
        luaL_addlstring(s->out, text, (size_t)(mark - text));
        char c = mark + 1 < stop ? mark[1] : '\0';
        text = mark + 2;
        if (c == '%') {
            luaL_addchar(s->out, '%');
        } else if (c == '0') {
            luaL_addlstring(s->out, start, (size_t)(end - start));
        } else if (c >= '1' && c <= '9') {
            push_capture(s->L, s->match, c - '1', start, end);
            luaL_tolstring(s->L, -1, NULL); /* a position is a number */
            lua_remove(s->L, -2);
            luaL_addvalue(s->out);
        } else {
            luaL_error(s->L, "invalid use of '%%' in replacement string");
        }
    }
    luaL_addlstring(s->out, text, (size_t)(stop - text));
}

/* Adds what the table or function at [3] makes of the match; nil and false leave it as it was. */
static void add_value(const struct substitution *s, const char *start, const char *end) {
    lua_State *L = s->L;
    if (s->type == LUA_TTABLE) {
        push_capture(L, s->match, 0, start, end);
        lua_gettable(L, 3);
    } else {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, s->match, start, end, true), 1);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(s->out, start, (size_t)(end - start));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    } else {
        luaL_addvalue(s->out);
    }
}

/* How many were replaced. */
static lua_Integer substitute(const struct substitution *s, struct pattern_match *match,
                              lua_Integer most) {
    const char *at = match->subject, *last = NULL;
    lua_Integer count = 0;
    bool is_anchored = match->pattern->is_anchored;
    while (count < most) {
        const char *end = pattern_match_at(match, at);
        raise_error(s->L, match);
        if (end && end != last) {
            count++;
            if (s->type == LUA_TSTRING || s->type == LUA_TNUMBER) add_text(s, at, end);
            else add_value(s, at, end);
            at = last = end;
        } else if (at < match->end) {
            luaL_addchar(s->out, *at++);
        } else {
            break;
        }
        if (is_anchored) break;
    }
    luaL_addlstring(s->out, at, (size_t)(match->end - at));
    return count;
}

static int call_gsub(lua_State *L) {
    struct bytes subject = check_bytes(L, 1), text = check_bytes(L, 2);
    int type = lua_type(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)subject.size + 1);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    if (type == LUA_TNUMBER) luaL_tolstring(L, 3, NULL), lua_replace(L, 3);
    lua_settop(L, 3);
    guard_room(L, subject.size * 2);
    struct prepared prepared;
    luaL_Buffer out;
    _Alignas(16) char at_hand[ITEMS_AT_HAND * PATTERN_ITEM_BYTES];
    struct pattern_item *items = push_items(L, text, at_hand);
    pattern_compile(text, true, items, &prepared.pattern);
    prepare(L, &prepared, subject);
    luaL_buffinit(L, &out);
    struct substitution s = {L, &prepared.match, &out, type};
    lua_Integer count = substitute(&s, &prepared.match, most);
    luaL_pushresult(&out);
    lua_pushinteger(L, count);
    return 2;
}

/* ---- rep ---- */

static int call_rep(lua_State *L) {
    struct bytes text = check_bytes(L, 1), between;
    lua_Integer count = luaL_checkinteger(L, 2);
    between.data = luaL_optlstring(L, 3, "", &between.size);
    size_t each = text.size + between.size;
    if (count <= 0 || each == 0) return lua_pushliteral(L, ""), 1;
    if (each > (size_t)LUA_MAXINTEGER / (size_t)count)
        return luaL_error(L, "resulting string too large");
    size_t size = each * (size_t)count - between.size;
    guard_room(L, size <= SIZE_MAX / 2 ? size * 2 : size);
    luaL_Buffer out;
    char *start = luaL_buffinitsize(L, &out, size);
    memcpy(start, text.data, text.size);
    if (count > 1) memcpy(start + text.size, between.data, between.size);
    for (size_t done = each, part; done < size; done += part) { /* what is there, again */
        part = done < size - done ? done : size - done;
        memcpy(start + done, start, part);
    }
    luaL_pushresultsize(&out, size);
    return 1;
}

/* [-0, +0, m]: into the table that is the metatable of all texts, too. */
void string_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"find", call_find},     {"match", call_match},
                                         {"gmatch", call_gmatch}, {"gsub", call_gsub},
                                         {"rep", call_rep},       {NULL, NULL}};
    lua_getglobal(L, "string");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
