#include "ServedDocuments.h"

// #embed is C23; clang has it in every mode, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi[] = {
#embed "../../openapi.yaml"
};

static const unsigned char problems[] = {
#embed "../../docs/problems.md"
};

const struct served_document openapi_document = {openapi, sizeof openapi};
const struct served_document problem_page = {problems, sizeof problems};
