// context.yaml: refused with one line, or loaded.
#include "common/base/log.h"
#include "common/enrich/context.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[FUZZ_PATH_MAX];
    struct context context;
    struct fault fault = {.text = ""};
    log_setup(FUZZ_LOG_NOTHING, false); // all faults but the last are logged
    int fd = fuzz_file(data, len, path);
    if (context_load(&context, path, &fault) != 0)
        FUZZ_REQUIRE(fault.text[0] != '\0' && strchr(fault.text, '\n') == NULL);
    context_fini(&context);
    close(fd);
    return 0;
}
