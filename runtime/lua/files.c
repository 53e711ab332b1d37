/* io, os and collectgarbage inside a step: files are the outside world, so the first touch of an
 * attempt waits until the attempt's start is durable. Outside a step they raise and name step().
 * Only regular files and /dev/null are opened, for nothing else is sure to answer; what an attempt
 * leaves open is closed when it ends. Standard output belongs to the result: what is written there
 * goes to stderr. */
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const no_options[] = {NULL};
static const struct primitive touch = {"io", ASK_BARRIER, no_options, NULL};
static const char own_io[] = "tend.io";        /* Lua's own io */
static const char open_files[] = "tend.files"; /* branch -> list of files */

/* Calls the function (upvalue 1) with the arguments at hand. */
static int call_own(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int passed(lua_State *L, int status, lua_KContext context) {
    struct branch *branch = branch_of(L);
    (void)status, (void)context;
    if (branch->answer.kind == ANSWER_ERROR) { /* cancelled meanwhile */
        convert_push_error(L, branch->answer.value);
        return lua_error(L);
    }
    branch->is_touching = true;
    return call_own(L);
}

static void check_in_step(lua_State *L, const char *name) {
    char message[120];
    if (branch_of(L)->is_in_step) return;
    snprintf(message, sizeof message, "%s works only inside step()", name);
    convert_raise(L, "error", false, message);
}

/* Upvalues: the function, its name. */
static int call(lua_State *L) {
    struct branch *branch = branch_of(L);
    check_in_step(L, lua_tostring(L, lua_upvalueindex(2)));
    if (branch->is_touching) return call_own(L);
    if (!primitive_can_yield(L))
        return convert_raise(L, "error", false,
                             "a file can't be touched first in a function called from C; open it "
                             "before");
    buffer_clear(&branch->ask.options);
    branch->ask.kind = ASK_BARRIER;
    return branch_yield(L, (lua_KContext)&touch, passed);
}

/* ---- what is opened ---- */

/* Calls Lua's io.NAME with what lies above `base`. [-n, +results, e] */
static void call_io(lua_State *L, const char *name, int base, int results) {
    lua_getfield(L, LUA_REGISTRYINDEX, own_io);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_insert(L, base + 1);
    lua_call(L, lua_gettop(L) - base - 1, results);
}

static bool may_open(const char *path) {
    struct stat is;
    if (stat(path, &is)) return true; /* a new file; or opening it says what is wrong */
    bool is_null = S_ISCHR(is.st_mode) && is.st_rdev == makedev(1, 3);
    return S_ISREG(is.st_mode) || is_null;
}

static int refuse_file(lua_State *L, const char *path) {
    lua_pushfstring(L, "%s: io opens regular files and /dev/null only", path);
    return convert_raise(L, "error", false, lua_tostring(L, -1));
}

/* Notes the file at `index`, if it is one, to be closed when the attempt ends. [-0, +0, m] */
static void keep(lua_State *L, int index) {
    if (!luaL_testudata(L, index, LUA_FILEHANDLE)) return;
    index = lua_absindex(L, index);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, open_files);
    if (lua_rawgetp(L, -1, branch_of(L)) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, -3, branch_of(L));
    }
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
}

static bool is_open(lua_State *L, int index) {
    luaL_Stream *stream = luaL_testudata(L, index, LUA_FILEHANDLE);
    return stream && stream->closef;
}

static int open_file(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    if (!may_open(path)) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: io opens regular files and /dev/null only", path);
        lua_pushinteger(L, EPERM);
        return 3;
    }
    call_io(L, "open", 0, LUA_MULTRET);
    keep(L, 1);
    return lua_gettop(L);
}

static int open_temporary(lua_State *L) {
    call_io(L, "tmpfile", 0, LUA_MULTRET);
    keep(L, 1);
    return lua_gettop(L);
}

/* Where nobody has chosen an input it is empty: standard input isn't the script's. */
static void have_input(lua_State *L) {
    int top = lua_gettop(L);
    call_io(L, "input", top, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, own_io);
    lua_getfield(L, -1, "stdin");
    bool is_chosen = is_open(L, top + 1) && !lua_rawequal(L, top + 1, -1);
    lua_settop(L, top);
    if (is_chosen) return;
    lua_pushliteral(L, "/dev/null");
    call_io(L, "input", top, 1);
    keep(L, -1);
    lua_settop(L, top);
}

static int read_input(lua_State *L) {
    have_input(L);
    call_io(L, "read", 0, LUA_MULTRET);
    return lua_gettop(L);
}

/* io.lines: the file is the fourth result; without a name the input is read. */
static int read_lines(lua_State *L) {
    if (lua_isnoneornil(L, 1)) have_input(L);
    else if (!may_open(luaL_checkstring(L, 1))) return refuse_file(L, lua_tostring(L, 1));
    call_io(L, "lines", 0, LUA_MULTRET);
    if (lua_gettop(L) >= 4) keep(L, 4);
    return lua_gettop(L);
}

/* io.input and io.output: the file in use, or another one, by name or as it is. */
static int choose(lua_State *L, const char *name) {
    bool is_name = lua_type(L, 1) == LUA_TSTRING;
    if (is_name && !may_open(lua_tostring(L, 1))) return refuse_file(L, lua_tostring(L, 1));
    call_io(L, name, 0, 1);
    if (is_name) keep(L, 1);
    return 1;
}

static int choose_input(lua_State *L) {
    if (lua_isnoneornil(L, 1)) have_input(L);
    return choose(L, "input");
}

