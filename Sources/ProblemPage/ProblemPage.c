#include "ProblemPage.h"

// #embed is C23; clang has it in every mode, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char page[] = {
#embed "../../docs/problems.md"
};

const size_t problem_page_size = sizeof page;

const unsigned char *problem_page_start(void) {
    return page;
}
