#pragma once
#include <stddef.h>

// Memory for jansson, which makes a dozen small allocations for every object: a block per thread, handed out from front to
// back, and used again from the front once everything in it was freed. What does not fit comes from malloc.
//
// For json_set_alloc_funcs. Memory may be freed on another thread than the one that allocated it.
void *gateway_json_allocate(size_t size);
void gateway_json_free(void *pointer);
