#include "CJSONArena.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = 16 };

// Written by its own thread only, but for `foreign`. It outlives its thread, in case something in it does.
struct block {
    size_t used;
    size_t live;           // allocated, less those that this thread freed
    size_t beginnings;     // how often it was used from the front again
    atomic_size_t foreign; // freed by other threads
    _Alignas(ALIGNMENT) unsigned char bytes[BLOCK_BYTES];
};

// Stands before every allocation: where it came from; NULL for malloc.
struct header {
    _Alignas(ALIGNMENT) struct block *block;
};

// The gateway is linked into one program, so no function has to be called for the address of what is a thread's own.
#define THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))

THREAD_LOCAL struct block *own;
THREAD_LOCAL size_t outside; // how often malloc was asked, since nothing fitted or it is to last
THREAD_LOCAL bool lasting;

// Begins a block from the front again, if nothing in it is used any more.
static void rewind_block(struct block *block) {
    if (block->live != atomic_load_explicit(&block->foreign, memory_order_acquire)) return;
    block->used = block->live = 0;
    block->beginnings++;
    atomic_store_explicit(&block->foreign, 0, memory_order_relaxed);
}

static void *from_malloc(size_t total) {
    outside++;
    struct header *header = malloc(total);
    if (header == NULL) return NULL;
    header->block = NULL;
    return header + 1;
}

// What is seldom: there is no block yet, or no room in it, or it is to last.
__attribute__((noinline)) static void *slow_allocate(size_t total) {
    if (lasting) return from_malloc(total);
    if (own == NULL) own = calloc(1, sizeof *own);
    if (own == NULL) return NULL;
    rewind_block(own);
    if (total > BLOCK_BYTES - own->used) return from_malloc(total);
    struct header *header = (struct header *)(own->bytes + own->used);
    own->used += total;
    own->live++;
    header->block = own;
    return header + 1;
}

void *gateway_json_allocate(size_t size) {
    if (size > (size_t)-1 - 2 * ALIGNMENT) return NULL;
    size_t total = (sizeof(struct header) + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = own;
    if (block == NULL || lasting || total > BLOCK_BYTES - block->used) return slow_allocate(total);
    struct header *header = (struct header *)(block->bytes + block->used);
    block->used += total;
    block->live++;
    header->block = block;
    return header + 1;
}

static void give_back(struct block *block, size_t count) {
    if (block == own) {
        block->live -= count;
        rewind_block(block);
    } else {
        atomic_fetch_add_explicit(&block->foreign, count, memory_order_release);
    }
}

void gateway_json_free(void *pointer) {
    if (pointer == NULL) return;
    struct header *header = (struct header *)pointer - 1;
    if (header->block == NULL) {
        free(header);
    } else {
        give_back(header->block, 1);
    }
}

void gateway_json_set_lasting(bool value) { lasting = value; }

struct gateway_json_mark gateway_json_mark(void) {
    return (struct gateway_json_mark){
        own != NULL ? own->live : 0, own != NULL ? own->beginnings : 0, outside};
}

struct gateway_json_region gateway_json_since(struct gateway_json_mark mark) {
    if (own == NULL || outside != mark.outside) return (struct gateway_json_region){NULL, 0};
    size_t before = own->beginnings == mark.beginnings ? mark.live : 0;
    return (struct gateway_json_region){own, own->live - before};
}

void gateway_json_free_region(struct gateway_json_region region) { give_back(region.block, region.count); }
