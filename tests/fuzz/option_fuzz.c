// What operators write in one line: listeners, addresses, networks, rates, subjects. Input: a byte
// that says which, the text.
#include "collector/allow.h"
#include "collector/listen_uri.h"
#include "collector/sampling_network.h"
#include "common/base/endpoint.h"
#include "common/base/log.h"
#include "common/base/option_value.h"
#include "common/sink/nats/subject.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

#define KINDS 7

// What is refused is refused with one line.
static void require_said(bool refused, const struct fault *fault)
{
    FUZZ_REQUIRE(refused == (fault->text[0] != '\0') && strchr(fault->text, '\n') == NULL);
}

static void read_listeners(const char *text)
{
    struct listen_uri uris[LISTEN_URIS_MAX];
    struct fault fault = {.text = ""};
    int count = listen_uris_parse(uris, text, &fault);
    require_said(count < 0, &fault);
    FUZZ_REQUIRE(count <= LISTEN_URIS_MAX);
    for (int i = 0; i < count; i++)
        FUZZ_REQUIRE(listen_uri_sockets(&uris[i]) >= 1 &&
                     listen_uri_sockets(&uris[i]) <= LISTEN_SOCKETS_MAX);
}

static void read_rates(const char *text)
{
    struct sampling_network defaults[SAMPLING_NETWORKS_MAX];
    struct fault fault = {.text = ""};
    int count = sampling_networks_parse(defaults, text, &fault);
    require_said(count < 0, &fault);
    for (int i = 0; i < count; i++)
        (void)sampling_network_rate(&(struct sampling_networks){defaults, (size_t)count},
                                    &defaults[i].network.addr);
}

static void read_allowed(const char *text)
{
    static const struct addr source = {.bytes = {192, 0, 2, 1}, .len = 4};
    struct fault fault = {.text = ""};
    struct allow *allow = allow_new(text, &fault);
    require_said(allow == NULL, &fault);
    if (allow != NULL)
        (void)allow_admits(allow, &source);
    allow_unref(allow);
}

static void read_allowed_list(const char *text)
{
    if (*text != '@') // any file of this machine
        read_allowed(text);
}

static void read_allowed_file(const char *text)
{
    char path[FUZZ_PATH_MAX];
    char at[FUZZ_PATH_MAX + 1];
    int fd = fuzz_file((const uint8_t *)text, strlen(text), path);
    snprintf(at, sizeof at, "@%s", path);
    read_allowed(at);
    close(fd);
}

static void read_subject(const char *text)
{
    static struct flow flow;
    struct subject subject;
    struct fault fault = {.text = ""};
    char out[SUBJECT_TEXT_MAX];
    bool refused = subject_parse(&subject, text, &fault) != 0;
    require_said(refused, &fault);
    if (refused)
        return;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TYPE, FLOW_TYPE_IPFIX);
    size_t len = subject_render(&subject, &flow, UINT32_MAX, out);
    FUZZ_REQUIRE(len < sizeof out && strlen(out) == len);
    FUZZ_REQUIRE(subject_covers(subject.wildcard, out));
}

static void read_endpoint(const char *text)
{
    struct endpoint endpoint;
    struct fault fault = {.text = ""};
    require_said(endpoint_parse(&endpoint, text, &fault) != 0, &fault);
}

static void read_values(const char *text)
{
    union option_value value;
    for (int kind = OPTION_STRING; kind <= OPTION_URLS; kind++)
        (void)option_value_read((enum option_kind)kind, text, &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static void (*const readers[KINDS])(const char *text) = {
        read_listeners, read_rates,    read_allowed_list, read_allowed_file,
        read_subject,   read_endpoint, read_values};
    if (len == 0)
        return 0;
    log_setup(FUZZ_LOG_NOTHING, false); // unknown keys of a listener are warned of
    char *text = malloc(len);
    FUZZ_REQUIRE(text != NULL);
    memcpy(text, data + 1, len - 1);
    text[len - 1] = '\0';
    readers[data[0] % KINDS](text);
    free(text);
    return 0;
}