static int choose_output(lua_State *L) { return choose(L, "output"); }

/* io.stdin, io.stdout, io.stderr. [1] io, [2] the name. */
static int standard_file(lua_State *L) {
    if (strcmp(lua_tostring(L, 2), "stdin") == 0) {
        lua_settop(L, 0);
        return choose_input(L);
    }
    lua_getfield(L, LUA_REGISTRYINDEX, own_io);
    lua_getfield(L, -1, "stderr");
    return 1;
}

static int index_io(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    bool is_standard =
        strcmp(name, "stdin") == 0 || strcmp(name, "stdout") == 0 || strcmp(name, "stderr") == 0;
    return is_standard ? call(L) : 0;
}

/* ---- the end of an attempt ---- */

static void set_output(lua_State *L) {
    int top = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, own_io);
    lua_getfield(L, -1, "stderr");
    lua_remove(L, -2);
    call_io(L, "output", top, 0);
}

/* Closes the file at the top; an error that this gives stays in its place. [-1, +1, e] */
static bool close_file(lua_State *L) {
    if (!is_open(L, -1)) return true;
    lua_getfield(L, -1, "close");
    lua_insert(L, -2);
    lua_call(L, 1, 2);
    if (lua_toboolean(L, -2)) {
        lua_pop(L, 1);
        return true;
    }
    const char *why = lua_tostring(L, -1);
    lua_pushfstring(L, "a file that the step left open could not be written: %s", why ? why : "?");
    lua_replace(L, -3);
    lua_pop(L, 1);
    return false;
}

bool files_close(lua_State *L) {
    int top = lua_gettop(L), failed = 0;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, open_files);
    if (lua_rawgetp(L, -1, branch_of(L)) != LUA_TTABLE) {
        lua_settop(L, top);
        return true;
    }
    lua_pushnil(L);
    lua_rawsetp(L, -3, branch_of(L));
    int list = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) != LUA_TNIL; i++) {
        if (!close_file(L) && !failed) failed = lua_gettop(L); /* the first one is told */
        else lua_pop(L, 1);
    }
    lua_pop(L, 1);
    call_io(L, "output", lua_gettop(L), 1);
    if (!is_open(L, -1)) set_output(L);
    if (failed) lua_pushvalue(L, failed);
    lua_insert(L, top + 1);
    lua_settop(L, top + (failed != 0));
    return !failed;
}

static int show_file(lua_State *L) {
    lua_pushstring(L, is_open(L, 1) ? "file" : "file (closed)"); /* no address */
    return 1;
}

/* ---- the libraries ---- */

static int call_collect(lua_State *L) {
    static const char *const options[] = {"collect", "count", NULL};
    check_in_step(L, "collectgarbage");
    if (luaL_checkoption(L, 1, "collect", options) == 0)
        lua_pushinteger(L, lua_gc(L, LUA_GCCOLLECT, 0));
    else lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT, 0) + lua_gc(L, LUA_GCCOUNTB, 0) / 1024.0);
    return 1;
}

static int refuse(lua_State *L) {
    char message[160];
    snprintf(message, sizeof message, "%s doesn't exist in a workflow%s",
             lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, lua_upvalueindex(2)));
    return convert_raise(L, "error", false, message);
}

/* Adds LIBRARY.name of Lua, guarded, to the table at the top. [-0, +0, m] */
static void guard(lua_State *L, const char *library, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, library);
    lua_getfield(L, -1, name);
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushcclosure(L, call, 2);
    lua_setfield(L, -4, name);
    lua_pop(L, 2);
}

static void forbid(lua_State *L, const char *library, const char *name, const char *instead) {
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushstring(L, instead);
    lua_pushcclosure(L, refuse, 2);
    lua_setfield(L, -2, name);
}

/* Adds the function, guarded, to the table at the top. [-0, +0, m] */
static void add(lua_State *L, const char *name, lua_CFunction function) {
    lua_pushcfunction(L, function);
    lua_pushfstring(L, "io.%s", name);
    lua_pushcclosure(L, call, 2);
    lua_setfield(L, -2, name);
}

static void open_io(lua_State *L) {
    static const char *const plain[] = {"type", "close", "write"};
    static const luaL_Reg own[] = {
        {"open", open_file},  {"tmpfile", open_temporary}, {"lines", read_lines},
        {"read", read_input}, {"input", choose_input},     {"output", choose_output},
        {NULL, NULL}};
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "io");
    lua_setfield(L, LUA_REGISTRYINDEX, own_io);
    lua_pop(L, 1);
    set_output(L);
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_pushcfunction(L, show_file);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) guard(L, "io", plain[i]);
    for (const luaL_Reg *function = own; function->name; function++)
        add(L, function->name, function->func);
    forbid(L, "io", "popen", ": use exec{…}");
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, standard_file);
    lua_pushliteral(L, "a standard file");
    lua_pushcclosure(L, index_io, 2);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "io");
}

void files_open(lua_State *L) {
    static const char *const os[] = {"clock", "getenv", "remove", "rename", "tmpname"};
    open_io(L);
    lua_register(L, "collectgarbage", call_collect);
    lua_getglobal(L, "os");
    for (size_t i = 0; i < sizeof os / sizeof *os; i++) guard(L, "os", os[i]);
    forbid(L, "os", "execute", ": use exec{…}");
    forbid(L, "os", "exit", "");
    forbid(L, "os", "setlocale", "");
    lua_pop(L, 1);
}
