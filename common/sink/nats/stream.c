#include "common/sink/nats/stream.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 3000

static jsCtx *context_of(struct nats_link *link)
{
    jsCtx *js = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = ANSWER_MS;
    natsStatus status = natsConnection_JetStream(&js, nats_link_connection(link), &options);
    return status == NATS_OK ? js : NULL;
}

static const char *error_text(natsStatus status)
{
    natsStatus latest;
    const char *text = nats_GetLastError(&latest);
    return text == NULL || *text == '\0' || latest != status ? natsStatus_GetText(status) : text;
}

static enum nats_stream_state look(struct nats_link *link, jsCtx *js, const char *name,
                                   jsStreamInfo **info)
{
    jsErrCode code = 0;
    natsStatus status = js_GetStreamInfo(info, js, name, NULL, &code);
    if (status == NATS_OK)
        return NATS_STREAM_READY;
    if (code == JSStreamNotFoundErr || (status == NATS_NOT_FOUND && code == 0))
        return NATS_STREAM_MISSING;
    nats_link_complain(link, "JetStream does not answer about the stream", error_text(status));
    return NATS_STREAM_UNKNOWN;
}

static void note(const jsStreamInfo *info, struct nats_stream_facts *facts)
{
    *facts = (struct nats_stream_facts){.duplicates_ns = info->Config->Duplicates,
                                        .message_max = info->Config->MaxMsgSize};
}

enum nats_stream_state nats_stream_look(struct nats_link *link, const char *name,
                                        struct nats_stream_facts *facts)
{
    jsStreamInfo *info = NULL;
    jsCtx *js = context_of(link);
    enum nats_stream_state state = NATS_STREAM_UNKNOWN;
    if (js != NULL)
        state = look(link, js, name, &info);
    if (state == NATS_STREAM_READY)
        note(info, facts);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return state;
}

static enum nats_stream_state make(struct nats_link *link, jsCtx *js, const struct nats_options *o,
                                   const struct subject *subject, jsStreamInfo **info)
{
    const struct nats_stream_options *making = &o->making;
    const char *subjects[] = {subject->wildcard};
    jsErrCode code = 0;
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = o->stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Replicas = making->replicas;
    config.MaxAge = making->max_age_ns;
    config.MaxBytes = making->max_bytes == 0 ? -1 : (int64_t)making->max_bytes;
    config.Duplicates = making->duplicates_ns;
    if (making->max_age_ns != 0 && making->max_age_ns < making->duplicates_ns)
        config.Duplicates = making->max_age_ns; // the server refuses a longer one
    config.Storage = strcmp(making->storage, "memory") == 0 ? js_MemoryStorage : js_FileStorage;
    config.Discard = strcmp(making->discard, "new") == 0 ? js_DiscardNew : js_DiscardOld;
    config.Retention = strcmp(making->retention, "workqueue") == 0  ? js_WorkQueuePolicy
                       : strcmp(making->retention, "interest") == 0 ? js_InterestPolicy
                                                                    : js_LimitsPolicy;
    natsStatus status = js_AddStream(info, js, &config, NULL, &code);
    if (status == NATS_OK) {
        log_info("stream made", "stream", o->stream, "subject", subject->wildcard);
        return NATS_STREAM_READY;
    }
    // Another collector may have made it since.
    if (code == JSStreamNameExistErr)
        return NATS_STREAM_UNKNOWN;
    nats_link_complain(link, "the stream cannot be made", error_text(status));
    return NATS_STREAM_MISSING;
}

void nats_stream_check(const struct nats_stream_facts *facts, const struct nats_bound *bound,
                       const struct nats_options *options, const struct subject *subject,
                       int64_t horizon_ns)
{
    bool covered = !bound->known;
    for (unsigned i = 0; i < bound->count; i++)
        covered |= subject_covers(bound->subjects[i], subject->wildcard);
    if (!covered)
        log_warn("the stream is not bound to all subjects: messages to the others are not stored",
                 "stream", options->stream, "subject", subject->wildcard);
    if (facts->duplicates_ns < horizon_ns)
        log_warn("the stream forgets ids sooner than messages are sent again: flows may come twice",
                 "stream", options->stream, "duplicates_ms",
                 log_number(facts->duplicates_ns / 1000000).text, "wanted_ms",
                 log_number(horizon_ns / 1000000).text);
}

// Without memory nothing is known.
static void note_bound(const jsStreamInfo *info, struct nats_bound *bound)
{
    const jsStreamConfig *config = info->Config;
    int count = config->SubjectsLen;
    bound->subjects = count == 0 ? NULL : calloc((size_t)count, sizeof bound->subjects[0]);
    bound->known = count == 0 || bound->subjects != NULL;
    for (int i = 0; bound->subjects != NULL && i < count; i++)
        if (strlen(config->Subjects[i]) < SUBJECT_TEXT_MAX) // longer than any of ours
            memcpy(bound->subjects[bound->count++], config->Subjects[i],
                   strlen(config->Subjects[i]) + 1);
}

enum nats_stream_state nats_stream_ensure(struct nats_link *link,
                                          const struct nats_options *options,
                                          const struct subject *subject,
                                          struct nats_stream_facts *facts, struct nats_bound *bound)
{
    jsStreamInfo *info = NULL;
    jsCtx *js = context_of(link);
    enum nats_stream_state state = NATS_STREAM_UNKNOWN;
    *bound = (struct nats_bound){.known = false};
    if (js != NULL)
        state = look(link, js, options->stream, &info);
    if (state == NATS_STREAM_MISSING && options->making.create)
        state = make(link, js, options, subject, &info);
    else if (state == NATS_STREAM_MISSING)
        nats_link_complain(link, "the stream is not there, waiting for it", options->stream);
    if (state == NATS_STREAM_READY) {
        note(info, facts);
        note_bound(info, bound);
    }
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return state;
}
