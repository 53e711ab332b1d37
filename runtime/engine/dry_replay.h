/* A dry replay: would a run's journal fit these sources? The run is played from the top, in a copy,
 * until a branch asks for what isn't recorded; nothing is executed and nothing is written. It fits
 * if by then each branch has asked for all that is recorded of it.
 * May use: services, engine/run.h. Any thread; in a client too (dry_replay_client). */
#ifndef TEND_ENGINE_DRY_REPLAY_H
#define TEND_ENGINE_DRY_REPLAY_H

#include "engine/effect.h"
#include "engine/services.h"

struct dry_replay {
    uint64_t number;
    const struct bundle *bundle;
    uint32_t upto;     /* only entries before this one; 0: all */
    bool allows_added; /* steps added before recorded ones are no misfit */
};

/* TEND_ECONFLICT: it doesn't fit; the message says what was recorded and what was asked. */
int dry_replay(const struct effect_place *place, const struct dry_replay *how, struct error *err);
/* The same where there is no engine. */
int dry_replay_client(struct journal *journal, const struct dry_replay *how, struct error *err);

#endif
