/* Packed values and trees; see value.h.
 *
 * Reading goes over the bytes twice. The first pass (value_size) walks headers with a counter per
 * level and no memory, so that a claimed count is believed only once all its elements were seen:
 * nested headers that each claim the rest of the input can't ask for gigabytes. The second pass
 * builds the tree from bytes that are known to be well formed.
 *
 * A tree's lists and maps stand in a chain of blocks; texts point into the packed bytes. */
#include "base/value.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "base/memory.h"

/* ---- one header -------------------------------------------------------------------------- */

/* What the first bytes of a value say. `value` is complete for a scalar; `count` is the number of
 * items or members that follow for a list or a map. */
struct head {
    struct value value;
    size_t count;
    size_t size_bytes; /* header, and data of a scalar */
    bool is_bin;       /* bin instead of str: fine for a value, not for a key */
};

static uint64_t big_endian(const unsigned char *at, size_t size_bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < size_bytes; i++) number = number << 8 | at[i];
    return number;
}

static double float_of(uint64_t bits) {
    uint32_t narrow = (uint32_t)bits;
    float number;
    memcpy(&number, &narrow, sizeof number);
    return (double)number;
}

static double double_of(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static struct value integer_value(int64_t integer) {
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static struct value double_value(double number) {
    return (struct value){.kind = VALUE_DOUBLE, .number = number};
}

static struct value unsigned_value(uint64_t number) {
    return number > INT64_MAX ? double_value((double)number) : integer_value((int64_t)number);
}

static int64_t signed_of(uint64_t bits, size_t size_bytes) {
    unsigned shift = 64 - 8 * (unsigned)size_bytes;
    return (int64_t)(bits << shift) >> shift;
}

/* Data of `size` bytes behind a header of `header` bytes. */
static bool head_text(struct bytes in, size_t header, uint64_t size, struct head *ret) {
    if (header > in.size || size > in.size - header) return false;
    ret->value.kind = VALUE_TEXT;
    ret->value.text = (struct bytes){in.data + header, (size_t)size};
    ret->size_bytes = header + (size_t)size;
    return true;
}

/* `header` counts everything before the data, the type byte too. */
static bool head_ext(struct bytes in, size_t header, uint64_t size, struct head *ret) {
    if (!head_text(in, header, size, ret)) return false;
    int type = (unsigned char)in.data[header - 1];
    if (type == VALUE_EXT_SECRET) {
        ret->value.kind = VALUE_SECRET;
        return true;
    }
    ret->value.kind = VALUE_NULL;
    return type == VALUE_EXT_NULL && size == 1 && in.data[header] == 0;
}

/* An element takes at least one byte, a member two. */
static bool head_container(struct bytes in, enum value_kind kind, size_t header, uint64_t count,
                           struct head *ret) {
    size_t least = kind == VALUE_MAP ? 2 : 1;
    if (header > in.size || count > (in.size - header) / least) return false;
    ret->value.kind = kind;
    ret->count = (size_t)count;
    ret->size_bytes = header;
    return true;
}

static bool head_scalar(unsigned byte, uint64_t bits, size_t width, struct head *ret) {
    ret->size_bytes = 1 + width;
    switch (byte) {
    case 0xc0: ret->value.kind = VALUE_NIL; return true;
    case 0xc2:
    case 0xc3: ret->value = (struct value){.kind = VALUE_BOOLEAN, .boolean = byte & 1}; return true;
    case 0xca: ret->value = double_value(float_of(bits)); return true;
    case 0xcb: ret->value = double_value(double_of(bits)); return true;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: ret->value = unsigned_value(bits); return true;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: ret->value = integer_value(signed_of(bits, width)); return true;
    default: return false;
    }
}

/* Bytes of number behind the first byte, for 0xc0 to 0xdf. */
static size_t head_width(unsigned byte) {
    static const unsigned char width[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
                                            1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
    return width[byte - 0xc0];
}

static bool head_long(struct bytes in, unsigned byte, struct head *ret) {
    size_t width = head_width(byte);
    if (in.size < 1 + width) return false;
    uint64_t number = big_endian((const unsigned char *)in.data + 1, width);
    switch (byte) {
    case 0xc4:
    case 0xc5:
    case 0xc6: ret->is_bin = true; return head_text(in, 1 + width, number, ret);
    case 0xc7:
    case 0xc8:
    case 0xc9: return head_ext(in, 2 + width, number, ret);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8: return head_ext(in, 2, 1u << (byte - 0xd4), ret);
    case 0xd9:
    case 0xda:
    case 0xdb: return head_text(in, 1 + width, number, ret);
    case 0xdc:
    case 0xdd: return head_container(in, VALUE_LIST, 1 + width, number, ret);
    case 0xde:
    case 0xdf: return head_container(in, VALUE_MAP, 1 + width, number, ret);
    default: return head_scalar(byte, number, width, ret);
    }
}

/* False: cut short, or not one of our forms. */
static bool head_read(struct bytes in, struct head *ret) {
    if (in.size == 0) return false;
    unsigned byte = (unsigned char)in.data[0];
    *ret = (struct head){.size_bytes = 1};
    if (byte <= 0x7f) return ret->value = integer_value(byte), true;
    if (byte >= 0xe0) return ret->value = integer_value((int)byte - 256), true;
    if (byte <= 0x8f) return head_container(in, VALUE_MAP, 1, byte & 0x0f, ret);
    if (byte <= 0x9f) return head_container(in, VALUE_LIST, 1, byte & 0x0f, ret);
    if (byte <= 0xbf) return head_text(in, 1, byte & 0x1f, ret);
    return head_long(in, byte, ret);
}

static bool is_key(const struct head *head) {
    return head->value.kind == VALUE_TEXT && !head->is_bin;
}

static struct bytes rest_of(struct bytes in, size_t used) {
    return (struct bytes){in.data + used, in.size - used};
}

/* ---- first pass -------------------------------------------------------------------------- */

/* One open container of the walk. A map has twice as many elements as members. */
struct level {
    size_t left;
    bool is_map;
};

struct walk {
    struct level levels[VALUE_DEPTH_PACKED];
    size_t depth;
};

static bool walk_expects_key(const struct walk *walk) {
    if (walk->depth == 0) return false;
    const struct level *level = &walk->levels[walk->depth - 1];
    return level->is_map && level->left % 2 == 0;
}

static bool walk_open(struct walk *walk, const struct head *head) {
    if (walk->depth == VALUE_DEPTH_PACKED) return false;
    bool is_map = head->value.kind == VALUE_MAP;
    walk->levels[walk->depth++] = (struct level){is_map ? head->count * 2 : head->count, is_map};
    return true;
}

/* An element of the innermost container is over; so is each container that it completes. */
static void walk_close(struct walk *walk) {
    while (walk->depth && walk->levels[walk->depth - 1].left == 0) walk->depth--;
}

size_t value_size(struct bytes packed) {
    struct walk walk;
    walk.depth = 0;
    size_t used = 0;
    do {
        struct head head;
        if (!head_read(rest_of(packed, used), &head)) return 0;
        if (walk_expects_key(&walk) && !is_key(&head)) return 0;
        if (walk.depth) walk.levels[walk.depth - 1].left--;
        bool is_container = head.value.kind == VALUE_LIST || head.value.kind == VALUE_MAP;
        if (is_container && !walk_open(&walk, &head)) return 0;
        used += head.size_bytes;
        walk_close(&walk);
    } while (walk.depth);
    return used;
}

/* ---- second pass ------------------------------------------------------------------------- */

struct block {
    struct block *next;
    size_t used, capacity; /* of the bytes after the header */
    alignas(max_align_t) char data[];
};

struct builder {
    struct block *blocks;
    size_t block_bytes; /* of the next ordinary block */
    struct bytes rest;
};

enum { BLOCK_LEAST = 256, BLOCK_MOST = 65536 };

static void *builder_take(struct builder *builder, size_t size_bytes) {
    struct block *block = builder->blocks;
    if (!block || block->capacity - block->used < size_bytes) {
        size_t capacity = size_bytes > builder->block_bytes ? size_bytes : builder->block_bytes;
        block = memory_new(sizeof *block + capacity);
        if (!block) return NULL;
        block->next = builder->blocks;
        block->capacity = capacity;
        builder->blocks = block;
        if (builder->block_bytes < BLOCK_MOST) builder->block_bytes *= 2;
    }
    void *place = block->data + block->used;
    block->used += size_bytes;
    return place;
}

static void blocks_free(struct block *block) {
    while (block) {
        struct block *next = block->next;
        memory_free(block);
        block = next;
    }
}

static int build(struct builder *builder, struct value *ret);

static int build_list(struct builder *builder, size_t count, struct value *ret) {
    struct value *items = builder_take(builder, count * sizeof *items);
    if (!items) return TEND_ENOMEM;
    ret->list.items = items;
    ret->list.count = count;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) status = build(builder, &items[i]);
    return status;
}

static int build_map(struct builder *builder, size_t count, struct value *ret) {
    struct value_member *members = builder_take(builder, count * sizeof *members);
    if (!members) return TEND_ENOMEM;
    ret->map.members = members;
    ret->map.count = count;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        struct value key;
        status = build(builder, &key);
        if (status == 0) members[i].key = key.text;
        if (status == 0) status = build(builder, &members[i].value);
    }
    return status;
}

/* The first pass bounds the depth of this recursion. */
static int build(struct builder *builder, struct value *ret) {
    struct head head;
    if (!head_read(builder->rest, &head)) return TEND_EFORMAT;
    builder->rest = rest_of(builder->rest, head.size_bytes);
    *ret = head.value;
    if (ret->kind == VALUE_LIST) return build_list(builder, head.count, ret);
    if (ret->kind == VALUE_MAP) return build_map(builder, head.count, ret);
    return 0;
}

static size_t first_block_bytes(size_t packed_bytes) {
    if (packed_bytes < BLOCK_LEAST / 4) return BLOCK_LEAST;
    return packed_bytes > BLOCK_MOST / 4 ? BLOCK_MOST : packed_bytes * 4;
}

int value_read(struct bytes packed, struct value_tree *ret, struct error *err) {
    size_t size = value_size(packed);
    if (size == 0)
        return error_set(err, TEND_EFORMAT,
                         "a packed value of %zu bytes is cut short, malformed or nested deeper "
                         "than %d",
                         packed.size, (int)VALUE_DEPTH_PACKED);
    if (size != packed.size)
        return error_set(err, TEND_EFORMAT, "%zu bytes follow a packed value of %zu",
                         packed.size - size, size);
    struct builder builder = {NULL, first_block_bytes(size), packed};
    struct value root;
    if (build(&builder, &root) != 0) {
        blocks_free(builder.blocks);
        return error_no_memory(err);
    }
    ret->root = root;
    ret->memory = builder.blocks;
    return 0;
}

void value_tree_done(struct value_tree *tree) {
    if (!tree) return;
    blocks_free(tree->memory);
    *tree = (struct value_tree){.root = {.kind = VALUE_NIL}};
}

/* ---- looking ----------------------------------------------------------------------------- */

const struct value *value_get(const struct value *map, const char *key) {
    if (!map || map->kind != VALUE_MAP) return NULL;
    for (size_t i = map->map.count; i > 0; i--) {
        const struct value_member *member = &map->map.members[i - 1];
        if (bytes_are(member->key, key))
            return member->value.kind == VALUE_NIL ? NULL : &member->value;
    }
    return NULL;
}

static const struct value *get_kind(const struct value *map, const char *key,
                                    enum value_kind kind) {
    const struct value *value = value_get(map, key);
    return value && value->kind == kind ? value : NULL;
}

struct bytes value_get_bytes(const struct value *map, const char *key) {
    const struct value *value = get_kind(map, key, VALUE_TEXT);
    return value ? value->text : bytes_of(NULL);
}

const struct value *value_get_map(const struct value *map, const char *key) {
    return get_kind(map, key, VALUE_MAP);
}

const struct value *value_get_list(const struct value *map, const char *key) {
    return get_kind(map, key, VALUE_LIST);
}

double value_get_number(const struct value *map, const char *key, double otherwise) {
    const struct value *value = value_get(map, key);
    return value_is_number(value) ? value_number(value) : otherwise;
}

/* 2^63 is the first double that is too large. */
static bool is_whole(double number) {
    return number >= -0x1p63 && number < 0x1p63 && floor(number) == number;
}

int64_t value_get_integer(const struct value *map, const char *key, int64_t otherwise) {
    const struct value *value = value_get(map, key);
    if (!value_is_number(value)) return otherwise;
    if (value->kind == VALUE_INTEGER) return value->integer;
    return is_whole(value->number) ? (int64_t)value->number : otherwise;
}

bool value_get_boolean(const struct value *map, const char *key, bool otherwise) {
    const struct value *value = get_kind(map, key, VALUE_BOOLEAN);
    return value ? value->boolean : otherwise;
}

bool value_is_number(const struct value *value) {
    return value && (value->kind == VALUE_INTEGER || value->kind == VALUE_DOUBLE);
}

double value_number(const struct value *value) {
    if (!value_is_number(value)) return 0;
    return value->kind == VALUE_INTEGER ? (double)value->integer : value->number;
}

char *value_copy_text(const struct value *value) {
    if (!value || value->kind != VALUE_TEXT) return NULL;
    return memory_copy(value->text.data, value->text.size);
}

const char *value_kind_name(enum value_kind kind) {
    switch (kind) {
    case VALUE_NIL: return "nil";
    case VALUE_NULL: return "null";
    case VALUE_BOOLEAN: return "boolean";
    case VALUE_INTEGER: return "integer";
    case VALUE_DOUBLE: return "double";
    case VALUE_TEXT: return "text";
    case VALUE_LIST: return "list";
    case VALUE_MAP: return "map";
    case VALUE_SECRET: return "secret";
    }
    return "unknown";
}
