#include "OpenAPIDocument.h"

static const unsigned char document[] = {
#embed "../../openapi.yaml"
};

const size_t openapi_document_size = sizeof document;

const unsigned char *openapi_document_start(void) {
    return document;
}
