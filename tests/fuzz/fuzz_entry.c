/* Any bytes as an entry of a run's journal and as the body of its record: no crash, and what is
 * read is packed to what reads the same. `make fuzz` runs it. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/entry.h"
#include "engine/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_entry(struct bytes bytes) {
    struct entry entry, again;
    struct buffer packed = BUFFER_EMPTY;
    if (entry_read(bytes, &entry, NULL) == 0) {
        entry_pack(&entry, &packed);
        if (entry_read(buffer_bytes(&packed), &again, NULL) || again.type != entry.type ||
            !bytes_equal(again.key, entry.key) || !bytes_equal(again.value, entry.value))
            abort();
    }
    buffer_done(&packed);
}

static void try_record(struct bytes bytes) {
    struct journal_run run = {.number = 1, .body = bytes};
    struct record record, again;
    struct buffer packed = BUFFER_EMPTY;
    if (record_read(&run, &record, NULL) == 0) {
        record_pack(&record, &packed);
        run.body = buffer_bytes(&packed);
        if (record_read(&run, &again, NULL) || again.created_at_us != record.created_at_us) abort();
    }
    buffer_done(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes bytes = {(const char *)data, size};
    try_entry(bytes);
    try_record(bytes);
    return 0;
}
