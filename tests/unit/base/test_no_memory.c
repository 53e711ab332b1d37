/* No memory, at every single allocation: each reader and writer of the base layer gives
 * TEND_ENOMEM, leaves its result as it was, and keeps nothing.
 *
 * base/memory.h is implemented here instead of in the archive: the Nth allocation fails, once or
 * from then on. A failure prints which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/value.h"

/* ---- the heap that fails ----------------------------------------------------------------- */

static struct {
    long fail_at; /* 0: never */
    bool is_lasting;
    long calls;
    long alive;
} heap;

static bool heap_refuses(void) {
    heap.calls++;
    if (heap.fail_at == 0) return false;
    return heap.is_lasting ? heap.calls >= heap.fail_at : heap.calls == heap.fail_at;
}

void *memory_new(size_t size_bytes) {
    if (heap_refuses()) return NULL;
    heap.alive++;
    return calloc(1, size_bytes ? size_bytes : 1);
}

void *memory_resize(void *memory, size_t size_bytes) {
    if (heap_refuses()) return NULL;
    if (!memory) heap.alive++;
    return realloc(memory, size_bytes ? size_bytes : 1);
}

char *memory_copy(const void *data, size_t size_bytes) {
    char *copy = memory_new(size_bytes + 1);
    if (copy && size_bytes) memcpy(copy, data, size_bytes);
    return copy;
}

char *memory_copy_text(const char *text) { return memory_copy(text, strlen(text)); }

void memory_free(void *memory) {
    if (memory) heap.alive--;
    free(memory);
}

/* ---- each allocation --------------------------------------------------------------------- */

typedef int body(struct buffer *out, struct error *err);

#define EXPECT(condition)                                                                          \
    if (!(condition))                                                                              \
    fail_msg("allocation %ld fails %s: not %s", heap.fail_at,                                      \
             heap.is_lasting ? "with all later ones" : "alone", #condition)

/* How one try must have ended. */
static void check(int status, const struct buffer *out, const struct error *err,
                  const struct buffer *wanted) {
    if (status == 0) {
        EXPECT(bytes_equal(buffer_bytes(out), buffer_bytes(wanted)));
        return;
    }
    EXPECT(status == TEND_ENOMEM);
    EXPECT(err->status == TEND_ENOMEM);
    EXPECT(!out->is_failed);
    EXPECT(out->size == 3);
    EXPECT(strcmp(out->data, "old") == 0);
}

/* False once fewer allocations are made than that. */
static bool try_with_failure(body *run, long fail_at, bool is_lasting,
                             const struct buffer *wanted) {
    struct buffer out = BUFFER_EMPTY;
    struct error err = {0};
    heap.fail_at = 0;
    buffer_add_text(&out, "old");
    long alive_before = heap.alive - (out.data != NULL);
    heap.calls = 0;
    heap.is_lasting = is_lasting;
    heap.fail_at = fail_at;
    int status = run(&out, &err);
    bool was_reached = heap.calls >= fail_at;
    check(status, &out, &err, wanted);
    EXPECT(was_reached || status == 0);
    buffer_done(&out);
    EXPECT(heap.alive == alive_before);
    heap.fail_at = 0;
    return was_reached;
}

static void fail_each(body *run) {
    struct buffer wanted = BUFFER_EMPTY;
    buffer_add_text(&wanted, "old");
    assert_int_equal(run(&wanted, NULL), 0);
    for (int is_lasting = 0; is_lasting < 2; is_lasting++) {
        long fail_at = 1;
        while (try_with_failure(run, fail_at, is_lasting, &wanted)) fail_at++;
        assert_true(fail_at > 3); /* it did allocate */
    }
    buffer_done(&wanted);
    assert_int_equal(heap.alive, 0);
}

/* ---- what is run ------------------------------------------------------------------------- */

/* Long enough to outgrow every first size: the parser's stack, its string buffer, ours. */
static struct bytes sample_text(void) {
    static char text[20000];
    if (text[0]) return bytes_of(text);
    char *at = text;
    for (int i = 0; i < 190; i++) *at++ = '[';
    at += sprintf(at, "{\"b\":1.5,\"a\":\"\\n");
    memset(at, 'x', 9000);
    at += 9000;
    at += sprintf(at, "\\ud83d\\ude00\",\"c\":[");
    for (int i = 0; i < 1500; i++) at += sprintf(at, "%d,", i);
    at += sprintf(at, "null]}");
    for (int i = 0; i < 190; i++) *at++ = ']';
    return bytes_of(text);
}

static int read_json(struct buffer *out, struct error *err) {
    return json_read(sample_text(), out, err);
}

static void reading_json_survives_no_memory(void **state) {
    (void)state;
    fail_each(read_json);
}

static struct buffer sample_packed;

static int write_json(struct buffer *out, struct error *err) {
    return json_write_packed(buffer_bytes(&sample_packed), out, err);
}

static void reading_values_and_writing_json_survive_no_memory(void **state) {
    (void)state;
    static char room[65536]; /* not from the heap that is counted */
    struct buffer packed = BUFFER_EMPTY;
    assert_int_equal(json_read(sample_text(), &packed, NULL), 0);
    assert_true(packed.size < sizeof room);
    memcpy(room, packed.data, packed.size);
    sample_packed = (struct buffer){room, packed.size, sizeof room, false};
    buffer_done(&packed);
    fail_each(write_json);
}

static const char *sample_path;

static int read_file(struct buffer *out, struct error *err) {
    return text_read_file(sample_path, 1 << 20, out, err);
}

static void reading_a_file_survives_no_memory(void **state) {
    (void)state;
    char path[] = "/tmp/tend-test-memory-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    for (int i = 0; i < 50000; i++) fputc('x', file);
    fclose(file);
    sample_path = path;
    fail_each(read_file);
    remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_json_survives_no_memory),
        cmocka_unit_test(reading_values_and_writing_json_survive_no_memory),
        cmocka_unit_test(reading_a_file_survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
