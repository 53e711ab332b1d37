/* Schedules on a clock of the test's own: which ticks get a run, what becomes of the others, and
 * what is still known after a restart. No worker is there: a run stays pending until the test ends
 * it. */
#include "support.h"

#include "engine/schedule.h"
#include "engine/schedule_record.h"
#include "engine/schedule_set.h"

static const int64_t second_us = 1000000;
static const int64_t begin_us = INT64_C(1790000000) * 1000000; /* 2026-09-21T14:13:20Z */

struct bench {
    struct clock clock; /* first: the callbacks get it */
    int64_t now_us;
    struct services services;
    struct schedules *schedules;
    char folder[2048];
    const char *folders[2];
    char troubles[4096];
};

static int64_t bench_now(const struct clock *clock) {
    return ((const struct bench *)(const void *)clock)->now_us;
}

static void on_durable(void *context, uint64_t position) { (void)context, (void)position; }

static void on_wake(void *context, uint64_t number) {
    struct bench *bench = context;
    (void)accept_durable(&bench->services, number);
}

static void on_state(void *context, struct bytes key, uint64_t position) {
    struct bench *bench = context;
    shared_state_durable(bench->services.state, key, position);
}

static void on_error(void *context, const struct error *err) {
    (void)context;
    fail_msg("%s", err->message);
}

static void on_trouble(void *context, const char *message, bool is_fatal) {
    struct bench *bench = context;
    size_t size = strlen(bench->troubles);
    (void)is_fatal;
    snprintf(bench->troubles + size, sizeof bench->troubles - size, "%s\n", message);
}

static void begin(struct bench *bench, const char *folder, const char *settings) {
    struct committer_host host = {bench, on_durable, on_wake, on_state, on_error, on_error};
    struct services *services = &bench->services;
    uint64_t last;
    snprintf(bench->folder, sizeof bench->folder, "%s/w", folder);
    bench->clock = (struct clock){bench_now, bench_now};
    if (!bench->now_us) bench->now_us = begin_us;
    bench->folders[0] = bench->folder;
    services->clock = &bench->clock;
    services->journal = open_journal(folder);
    services->sources.folders = bench->folders;
    services->observer = (struct observer){.context = bench, .on_trouble = on_trouble};
    services->settings = packed(settings);
    snprintf(services->settings_hash, sizeof services->settings_hash, "settings");
    assert_int_equal(value_read(buffer_bytes(&services->settings), &services->settings_tree, NULL),
                     0);
    assert_int_equal(secrets_new(&services->secrets, NULL), 0);
    assert_int_equal(journal_last_number(services->journal, &last, NULL), 0);
    atomic_store(&services->last_number, last);
    pthread_mutex_init(&services->accepting_mutex, NULL);
    assert_int_equal(committer_new(services->journal, &host, &services->committer, NULL), 0);
    assert_int_equal(
        shared_state_new(services->journal, services->committer, &services->state, NULL), 0);
}

static void end(struct bench *bench) {
    struct services *services = &bench->services;
    schedules_free(bench->schedules);
    services->committer = committer_free(services->committer);
    accept_done(services);
    shared_state_free(services->state);
    value_tree_done(&services->settings_tree);
    buffer_done(&services->settings);
    secrets_free(services->secrets);
    pthread_mutex_destroy(&services->accepting_mutex);
    journal_close(services->journal);
    memset(services, 0, sizeof *services);
    bench->schedules = NULL;
}

static void load(struct bench *bench) {
    struct error err;
    if (schedules_new(&bench->services, &bench->schedules, &err)) fail_msg("%s", err.message);
}

/* Waits for everything that was submitted, by one more. */
static void settle(struct bench *bench) {
    struct submission *submission = submission_new();
    submission_state(submission, bytes_of("test"), bytes_of("\xc0"));
    uint64_t position = committer_submit(bench->services.committer, submission, NULL);
    assert_true(committer_wait(bench->services.committer, position));
}

static int64_t tick(struct bench *bench) {
    int64_t next_us;
    schedules_tick(bench->schedules, bench->now_us, &next_us);
    assert_true(next_us > bench->now_us && next_us <= bench->now_us + second_us);
    settle(bench);
    return next_us;
}

