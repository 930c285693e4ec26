#include "collector/reload.h"

#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct reload {
    const struct snapshot_options *options;
    reload_adopt *adopt;
    void *user;
    pthread_t thread;
    pthread_mutex_t lock; // guards the two below
    pthread_cond_t changed;
    bool requested;
    bool ending;
};

void reload_log(const char *message, const struct snapshot *snapshot)
{
    struct snapshot_facts facts;
    snapshot_facts(snapshot, &facts);
    log_info(message, "networks", log_unsigned(facts.networks).text, "asn_prefixes",
             log_unsigned(facts.asn_prefixes).text, "country_prefixes",
             log_unsigned(facts.country_prefixes).text, "bytes", log_unsigned(facts.bytes).text);
}

static void build(struct reload *reload)
{
    struct snapshot *snapshot = snapshot_new(reload->options);
    if (snapshot == NULL) {
        log_error("reload failed, what was loaded before stays");
        return;
    }
    reload_log("reloaded context and databases", snapshot);
    reload->adopt(reload->user, snapshot);
}

static void *run(void *user)
{
    struct reload *reload = user;
    pthread_mutex_lock(&reload->lock);
    while (!reload->ending) {
        if (!reload->requested) {
            pthread_cond_wait(&reload->changed, &reload->lock);
            continue;
        }
        reload->requested = false;
        pthread_mutex_unlock(&reload->lock);
        build(reload);
        pthread_mutex_lock(&reload->lock);
    }
    pthread_mutex_unlock(&reload->lock);
    return NULL;
}

struct reload *reload_start(const struct snapshot_options *options, reload_adopt *adopt, void *user)
{
    struct reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL) {
        log_error("cannot start the reload thread", "error", "out of memory");
        return NULL;
    }
    reload->options = options;
    reload->adopt = adopt;
    reload->user = user;
    pthread_mutex_init(&reload->lock, NULL);
    pthread_cond_init(&reload->changed, NULL);
    int error = pthread_create(&reload->thread, NULL, run, reload);
    if (error == 0)
        return reload;
    log_error("cannot start the reload thread", "error", strerror(error));
    free(reload);
    return NULL;
}

static void set(struct reload *reload, bool *what)
{
    pthread_mutex_lock(&reload->lock);
    *what = true;
    pthread_cond_signal(&reload->changed);
    pthread_mutex_unlock(&reload->lock);
}

void reload_request(struct reload *reload)
{
    set(reload, &reload->requested);
}

void reload_end(struct reload *reload)
{
    if (reload == NULL)
        return;
    set(reload, &reload->ending);
    pthread_join(reload->thread, NULL);
    pthread_cond_destroy(&reload->changed);
    pthread_mutex_destroy(&reload->lock);
    free(reload);
}
