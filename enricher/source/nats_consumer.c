#include "enricher/source/nats_consumer.h"

#include "common/base/log.h"

#include <string.h>

#define ANSWER_MS 3000
#define LAG_MS    500 // acknowledgements wait meanwhile
#define PULLS_MAX 512 // requests that wait at the consumer: one of each enricher

static const char *error_text(natsStatus status)
{
    natsStatus latest;
    const char *text = nats_GetLastError(&latest);
    return text == NULL || *text == '\0' || latest != status ? natsStatus_GetText(status) : text;
}

static natsStatus make(jsCtx *js, const struct nats_source_options *o, jsConsumerInfo **info,
                       jsErrCode *code)
{
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = o->durable;
    config.DeliverPolicy = js_DeliverAll;
    config.AckPolicy = js_AckExplicit;
    config.AckWait = o->ack_wait_ns;
    config.MaxAckPending = o->max_ack_pending;
    config.MaxDeliver = -1;
    config.MaxWaiting = PULLS_MAX;
    config.FilterSubject = *o->subject == '\0' ? NULL : o->subject;
    natsStatus status = js_AddConsumer(info, js, o->stream, &config, NULL, code);
    if (status == NATS_OK)
        log_info("consumer made", "stream", o->stream, "durable", o->durable);
    return status;
}

static int check(struct nats_link *link, const struct nats_source_options *o,
                 const jsConsumerInfo *info)
{
    const jsConsumerConfig *config = info->Config;
    const char *filter = config->FilterSubject == NULL ? "" : config->FilterSubject;
    if (config->DeliverSubject != NULL && *config->DeliverSubject != '\0') {
        nats_link_complain(link, "the consumer pushes, wanted one to pull from", o->durable);
        return -1;
    }
    if (config->AckPolicy != js_AckExplicit) {
        nats_link_complain(link, "the consumer wants no explicit acknowledgements", o->durable);
        return -1;
    }
    if (strcmp(filter, o->subject) != 0)
        log_warn("the consumer takes another subject, it stays as it is", "durable", o->durable,
                 "got", filter, "wanted", o->subject);
    if (config->AckWait < o->ack_wait_ns)
        log_warn("the consumer waits less for acknowledgements than asked for, it stays as it is",
                 "durable", o->durable, "got_ms", log_number(config->AckWait / 1000000).text,
                 "wanted_ms", log_number(o->ack_wait_ns / 1000000).text);
    return 0;
}

int nats_consumer_lag(struct nats_link *link, const struct nats_source_options *options,
                      uint64_t *behind, uint64_t *unacknowledged)
{
    jsCtx *js = NULL;
    jsConsumerInfo *info = NULL;
    jsOptions wait;
    jsOptions_Init(&wait);
    wait.Wait = LAG_MS;
    natsStatus status = natsConnection_JetStream(&js, nats_link_connection(link), &wait);
    if (status == NATS_OK)
        status = js_GetConsumerInfo(&info, js, options->stream, options->durable, NULL, NULL);
    if (status == NATS_OK) {
        *behind = info->NumPending;
        *unacknowledged = (uint64_t)info->NumAckPending;
    }
    jsConsumerInfo_Destroy(info);
    jsCtx_Destroy(js);
    // A connection that is lost is the link's to mend.
    if (status == NATS_OK || status == NATS_TIMEOUT || status == NATS_CONNECTION_CLOSED ||
        status == NATS_CONNECTION_DISCONNECTED)
        return 0;
    nats_link_complain(link, "the consumer cannot be had any more", error_text(status));
    return -1;
}

int nats_consumer_ensure(struct nats_link *link, const struct nats_source_options *options,
                         struct nats_consumer *out)
{
    jsCtx *js = NULL;
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    jsOptions wait;
    jsOptions_Init(&wait);
    wait.Wait = ANSWER_MS;
    natsStatus status = natsConnection_JetStream(&js, nats_link_connection(link), &wait);
    if (status == NATS_OK)
        status = js_GetConsumerInfo(&info, js, options->stream, options->durable, NULL, &code);
    if (js != NULL && code == JSConsumerNotFoundErr)
        status = make(js, options, &info, &code);
    int result = -1;
    if (status != NATS_OK)
        nats_link_complain(link, "the consumer cannot be had", error_text(status));
    else
        result = check(link, options, info);
    if (result == 0)
        out->ack_wait_ns = info->Config->AckWait;
    jsConsumerInfo_Destroy(info);
    jsCtx_Destroy(js);
    return result;
}