/* The clock goes on by that, a look each second. */
static void pass(struct bench *bench, int64_t seconds) {
    for (int64_t i = 0; i < seconds; i++) {
        bench->now_us += second_us;
        tick(bench);
    }
}

static struct schedule_record *record_of(struct bench *bench, const char *name) {
    static struct schedule_record record;
    struct error err;
    if (schedule_record_load(bench->services.journal, name, &record, &err))
        fail_msg("%s", err.message);
    return &record;
}

static void assert_counts(struct bench *bench, const char *name, int64_t runs, int64_t skipped,
                          int64_t missed, size_t queued) {
    struct schedule_record *record = record_of(bench, name);
    if (record->runs != runs || record->skipped != skipped || record->missed != missed ||
        record->queue_count != queued)
        fail_msg("runs %d skipped %d missed %d queued %d", (int)record->runs, (int)record->skipped,
                 (int)record->missed, (int)record->queue_count);
}

static bool add_id(void *context, const struct journal_run *run) {
    struct buffer *ids = context;
    buffer_add_format(ids, "%.*s ", (int)run->id.size, run->id.data);
    return true;
}

static void assert_runs(struct bench *bench, const char *wanted) {
    struct journal_filter filter = {.oldest_first = true};
    struct buffer ids = BUFFER_EMPTY;
    assert_int_equal(journal_runs(bench->services.journal, &filter, add_id, &ids, NULL), 0);
    assert_string_equal(ids.data ? ids.data : "", wanted);
    buffer_done(&ids);
}

static void finish_all(struct bench *bench) {
    for (uint64_t n = atomic_load(&bench->services.last_number); n; n--) {
        struct record record;
        assert_int_equal(record_load(bench->services.journal, n, &record, NULL), 0);
        if (run_status_is_final(record.status)) continue;
        record.status = RUN_COMPLETED;
        struct submission *submission = submission_new();
        submission_record(submission, &record);
        assert_true(committer_submit(bench->services.committer, submission, NULL));
    }
    settle(bench);
}

static void order(struct bench *bench, struct schedule_order what) {
    schedules_free(bench->schedules);
    bench->schedules = NULL;
    struct error err;
    if (schedule_order_do(bench->services.journal, &what, &err)) fail_msg("%s", err.message);
    load(bench);
}

/* ---- ---- */

