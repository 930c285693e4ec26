// The ceiling of a JetStream server on this machine, one half: publishes a file of frames, cut into
// messages as the sink cuts them, with what the library offers for it and nothing else.
//
// Makes nothing: the stream is there. Prints one line of JSON when all is acknowledged.
#include "common/base/options.h"
#include "common/flow/wire.h"
#include "tests/bench/bare_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPLETE_MS 60000
#define ID_MAX      32

struct settings {
    const char *server;
    const char *subject;
    const char *path;
    uint64_t batch_bytes;
    int64_t window;
};

struct file {
    uint8_t *data;
    size_t len;
};

static int read_file(const char *path, struct file *out)
{
    FILE *file = fopen(path, "re");
    long len = -1;
    *out = (struct file){.len = 0};
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        len = ftell(file);
    if (len > 0 && fseek(file, 0, SEEK_SET) == 0)
        out->data = malloc((size_t)len);
    if (out->data != NULL)
        out->len = fread(out->data, 1, (size_t)len, file);
    if (file != NULL)
        fclose(file);
    return out->len != 0 ? 0 : -1;
}

// Where the message that begins at `at` ends: whole frames, as many as go into it.
static size_t message_end(const struct file *file, size_t at, size_t batch_bytes)
{
    size_t end = at;
    while (end < file->len) {
        size_t head;
        size_t len;
        if (wire_frame(file->data + end, file->len - end, &head, &len) != WIRE_FRAME ||
            (end != at && end + head + len - at > batch_bytes))
            break;
        end += head + len;
    }
    return end;
}

static natsStatus publish_one(jsCtx *js, const char *subject, const uint8_t *data, size_t len,
                              uint64_t number)
{
    char id[ID_MAX];
    jsPubOptions options;
    jsPubOptions_Init(&options);
    snprintf(id, sizeof id, "bare-%" PRIx64, number);
    options.MsgId = id;
    return js_PublishAsync(js, subject, data, (int)len, &options);
}

static natsStatus publish_all(jsCtx *js, const struct settings *settings, const struct file *file,
                              uint64_t *messages)
{
    natsStatus status = NATS_OK;
    jsPubOptions wait;
    for (size_t at = 0; at < file->len && status == NATS_OK;) {
        size_t end = message_end(file, at, settings->batch_bytes);
        if (end == at)
            return NATS_INVALID_ARG;
        status = publish_one(js, settings->subject, file->data + at, end - at, ++*messages);
        at = end;
    }
    jsPubOptions_Init(&wait);
    wait.MaxWait = COMPLETE_MS;
    return status == NATS_OK ? js_PublishAsyncComplete(js, &wait) : status;
}

static int run(const struct settings *settings, const struct file *file)
{
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    uint64_t messages = 0;
    natsStatus status = bare_link_open(settings->server, settings->window, &connection, &js);
    if (status == NATS_OK)
        status = publish_all(js, settings, file, &messages);
    if (status == NATS_OK)
        printf("{\"messages\": %" PRIu64 ", \"bytes\": %zu}\n", messages, file->len);
    else
        fprintf(stderr, "bare_publisher: %s\n", natsStatus_GetText(status));
    bare_link_close(connection, js);
    return status == NATS_OK ? 0 : -1;
}

int main(int argc, char *argv[])
{
    struct settings settings = {.server = "nats://127.0.0.1:4222",
                                .subject = "bare",
                                .path = "",
                                .batch_bytes = 15 << 10,
                                .window = 1024};
    const struct option table[] = {
        {"server", OPTION_STRING, &settings.server, "`URL` of the server", "Bare publisher"},
        {"subject", OPTION_STRING, &settings.subject, "of the messages", NULL},
        {"file", OPTION_STRING, &settings.path, "frames", NULL},
        {"batch", OPTION_BYTES, &settings.batch_bytes, "of a message", NULL},
        {"window", OPTION_INT, &settings.window, "messages not acknowledged", NULL},
    };
    struct file file;
    int rest = 0;
    if (options_parse(table, sizeof table / sizeof table[0], argc, argv, &rest) != OPTIONS_OK)
        return 2;
    if (read_file(settings.path, &file) != 0) {
        fprintf(stderr, "%s: wanted a file of frames\n", settings.path);
        return 1;
    }
    int result = run(&settings, &file);
    free(file.data);
    return result == 0 ? 0 : 1;
}
