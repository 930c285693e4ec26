// The ceiling of a JetStream server on this machine, the other half: takes messages out of a stream
// through a durable pull consumer and acknowledges each, and does nothing else. Several may share
// the durable.
//
// Not natsSubscription_Fetch: that asks anew for the few messages that are just there, which costs
// the server more than the messages. Ends on SIGTERM and prints its counts as one line of JSON.
#include "common/base/options.h"
#include "tests/bench/bare_link.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define WAKE_MS    100
#define EXPIRES_NS 2000000000 // of a request
#define TEXT_MAX   256

static volatile sig_atomic_t stop;

struct settings {
    const char *server;
    const char *stream;
    const char *durable;
    int64_t fetch;
    int64_t max_ack_pending;
};

struct consumer {
    natsConnection *connection;
    natsSubscription *subscription;
    char inbox[TEXT_MAX];
    char request_subject[TEXT_MAX];
    char request[TEXT_MAX];
    int64_t wanted; // messages still to come
    uint64_t messages;
    uint64_t bytes;
};

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

static natsStatus make(jsCtx *js, const struct settings *settings)
{
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = settings->durable;
    config.AckPolicy = js_AckExplicit;
    config.MaxAckPending = settings->max_ack_pending;
    return js_AddConsumer(NULL, js, settings->stream, &config, NULL, NULL);
}

static natsStatus subscribe(struct consumer *consumer, const struct settings *settings)
{
    char *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);
    if (status != NATS_OK)
        return status;
    snprintf(consumer->inbox, TEXT_MAX, "%s", inbox);
    natsInbox_Destroy(inbox);
    snprintf(consumer->request_subject, TEXT_MAX, "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
             settings->stream, settings->durable);
    snprintf(consumer->request, TEXT_MAX, "{\"batch\":%" PRId64 ",\"expires\":%d}", settings->fetch,
             EXPIRES_NS);
    status = natsConnection_SubscribeSync(&consumer->subscription, consumer->connection,
                                          consumer->inbox);
    return status == NATS_OK ? natsSubscription_SetPendingLimits(consumer->subscription, -1, -1)
                             : status;
}

// A message without data is the end of a request.
static natsStatus take(struct consumer *consumer, natsMsg *message)
{
    if (natsMsg_GetDataLength(message) == 0) {
        consumer->wanted = 0;
        return NATS_OK;
    }
    consumer->wanted--;
    consumer->messages++;
    consumer->bytes += (uint64_t)natsMsg_GetDataLength(message);
    return natsConnection_PublishString(consumer->connection, natsMsg_GetReply(message), "+ACK");
}

static natsStatus step(struct consumer *consumer, int64_t fetch)
{
    natsMsg *message = NULL;
    natsStatus status = NATS_OK;
    if (consumer->wanted <= 0) {
        consumer->wanted = fetch;
        status = natsConnection_PublishRequestString(
            consumer->connection, consumer->request_subject, consumer->inbox, consumer->request);
    }
    if (status == NATS_OK)
        status = natsSubscription_NextMsg(&message, consumer->subscription, WAKE_MS);
    if (status == NATS_OK)
        status = take(consumer, message);
    natsMsg_Destroy(message);
    return status == NATS_TIMEOUT ? NATS_OK : status;
}

static int run(const struct settings *settings)
{
    struct consumer consumer = {.wanted = 0};
    jsCtx *js = NULL;
    natsStatus status = bare_link_open(settings->server, 0, &consumer.connection, &js);
    if (status == NATS_OK)
        status = subscribe(&consumer, settings);
    if (status == NATS_OK)
        status = make(js, settings);
    while (status == NATS_OK && !stop)
        status = step(&consumer, settings->fetch);
    if (status == NATS_OK)
        printf("{\"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n", consumer.messages,
               consumer.bytes);
    else
        fprintf(stderr, "bare_consumer: %s\n", natsStatus_GetText(status));
    natsSubscription_Destroy(consumer.subscription);
    bare_link_close(consumer.connection, js);
    return status == NATS_OK ? 0 : -1;
}

int main(int argc, char *argv[])
{
    struct settings settings = {.server = "nats://127.0.0.1:4222",
                                .stream = "bare",
                                .durable = "bare",
                                .fetch = 256,
                                .max_ack_pending = 8192};
    const struct option table[] = {
        {"server", OPTION_STRING, &settings.server, "`URL` of the server", "Bare consumer"},
        {"stream", OPTION_STRING, &settings.stream, "`name` of the stream", NULL},
        {"durable", OPTION_STRING, &settings.durable, "`name` of the consumer", NULL},
        {"fetch", OPTION_INT, &settings.fetch, "messages of one request", NULL},
        {"max-ack-pending", OPTION_INT, &settings.max_ack_pending, "messages", NULL},
    };
    const struct sigaction action = {.sa_handler = ask_to_stop};
    int rest = 0;
    if (options_parse(table, sizeof table / sizeof table[0], argc, argv, &rest) != OPTIONS_OK)
        return 2;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return run(&settings) == 0 ? 0 : 1;
}
