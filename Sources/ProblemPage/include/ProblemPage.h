#pragma once
#include <stddef.h>

/// The text of `docs/problems.md`, compiled in: what problems mean that this very gateway has.
const unsigned char *problem_page_start(void);
extern const size_t problem_page_size;
