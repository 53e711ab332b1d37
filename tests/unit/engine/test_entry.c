/* Entries: what is written is what is read, and bytes that are none are refused. */
#include "support.h"

#include "engine/entry.h"

static struct buffer pack_one(const struct entry *entry) {
    struct buffer out = BUFFER_EMPTY;
    entry_pack(entry, &out);
    assert_false(out.is_failed);
    return out;
}

static void assert_same(const struct entry *entry) {
    struct buffer out = pack_one(entry);
    struct entry back;
    struct error err;
    if (entry_read(buffer_bytes(&out), &back, &err)) fail_msg("%s", err.message);
    assert_int_equal(back.type, entry->type);
    assert_int_equal(back.kind, entry->kind);
    assert_int_equal(back.attempt, entry->attempt);
    assert_int_equal(back.at_us, entry->at_us);
    assert_int_equal(back.due_at_us, entry->due_at_us);
    assert_int_equal(back.has_waited, entry->has_waited);
    assert_true(bytes_equal(back.key, entry->key));
    assert_true(bytes_equal(back.value, entry->value.size ? entry->value : bytes_of("\xc0")));
    buffer_done(&out);
}

static void every_type_and_kind_comes_back(void **state) {
    struct buffer value = packed("{\"a\":[1,2.5,null,\"x\"]}");
    (void)state;
    for (int type = ENTRY_ACCEPTED; type <= ENTRY_ENDED; type++) {
        for (int kind = 0; kind < ASK_RECORDED; kind++) {
            struct entry entry = {(enum entry_type)type, bytes_of("parallel/left/in#2"),
                                  (enum ask_kind)kind,   3,
                                  1764036000123456,      1764036000999999,
                                  kind % 2 == 0,         buffer_bytes(&value)};
            assert_same(&entry);
        }
    }
    buffer_done(&value);
}

static void edges_come_back(void **state) {
    struct entry entry = {.attempt = UINT32_MAX, .at_us = INT64_MAX, .due_at_us = INT64_MIN};
    (void)state;
    assert_same(&entry); /* no key, no value */
    entry.key = (struct bytes){"\xff\0/", 3};
    assert_same(&entry);
    char *key = memory_new(70000);
    memset(key, 'k', 70000);
    entry.key = (struct bytes){key, 70000};
    assert_same(&entry);
    memory_free(key);
}

static void a_cut_entry_is_refused_wherever_it_ends(void **state) {
    struct buffer value = packed("{\"a\":[1,2,3],\"b\":\"text\"}");
    struct entry entry = {ENTRY_DONE,       bytes_of("key"), ASK_HTTP, 300,
                          1764036000123456, 70000,           true,     buffer_bytes(&value)};
    struct buffer out = pack_one(&entry);
    (void)state;
    for (size_t size = 0; size < out.size; size++) {
        struct entry back = {.attempt = 99};
        struct error err;
        char *exact = memory_new(size + 1);
        memcpy(exact, out.data, size);
        assert_int_equal(entry_read((struct bytes){exact, size}, &back, &err), TEND_EFORMAT);
        assert_int_equal(back.attempt, 99);
        memory_free(exact);
    }
    buffer_done(&out);
    buffer_done(&value);
}

static void another_form_is_refused(void **state) {
    static const char *const others[] = {"\x97\x00", "\x80", "\xa1x", "\x98", "\xdc\x00\x08"};
    struct entry back;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(entry_read(bytes_of(others[i]), &back, &err), TEND_EFORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_kind_comes_back),
        cmocka_unit_test(edges_come_back),
        cmocka_unit_test(a_cut_entry_is_refused_wherever_it_ends),
        cmocka_unit_test(another_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
