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

#define DOCUMENT(bytes) {bytes, sizeof bytes}

static const unsigned char console_index[] = {
#embed "../../console/index.html"
};

static const unsigned char console_style[] = {
#embed "../../console/style.css"
};

static const unsigned char console_api[] = {
#embed "../../console/api.js"
};

static const unsigned char console_app[] = {
#embed "../../console/app.js"
};

static const unsigned char console_parts[] = {
#embed "../../console/parts.js"
};

static const unsigned char console_overview[] = {
#embed "../../console/overview.js"
};

static const unsigned char console_rooms[] = {
#embed "../../console/rooms.js"
};

static const unsigned char console_send[] = {
#embed "../../console/send.js"
};

static const unsigned char console_tail[] = {
#embed "../../console/tail.js"
};

static const unsigned char console_configuration[] = {
#embed "../../console/configuration.js"
};

static const unsigned char console_preact[] = {
#embed "../../console/vendor/preact-10.27.2-htm-3.1.1.min.js"
};

static const struct served_file files[] = {
    {"index.html", DOCUMENT(console_index)},
    {"style.css", DOCUMENT(console_style)},
    {"api.js", DOCUMENT(console_api)},
    {"app.js", DOCUMENT(console_app)},
    {"parts.js", DOCUMENT(console_parts)},
    {"overview.js", DOCUMENT(console_overview)},
    {"rooms.js", DOCUMENT(console_rooms)},
    {"send.js", DOCUMENT(console_send)},
    {"tail.js", DOCUMENT(console_tail)},
    {"configuration.js", DOCUMENT(console_configuration)},
    {"vendor/preact-10.27.2-htm-3.1.1.min.js", DOCUMENT(console_preact)},
};
const struct served_file *const console_files = files;
const size_t console_file_count = sizeof files / sizeof *files;
