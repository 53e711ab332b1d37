/* The crash mark: what a life leaves behind, and what isn't of its form. */
#include "support.h"

#include "engine/crash_mark.h"

static struct crash_mark *open_mark(const char *folder, struct crash_left *left) {
    struct crash_mark *mark = NULL;
    struct error err;
    if (crash_mark_open(folder, &mark, left, &err)) fail_msg("opening: %s", err.message);
    return mark;
}

static char *path_of(const char *folder, char path[4096]) {
    snprintf(path, 4096, "%s/marks", folder);
    return path;
}

/* As a kill would: the mapping goes, the file stays as it was. */
static void crash(const char *folder, struct crash_mark *mark) {
    char path[4096], bytes[4096];
    FILE *file = fopen(path_of(folder, path), "r");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    crash_mark_close(mark);
    file = fopen(path, "w");
    fwrite(bytes, 1, size, file);
    fclose(file);
}

static struct crash_mark *begin(const char *folder) {
    struct crash_left left;
    struct crash_mark *mark = open_mark(folder, &left);
    crash_mark_begin(mark);
    return mark;
}

static void assert_nothing_left(const struct crash_left *left) {
    assert_int_equal(left->run_count, 0);
    assert_false(left->had_children);
    assert_string_equal(left->life, "");
}

static void a_new_file_tells_nothing(void **state) {
    struct crash_left left;
    struct crash_mark *mark = open_mark(*state, &left);
    assert_nothing_left(&left);
    crash_mark_close(mark);
}

static void what_ran_and_what_was_alive_is_left(void **state) {
    struct crash_left left;
    char life[CRASH_MARK_LIFE];
    struct crash_mark *mark = begin(*state);
    crash_slot *first = crash_mark_slot(mark), *second = crash_mark_slot(mark);
    snprintf(life, sizeof life, "%s", crash_mark_life(mark));
    assert_int_equal(strlen(life), CRASH_MARK_LIFE - 1);
    crash_slot_set(first, 7);
    crash_slot_set(first, 0);
    crash_slot_set(second, UINT64_MAX);
    atomic_fetch_add(crash_mark_children(mark), 1);
    crash(*state, mark);
    mark = open_mark(*state, &left);
    assert_int_equal(left.run_count, 1);
    assert_true(left.runs[0] == UINT64_MAX);
    assert_true(left.had_children);
    assert_string_equal(left.life, life);
    crash_mark_close(mark);
    /* That one never began: what was left is still to be dealt with. */
    mark = open_mark(*state, &left);
    assert_int_equal(left.run_count, 1);
    crash_mark_begin(mark);
    assert_string_not_equal(crash_mark_life(mark), life);
    crash(*state, mark);
    crash_mark_close(open_mark(*state, &left));
    assert_nothing_left(&left);
}

static void an_end_in_order_leaves_nothing(void **state) {
    struct crash_left left;
    struct crash_mark *mark = begin(*state);
    crash_slot_set(crash_mark_slot(mark), 7);
    crash_mark_end(mark);
    crash(*state, mark); /* killed while it waited for what it had begun */
    mark = open_mark(*state, &left);
    assert_nothing_left(&left);
    crash_mark_begin(mark);
    crash_slot_set(crash_mark_slot(mark), 7);
    crash_mark_close(mark);
    crash_mark_close(open_mark(*state, &left));
    assert_nothing_left(&left);
}

static void slots_are_bounded(void **state) {
    struct crash_mark *mark = begin(*state);
    for (int i = 0; i < CRASH_MARK_SLOTS; i++) assert_non_null(crash_mark_slot(mark));
    assert_null(crash_mark_slot(mark));
    crash_slot_set(NULL, 7);
    crash_mark_close(mark);
}

/* A real one with a run in it, changed at a byte, cut or lengthened. */
static void spoil(const char *folder, long at, long size) {
    char path[4096];
    struct crash_mark *mark = begin(folder);
    crash_slot_set(crash_mark_slot(mark), 7);
    crash(folder, mark);
    FILE *file = fopen(path_of(folder, path), "r+");
    if (at >= 0) fseek(file, at, SEEK_SET), fputc('!', file);
    fclose(file);
    if (size >= 0) assert_int_equal(truncate(path, size), 0);
}

static void what_is_not_of_this_form_tells_nothing(void **state) {
    static const struct {
        long at, size;
    } cases[] = {{0, -1}, {8, -1}, {12, -1}, {16, -1}, {47, -1}, {-1, 0}, {-1, 100}, {-1, 10000}};
    struct crash_left left;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoil(*state, cases[i].at, cases[i].size);
        struct crash_mark *mark = open_mark(*state, &left);
        assert_nothing_left(&left);
        crash_mark_begin(mark); /* and it is of use */
        crash_slot_set(crash_mark_slot(mark), 9);
        crash(*state, mark);
        crash_mark_close(open_mark(*state, &left));
        assert_int_equal(left.run_count, 1);
    }
    spoil(*state, -1, -1);
    crash_mark_close(open_mark(*state, &left));
    assert_int_equal(left.run_count, 1); /* the cases above aren't spoilt by spoil() itself */
}

static void what_is_no_file_is_an_error(void **state) {
    char path[4096];
    struct crash_mark *mark = NULL;
    struct crash_left left;
    struct error err;
    assert_int_equal(mkdir(path_of(*state, path), 0700), 0);
    assert_int_equal(crash_mark_open(*state, &mark, &left, &err), TEND_EIO);
    assert_holds(err.message, "/marks: Is a directory");
    assert_null(mark);
    assert_null(crash_mark_close(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_new_file_tells_nothing),
        FOLDER_TEST(what_ran_and_what_was_alive_is_left),
        FOLDER_TEST(an_end_in_order_leaves_nothing),
        FOLDER_TEST(slots_are_bounded),
        FOLDER_TEST(what_is_not_of_this_form_tells_nothing),
        FOLDER_TEST(what_is_no_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
