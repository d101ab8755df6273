#include "OpenAPIDocument.h"

// #embed is C23; clang has it in every mode, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char document[] = {
#embed "../../openapi.yaml"
};

const size_t openapi_document_size = sizeof document;

const unsigned char *openapi_document_start(void) {
    return document;
}
