#pragma once
#include <stdbool.h>
#include <stddef.h>

// Memory for jansson, which makes a dozen small allocations for every object: a block per thread, handed out from front to
// back, and used again from the front once everything in it was freed. What does not fit comes from malloc.
//
// For json_set_alloc_funcs. Memory may be freed on another thread than the one that allocated it.
void *gateway_json_allocate(size_t size);
void gateway_json_free(void *pointer);

// Whether what this thread allocates from now on will last. It comes from malloc then: in a block, it would keep the block from
// being used again.
void gateway_json_set_lasting(bool value);

// What a thread had allocated at some moment.
struct gateway_json_mark {
    size_t live, beginnings, outside;
};
struct gateway_json_mark gateway_json_mark(void);

// What it has allocated since, and not freed: so much of a block.
struct gateway_json_region {
    void *block;  // NULL: some of it came from malloc, and each has to be freed by itself
    size_t count;
};
// Nothing that was allocated before may have been freed on the same thread in between.
struct gateway_json_region gateway_json_since(struct gateway_json_mark mark);

// Frees all of it at once. Its block must not be NULL.
void gateway_json_free_region(struct gateway_json_region region);
