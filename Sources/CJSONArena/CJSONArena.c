#include "CJSONArena.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = 16 };

// Written by its own thread only, but for `foreign`. It outlives its thread, in case something in it does.
struct block {
    size_t used;
    size_t live;           // allocated, less those that this thread freed
    atomic_size_t foreign; // freed by other threads
    _Alignas(ALIGNMENT) unsigned char bytes[BLOCK_BYTES];
};

// Stands before every allocation: where it came from; NULL for malloc.
struct header {
    _Alignas(ALIGNMENT) struct block *block;
};

static _Thread_local struct block *own;

static struct header *from_block(size_t size) {
    if (own == NULL) own = calloc(1, sizeof *own);
    if (own == NULL) return NULL;
    if (own->live == atomic_load_explicit(&own->foreign, memory_order_acquire)) {
        own->used = own->live = 0;
        atomic_store_explicit(&own->foreign, 0, memory_order_relaxed);
    }
    if (size > BLOCK_BYTES - own->used) return NULL;
    struct header *header = (struct header *)(own->bytes + own->used);
    own->used += size;
    own->live++;
    header->block = own;
    return header;
}

void *gateway_json_allocate(size_t size) {
    if (size > (size_t)-1 - 2 * ALIGNMENT) return NULL;
    size_t total = (sizeof(struct header) + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct header *header = from_block(total);
    if (header == NULL) {
        header = malloc(total);
        if (header == NULL) return NULL;
        header->block = NULL;
    }
    return header + 1;
}

void gateway_json_free(void *pointer) {
    if (pointer == NULL) return;
    struct header *header = (struct header *)pointer - 1;
    if (header->block == NULL) {
        free(header);
    } else if (header->block == own) {
        own->live--;
    } else {
        atomic_fetch_add_explicit(&header->block->foreign, 1, memory_order_release);
    }
}
