/* Progress on a terminal: the tree of what is under way is drawn ten times a second below the logs,
 * each time in one write, so that nothing flickers. The cursor rests below the tree at the start of
 * a line and nothing of the terminal is switched, so however the program ends there is nothing to
 * put back. A thread of its own draws; the engine's threads only tell. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/glyph.h"
#include "cli/tree.h"

static const int64_t frame_us = 100000;

struct live {
    const struct place *place;
    struct observer plain; /* what is told after the end */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    struct tree *tree;
    struct buffer above;     /* logs that aren't shown yet */
    struct tree_lines drawn; /* what the screen shows */
    unsigned spinner;
    bool is_changed, is_ended;
};

/* ---- drawing ---- */

static void write_all(const struct buffer *frame) {
    for (size_t at = 0; at < frame->size && !frame->is_failed;) {
        ssize_t size = write(STDERR_FILENO, frame->data + at, frame->size - at);
        if (size <= 0) return; /* the terminal went away */
        at += (size_t)size;
    }
}

/* Back to the first line. A terminal that became narrower has broken the longer ones. */
static void go_up(const struct live *live, size_t columns, struct buffer *frame) {
    size_t rows = 0;
    for (size_t i = 0; i < live->drawn.count; i++) {
        size_t width = live->drawn.widths[i];
        rows += width > columns ? (width + columns - 1) / columns : 1;
    }
    buffer_add_byte(frame, '\r');
    if (rows) buffer_add_format(frame, "\033[%zuA", rows);
}

/* Each line with what stood there cleared behind it. */
static void add_lines(struct bytes text, struct buffer *frame) {
    for (size_t at = 0; at < text.size;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = end ? (size_t)(end - text.data) - at : text.size - at;
        buffer_add(frame, text.data + at, size);
        buffer_add_text(frame, "\033[K\n");
        at += size + 1;
    }
}

/* With the mutex held. */
static void draw(struct live *live, bool is_last) {
    struct buffer frame = BUFFER_EMPTY;
    struct tree_style style = {.has_colours = glyph_has_colours(STDERR_FILENO),
                               .has_utf8 = glyph_has_utf8(),
                               .is_last = is_last,
                               .spinner = live->spinner++,
                               .now_us = clock_monotonic_us(clock_system()),
                               .wall_us = clock_wall_us(clock_system())};
    glyph_size(STDERR_FILENO, &style.columns, &style.rows);
    go_up(live, style.columns, &frame);
    add_lines(buffer_bytes(&live->above), &frame);
    buffer_clear(&live->above);
    tree_draw(live->tree, &style, &live->drawn);
    add_lines(buffer_bytes(&live->drawn.text), &frame);
    buffer_add_text(&frame, "\033[J");
    write_all(&frame);
    buffer_done(&frame);
    live->is_changed = false;
}

static void await_frame(struct live *live) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + frame_us * 1000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    while (!live->is_ended && pthread_cond_timedwait(&live->wake, &live->mutex, &until) == 0) {
    }
}

/* The first frame comes after a moment: what ends at once shows how it ended, and no more. */
static void *keep_drawing(void *context) {
    struct live *live = context;
    pthread_mutex_lock(&live->mutex);
    for (;;) {
        await_frame(live);
        if (live->is_ended) break;
        if (live->is_changed || tree_is_active(live->tree)) draw(live, false);
    }
    pthread_mutex_unlock(&live->mutex);
    return NULL;
}

/* ---- what the engine tells ---- */

static void on_step_begin(void *context, const struct step_begin *begin) {
    struct live *live = context;
    int64_t now_us = clock_monotonic_us(clock_system());
    pthread_mutex_lock(&live->mutex);
    if (!live->is_ended) tree_begin(live->tree, begin, now_us);
    live->is_changed = true;
    pthread_mutex_unlock(&live->mutex);
}

static void on_step(void *context, const char *run_id, const char *key, const char *kind,
                    const char *outcome, int64_t duration_us, const char *message) {
    struct live *live = context;
    pthread_mutex_lock(&live->mutex);
    if (!live->is_ended)
        tree_end(live->tree, run_id, key, kind, outcome, duration_us, message,
                 clock_monotonic_us(clock_system()));
    live->is_changed = true;
    pthread_mutex_unlock(&live->mutex);
}

static void on_run(void *context, const struct record *record) {
    struct live *live = context;
    int64_t now_us = clock_monotonic_us(clock_system());
    pthread_mutex_lock(&live->mutex);
    if (!live->is_ended) tree_run(live->tree, record, now_us);
    live->is_changed = true;
    pthread_mutex_unlock(&live->mutex);
}

static void on_log(void *context, const char *run_id, const char *level, struct bytes message) {
    struct live *live = context;
    pthread_mutex_lock(&live->mutex);
    if (!live->is_ended) progress_add_log(live->place, run_id, level, message, &live->above);
    live->is_changed = true;
    pthread_mutex_unlock(&live->mutex);
}

static void on_trouble(void *context, const char *message, bool is_fatal) {
    struct live *live = context;
    pthread_mutex_lock(&live->mutex);
    bool is_ended = live->is_ended;
    if (!is_ended) {
        buffer_add_format(&live->above, "tend: %s", is_fatal ? "fatal: " : "");
        glyph_add(&live->above, bytes_of(message), false);
        buffer_add_byte(&live->above, '\n');
    }
    live->is_changed = true;
    pthread_mutex_unlock(&live->mutex);
    if (is_ended) live->plain.on_trouble(live->plain.context, message, is_fatal);
}

/* ---- beginning and ending ---- */

static int start(struct live *live) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&live->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&live->mutex, NULL);
    live->tree = tree_new();
    return live->tree && pthread_create(&live->thread, NULL, keep_drawing, live) == 0 ? 0 : -1;
}

static void release(struct live *live) {
    tree_free(live->tree);
    buffer_done(&live->above);
    buffer_done(&live->drawn.text);
    pthread_cond_destroy(&live->wake);
    pthread_mutex_destroy(&live->mutex);
    memory_free(live);
}

struct live *live_new(const struct place *place) {
    bool is_wanted = !place->is_quiet && glyph_has_cursor(STDERR_FILENO);
    struct live *live = is_wanted ? memory_new(sizeof *live) : NULL;
    if (!live) return NULL;
    live->place = place;
    live->plain = progress_observer(place);
    if (start(live) == 0) return live;
    release(live); /* plain lines do as well */
    return NULL;
}

struct observer live_observer(struct live *live, const struct place *place) {
    if (!live) return progress_observer(place);
    return (struct observer){.context = live,
                             .on_step_begin = on_step_begin,
                             .on_step = on_step,
                             .on_log = on_log,
                             .on_run = on_run,
                             .on_trouble = on_trouble};
}

void live_end(struct live *live) {
    if (!live) return;
    pthread_mutex_lock(&live->mutex);
    bool was_ended = live->is_ended;
    live->is_ended = true;
    pthread_cond_signal(&live->wake);
    pthread_mutex_unlock(&live->mutex);
    if (was_ended) return;
    pthread_join(live->thread, NULL);
    pthread_mutex_lock(&live->mutex);
    if (!tree_is_empty(live->tree) || live->above.size) draw(live, true);
    pthread_mutex_unlock(&live->mutex);
}

void live_free(struct live *live) {
    if (!live) return;
    live_end(live);
    release(live);
}
