/* Lua values to packed values and back: how a value crosses the journal (SEMANTICS 10).
 * Lists are tables with keys 1..n, maps have string keys; anything else is an error that names the
 * path: `result.items[3].done is a function`. Private to lua/. */
#ifndef TEND_LUA_CONVERT_H
#define TEND_LUA_CONVERT_H

#include <lua.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

/* Names of metatables in the registry. */
#define CONVERT_LIST "tend.list"         /* marks a list, also an empty one */
#define CONVERT_ERROR "tend.error"       /* an error table, with a readable tostring */
#define CONVERT_SECRET "tend.secret"     /* a userdata: a secret's name */
#define CONVERT_SETTINGS "tend.settings" /* a read-only view */
#define CONVERT_RESPONSE "tend.response" /* an http result, with json on demand */

/* Appends the packed form of the value at `index`. `what` begins the path in messages. kind
 * "value", TEND_EINPUT. Needs a few stack slots; raises only for want of memory. [-0, +0, m] */
int convert_pack(lua_State *L, int index, const char *what, bool may_hold_secrets,
                 struct buffer *out, struct error *err);
/* Pushes a packed value. It must be well formed. [-0, +1, m] */
void convert_push(lua_State *L, struct bytes packed);
/* Pushes the value that stands for JSON's null. [-0, +1, -] */
void convert_push_null(lua_State *L);
/* Makes the metatables; once a state. [-0, +0, m] */
void convert_open(lua_State *L);

/* Appends the packed form of an error value: a table {message, kind, …}, see SEMANTICS 10. */
void convert_pack_error(lua_State *L, int index, struct buffer *out);
/* Pushes an error table made of a packed error. [-0, +1, m] */
void convert_push_error(lua_State *L, struct bytes packed);
/* Raises {message, kind}. Never returns. The caller's file:line comes in front. */
int convert_raise(lua_State *L, const char *kind, bool is_retryable, const char *message);

#endif
