#include "common/sink/nats/check.h"

#include "common/base/log.h"
#include "common/sink/nats/link.h"
#include "common/sink/nats/subject.h"

#include <limits.h>
#include <stdio.h>

static void ignore(void *user)
{
    (void)user;
}

static void try_servers(struct check *check, struct nats_link *link)
{
    struct fault fault = {.text = ""};
    if (nats_link_try(link, &fault) == 0) {
        check_line(check, "a server answers");
        return;
    }
    log_error(fault.text);
    check->away = true;
}

void nats_check_access(struct check *check, const struct nats_access *access)
{
    static const struct nats_link_user nobody = {
        .name = "check", .what = "check", .reconnected = ignore};
    struct nats_link *link = nats_link_open(access, &nobody);
    if (link == NULL) {
        check->failed = true;
        return;
    }
    check_line(check, "servers %s", nats_link_servers(link));
    if (check->connects)
        try_servers(check, link);
    nats_link_close(link);
}

void nats_check(struct check *check, const struct settings *settings,
                const struct sink_options *options)
{
    const struct nats_options *o = options->nats;
    struct subject subject;
    struct fault fault = {.text = ""};
    char spool[PATH_MAX];
    check_line(check, "stream %s, subject %s", o->stream, o->subject);
    if (subject_parse(&subject, o->subject, &fault) != 0)
        check_fail(check, settings, "transport.nats.subject", fault.text);
    nats_check_access(check, &o->access);
    if (*o->spool == '\0')
        return;
    check_line(check, "spool in %s, at most %llu bytes", o->spool,
               (unsigned long long)o->spool_bytes);
    snprintf(spool, sizeof spool, "%s/%s.spool", o->spool, o->stream);
    check_writable(check, settings, "transport.nats.spool", spool, 1);
}
