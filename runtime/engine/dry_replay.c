/* Dry replays; see dry_replay.h. */
#include "engine/dry_replay.h"

#include <string.h>

#include "base/memory.h"
#include "engine/run.h"

static void wants_no_turn(void *context, struct run *run) { (void)context, (void)run; }

static void adopts_none(void *context, uint64_t number, uint64_t waiter) {
    (void)context, (void)number, (void)waiter;
}

int dry_replay(const struct effect_place *place, const struct dry_replay *how, struct error *err) {
    struct run_host host = {NULL, place, wants_no_turn, adopts_none};
    struct run *run;
    int status = run_load_dry(&host, how, &run, err);
    if (status) return status;
    run_replay_dry(run);
    if (run->is_broken) status = error_no_memory(err);
    else if (run->record.status == RUN_BLOCKED)
        status = error_set(err, TEND_ECONFLICT, "%s", run->record.message);
    run_free(run);
    return status;
}

int dry_replay_client(struct journal *journal, const struct dry_replay *how, struct error *err) {
    struct services *services = memory_new(sizeof *services);
    if (!services) return error_no_memory(err);
    services->journal = journal;
    services->clock = clock_system();
    struct effect_place place = {.services = services};
    int status = dry_replay(&place, how, err);
    memory_free(services);
    return status;
}
