#pragma once
#include <stddef.h>

/// The text of `openapi.yaml`, compiled in: the contract that the server serves is the one it was built from.
const unsigned char *openapi_document_start(void);
extern const size_t openapi_document_size;
