// The files that templates and sampling rates are kept in: refused with one line, or loaded; what
// is loaded is learnt without a fault of its own, and rates are written as they were read.
#include "collector/keep/template_load.h"
#include "collector/keep/terms_file.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define NOW_NS UINT64_C(1700000000000000000)

static void require_fault(const struct fault *fault)
{
    FUZZ_REQUIRE(fault->text[0] != '\0' && strchr(fault->text, '\n') == NULL);
}

static void emit(void *user, struct flow *flow)
{
    (void)user;
    (void)flow;
    FUZZ_REQUIRE(false); // an announcement makes no flows
}

static void learn_templates(const char *text, size_t len)
{
    struct template_list list;
    struct fault fault = {.text = ""};
    if (template_load(&list, "templates.json", text, len, &fault) != 0) {
        FUZZ_REQUIRE(list.count == 0);
        require_fault(&fault);
        return;
    }
    struct ledger ledger = {.datagrams_received = 0};
    const struct decode_options options = {.hash_seed = 1};
    struct decoder *decoder = decoder_new(&options, &ledger, emit, NULL);
    FUZZ_REQUIRE(decoder != NULL);
    for (size_t i = 0; i < list.count; i++) {
        list.items[i].received_ns = NOW_NS;
        decoder_recall(decoder, &list.items[i]);
    }
    FUZZ_REQUIRE(ledger.datagrams_received == 0);
    decoder_free(decoder);
    template_list_fini(&list);
}

static char *write_terms(struct terms_list *list, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    FUZZ_REQUIRE(out != NULL);
    terms_write(out, list);
    FUZZ_REQUIRE(fclose(out) == 0);
    return text;
}

static void read_terms(const char *text, size_t len)
{
    struct terms_list list;
    struct terms_list again;
    struct fault fault = {.text = ""};
    size_t once_len;
    size_t twice_len;
    if (terms_load(&list, "templates.json.sampling", text, len, &fault) != 0) {
        FUZZ_REQUIRE(list.count == 0);
        require_fault(&fault);
        return;
    }
    char *once = write_terms(&list, &once_len);
    FUZZ_REQUIRE(terms_load(&again, "again", once, once_len, &fault) == 0);
    char *twice = write_terms(&again, &twice_len);
    FUZZ_REQUIRE(once_len == twice_len && memcmp(once, twice, once_len) == 0);
    free(once);
    free(twice);
    terms_list_fini(&list);
    terms_list_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = (char *)fuzz_copy(data, len);
    learn_templates(text, len);
    read_terms(text, len);
    free(text);
    return 0;
}
