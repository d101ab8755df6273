#pragma once
#include <stddef.h>

/// A file of this repository, compiled in: what the server serves is what it was built from.
struct served_document {
    const unsigned char *start;
    size_t size;
};

/// `openapi.yaml`
extern const struct served_document openapi_document;
/// `docs/problems.md`: what problems mean that this very gateway has.
extern const struct served_document problem_page;

/// A file of the console, by its path in the folder `console`.
struct served_file {
    const char *name;
    struct served_document document;
};

extern const struct served_file *const console_files;
extern const size_t console_file_count;