static void a_tick_has_one_run_also_after_a_restart(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua", "return { schedule = { every = '10s' }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    assert_runs(&bench, "");
    pass(&bench, 10);
    assert_runs(&bench, "x.20260921T141330Z ");
    finish_all(&bench);
    end(&bench);
    begin(&bench, *state, "{}"); /* in the same second */
    load(&bench);
    tick(&bench);
    assert_runs(&bench, "x.20260921T141330Z ");
    pass(&bench, 10);
    assert_runs(&bench, "x.20260921T141330Z x.20260921T141340Z ");
    assert_counts(&bench, "x", 2, 0, 0, 0);
    end(&bench);
}

static void a_run_that_is_there_makes_no_second_one(void **state) {
    struct bench bench = {0};
    struct schedule_order again = {"x", "backfill", 0, (const int64_t[]){begin_us + 10 * second_us},
                                   1};
    write_file(*state, "w/x.lua", "return { schedule = { every = '10s' }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    pass(&bench, 10);
    finish_all(&bench);
    order(&bench, again);
    pass(&bench, 2);
    assert_runs(&bench, "x.20260921T141330Z ");
    assert_counts(&bench, "x", 1, 0, 0, 0);
    end(&bench);
}

static void overlap_skips(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua", "return { schedule = { every = '10s' }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    pass(&bench, 30);
    assert_counts(&bench, "x", 1, 2, 0, 0);
    finish_all(&bench);
    pass(&bench, 10);
    assert_counts(&bench, "x", 2, 2, 0, 0);
    end(&bench);
}

static void overlap_queues_one_or_all_or_overlaps(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/one.lua",
               "return { schedule = { every = '10s', overlap = 'queue_one' }, "
               "run = function() end }");
    write_file(*state, "w/all.lua",
               "return { schedule = { every = '10s', overlap = 'queue_all' }, "
               "run = function() end }");
    write_file(*state, "w/side.lua",
               "return { schedule = { every = '10s', overlap = 'allow' }, "
               "run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    pass(&bench, 40);
    assert_counts(&bench, "one", 1, 2, 0, 1);
    assert_counts(&bench, "all", 1, 0, 0, 3);
    assert_counts(&bench, "side", 4, 0, 0, 0);
    finish_all(&bench);
    pass(&bench, 3);
    assert_counts(&bench, "one", 2, 2, 0, 0);
    assert_counts(&bench, "all", 2, 0, 0, 2);
    end(&bench);
}

static void overlap_cancels_the_running_one(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua",
               "return { schedule = { every = '10s', overlap = 'cancel_running' }, "
               "run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    pass(&bench, 30);
    assert_counts(&bench, "x", 1, 1, 0, 1); /* the last of two waits for the end of the cancelled */
    finish_all(&bench);
    pass(&bench, 1);
    assert_runs(&bench, "x.20260921T141330Z x.20260921T141350Z ");
    end(&bench);
}

static void down_for(struct bench *bench, const char *folder, int64_t seconds) {
    finish_all(bench);
    end(bench);
    bench->now_us += seconds * second_us;
    begin(bench, folder, "{}");
    load(bench);
    tick(bench);
}

static void missed_ticks_are_counted_made_up_once_or_all(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/skip.lua",
               "return { schedule = { every = '1m' }, run = function() end }");
    write_file(
        *state, "w/last.lua",
        "return { schedule = { cron = '* * * * *', missed = 'last' }, run = function() end }");
    write_file(*state, "w/all.lua",
               "return { schedule = { every = '1m', missed = 'all', "
               "missed_limit = 3 }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    down_for(&bench, *state, 320); /* 14:13:20 to 14:18:40: five ticks, the last 40 s ago */
    assert_counts(&bench, "skip", 0, 0, 5, 0);
    assert_counts(&bench, "last", 1, 0, 4, 0);
    assert_counts(&bench, "all", 1, 0, 2, 2);
    assert_holds(bench.troubles, "schedule skip: 5 ticks missed");
    for (int i = 0; i < 2; i++) {
        finish_all(&bench);
        pass(&bench, 1);
    }
    assert_counts(&bench, "all", 3, 0, 2, 0);
    assert_string_equal(record_of(&bench, "all")->last_run, "all.20260921T141800Z");
    assert_string_equal(record_of(&bench, "last")->last_run, "last.20260921T141800Z");
    end(&bench);
}

static void a_tick_of_a_moment_ago_is_not_missed(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua", "return { schedule = { every = '1m' }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    down_for(&bench, *state, 45); /* five seconds late */
    assert_counts(&bench, "x", 1, 0, 0, 0);
    end(&bench);
}

static void paused_ticks_pass_by(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua",
               "return { schedule = { every = '10s', missed = 'all' }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    order(&bench, (struct schedule_order){"x", "pause", 0, NULL, 0});
    pass(&bench, 20);
    assert_counts(&bench, "x", 0, 2, 0, 0);
    bench.now_us += 60 * second_us; /* down, paused and resumed meanwhile: nothing is made up for */
    order(&bench, (struct schedule_order){"x", "resume", bench.now_us, NULL, 0});
    tick(&bench);
    assert_counts(&bench, "x", 0, 2, 0, 0);
    pass(&bench, 10);
    assert_counts(&bench, "x", 1, 2, 0, 0);
    end(&bench);
}

static void backfilled_ticks_run_in_order(void **state) {
    struct bench bench = {0};
    const int64_t ticks[] = {begin_us - 500 * second_us, begin_us - 490 * second_us};
    write_file(*state, "w/x.lua", "return { schedule = { every = '1h' }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    order(&bench, (struct schedule_order){"x", "backfill", 0, ticks, 2});
    order(&bench, (struct schedule_order){"x", "backfill", 0, ticks, 2}); /* they wait already */
    tick(&bench);
    assert_runs(&bench, "x.20260921T140500Z ");
    finish_all(&bench);
    pass(&bench, 1);
    assert_runs(&bench, "x.20260921T140500Z x.20260921T140510Z ");
    assert_counts(&bench, "x", 2, 0, 0, 0);
    end(&bench);
}

static void jitter_is_the_same_each_time_and_moves_the_start_only(void **state) {
    struct bench bench = {0};
    int64_t delay_us[2] = {0};
    write_file(*state, "w/x.lua",
               "return { schedule = { every = '1h', jitter = '10m' }, run = function() end }");
    begin(&bench, *state, "{}");
    for (int i = 0; i < 2; i++) {
        struct schedule_set *set;
        assert_int_equal(schedule_set_new(&bench.services.sources,
                                          &bench.services.settings_tree.root, &bench.clock, NULL,
                                          NULL, &set, NULL),
                         0);
        delay_us[i] = schedule_set_first(set)->delay_us;
        schedule_set_free(set);
    }
    assert_int_equal(delay_us[0], delay_us[1]);
    assert_in_range(delay_us[0], 1, 600 * second_us);
    load(&bench);
    tick(&bench);
    bench.now_us = (begin_us / (3600 * second_us) + 1) * 3600 * second_us + delay_us[0] - 1;
    tick(&bench);
    assert_runs(&bench, "");
    bench.now_us++;
    tick(&bench);
    assert_runs(&bench, "x.20260921T150000Z ");
    end(&bench);
}

static void a_schedule_that_changes_begins_then(void **state) {
    struct bench bench = {0};
    const char *path = write_file(*state, "w/x.lua",
                                  "return { schedule = { every = '1h' }, run = function() end }");
    char was[4096];
    snprintf(was, sizeof was, "%s", path);
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    write_file(*state, "w/x.lua",
               "return { schedule = { every = '10s', missed = 'all' }, run = "
               "function() end }");
    pass(&bench, 2);
    assert_holds(bench.troubles, "the schedule of x was read again: every 10s (it was: every 1h)");
    assert_counts(&bench, "x", 0, 0, 0, 0);
    pass(&bench, 10);
    assert_counts(&bench, "x", 1, 0, 0, 0);
    write_file(*state, "w/x.lua", "return {");
    pass(&bench, 1);
    assert_holds(bench.troubles, "x.lua:1:");
    assert_holds(bench.troubles, "; its last good version goes on");
    finish_all(&bench);
    pass(&bench, 10);
    assert_counts(&bench, "x", 2, 0, 0, 0); /* of the last good source */
    write_file(*state, "w/x.lua", "return { schedule = { every = 'x' }, run = function() end }");
    pass(&bench, 1);
    assert_holds(bench.troubles, "x.lua: schedule: every is no duration");
    assert_int_equal(schedules_count(bench.schedules), 1);
    unlink(was);
    write_file(*state, "w/new.lua",
               "return { schedule = { every = '10s' }, run = function() end }");
    pass(&bench, 1);
    assert_int_equal(schedules_count(bench.schedules), 1);
    assert_holds(bench.troubles, "the schedule of new was read again: every 10s (it was: none)");
    end(&bench);
}

static void each_project_has_its_own(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua",
               "return { input = { project = '' }, schedule = { every = '10s' }, "
               "run = function() end }");
    begin(&bench, *state, "{\"projects\":[{\"project\":\"shop\"},{\"project\":\"a b\"}]}");
    load(&bench);
    tick(&bench);
    assert_int_equal(schedules_count(bench.schedules), 2);
    pass(&bench, 10);
    assert_string_equal(record_of(&bench, "x/shop")->last_run, "x.shop.20260921T141330Z");
    const char *odd = record_of(&bench, "x/a b")->last_run; /* no id can hold a blank */
    assert_holds(odd, "x.a_b.");
    assert_holds(odd, ".20260921T141330Z");
    end(&bench);
}

static void an_input_that_does_not_fit_is_said_and_counted(void **state) {
    struct bench bench = {0};
    write_file(*state, "w/x.lua",
               "return { input = { a = 1 }, schedule = { every = '10s', input = { "
               "b = 2 } }, run = function() end }");
    begin(&bench, *state, "{}");
    load(&bench);
    tick(&bench);
    pass(&bench, 10);
    assert_holds(bench.troubles,
                 "schedule x: no run for a tick: x: the workflow takes no input 'b'");
    assert_counts(&bench, "x", 0, 0, 1, 0);
    end(&bench);
}

static void wrong_schedules_are_refused_with_what_is_allowed(void **state) {
    static const char *const wrongs[][2] = {
        {"{}", "it wants either cron"},
        {"{ every = '1s', cron = '* * * * *' }", "not both"},
        {"{ every = '10ms' }", "at least \"1s\""},
        {"{ every = '1m', often = true }", "there is no 'often'; it takes cron or every"},
        {"{ cron = '* * * *' }", "has 4 fields"},
        {"{ cron = 5 }", "cron must be a text"},
        {"{ cron = '0 0 31 4 *' }", "never comes"},
        {"{ cron = '@daily', timezone = 'Mars/Base' }", "no time zone 'Mars/Base'"},
        {"{ cron = '@daily', timezone = 5 }", "timezone must be a name"},
        {"{ every = '1m', timezone = 'UTC' }", "timezone goes with cron"},
        {"{ every = '1m', overlap = 'maybe' }",
         "overlap is one of skip, queue_one, queue_all, cancel_running, allow, not 'maybe'"},
        {"{ every = '1m', missed = true }", "missed is one of skip, last, all"},
        {"{ every = '1m', missed_limit = 0 }", "missed_limit must be an integer from 1 to 1000"},
        {"{ every = '1m', jitter = '2d' }", "jitter is at most"},
        {"{ every = '1m', input = 'x' }", "input must be a table"},
        {"'hourly'", "must be a table such as"},
        {"true", "must be a table such as"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct bench bench = {0};
        char text[300];
        struct error err;
        snprintf(text, sizeof text, "return { schedule = %s, run = function() end }", wrongs[i][0]);
        write_file(*state, "w/x.lua", text);
        begin(&bench, *state, "{}");
        if (schedules_new(&bench.services, &bench.schedules, &err) != TEND_EINPUT)
            fail_msg("taken: %s", wrongs[i][0]);
        assert_holds(err.message, "x.lua: schedule: ");
        assert_holds(err.message, wrongs[i][1]);
        bench.schedules = NULL;
        end(&bench);
    }
}

static void settings_override_switch_off_and_are_named(void **state) {
    struct bench bench = {0};
    struct error err;
    write_file(*state, "w/x.lua", "return { schedule = { every = '1h' }, run = function() end }");
    write_file(*state, "w/off.lua", "return { schedule = { every = '1h' }, run = function() end }");
    write_file(*state, "w/bad.lua", "return {");
    begin(&bench, *state, "{\"schedules\":{\"x\":{\"every\":\"10s\"},\"off\":false}}");
    load(&bench);
    assert_holds(bench.troubles, "bad.lua"); /* and the others go on */
    assert_int_equal(schedules_count(bench.schedules), 1);
    tick(&bench);
    pass(&bench, 10);
    assert_counts(&bench, "x", 1, 0, 0, 0);
    end(&bench);
    begin(&bench, *state, "{\"schedules\":{\"x\":{\"every\":\"0s\"}}}");
    assert_int_equal(schedules_new(&bench.services, &bench.schedules, &err), TEND_EINPUT);
    assert_holds(err.message, "tend.lua: schedules.x: every");
    bench.schedules = NULL;
    end(&bench);
    begin(&bench, *state, "{\"schedules\":{\"bad\":{\"every\":\"1s\"}}}");
    assert_int_equal(schedules_new(&bench.services, &bench.schedules, &err), TEND_EINPUT);
    assert_holds(err.message, "tend.lua schedules 'bad'");
    bench.schedules = NULL;
    end(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_tick_has_one_run_also_after_a_restart),
        FOLDER_TEST(a_run_that_is_there_makes_no_second_one),
        FOLDER_TEST(overlap_skips),
        FOLDER_TEST(overlap_queues_one_or_all_or_overlaps),
        FOLDER_TEST(overlap_cancels_the_running_one),
        FOLDER_TEST(missed_ticks_are_counted_made_up_once_or_all),
        FOLDER_TEST(a_tick_of_a_moment_ago_is_not_missed),
        FOLDER_TEST(paused_ticks_pass_by),
        FOLDER_TEST(backfilled_ticks_run_in_order),
        FOLDER_TEST(jitter_is_the_same_each_time_and_moves_the_start_only),
        FOLDER_TEST(a_schedule_that_changes_begins_then),
        FOLDER_TEST(each_project_has_its_own),
        FOLDER_TEST(an_input_that_does_not_fit_is_said_and_counted),
        FOLDER_TEST(wrong_schedules_are_refused_with_what_is_allowed),
        FOLDER_TEST(settings_override_switch_off_and_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
