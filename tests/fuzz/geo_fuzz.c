// A MaxMind database, read as one of AS numbers or of countries.
#include "common/enrich/geo.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

// What the database library keeps of a file that it refuses to open is not ours to free.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libmaxminddb\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    for (int kind = GEO_ASN; kind <= GEO_COUNTRY; kind++) {
        char path[FUZZ_PATH_MAX];
        struct geo geo;
        struct fault fault = {.text = ""};
        int fd = fuzz_file(data, len, path);
        if (geo_load(&geo, (enum geo_kind)kind, path, &fault) != 0)
            FUZZ_REQUIRE(fault.text[0] != '\0' && strchr(fault.text, '\n') == NULL);
        geo_fini(&geo);
        close(fd);
    }
    return 0;
}
