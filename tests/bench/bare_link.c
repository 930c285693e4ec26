#include "tests/bench/bare_link.h"

#define IO_BYTES (256 << 10) // as the daemons'

static natsStatus connect_to(const char *server, natsConnection **connection)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK)
        status = natsOptions_SetURL(options, server);
    if (status == NATS_OK)
        status = natsOptions_SetIOBufSize(options, IO_BYTES);
    if (status == NATS_OK)
        status = natsConnection_Connect(connection, options);
    natsOptions_Destroy(options);
    return status;
}

natsStatus bare_link_open(const char *server, int64_t window, natsConnection **connection,
                          jsCtx **js)
{
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = window;
    natsStatus status = connect_to(server, connection);
    return status == NATS_OK ? natsConnection_JetStream(js, *connection, &options) : status;
}

void bare_link_close(natsConnection *connection, jsCtx *js)
{
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    nats_Close();
}
