#include "common/enrich/reload.h"

#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct reload {
    struct snapshot_options options;
    reload_adopt *adopt;
    void *user;
    pthread_t thread;
    pthread_mutex_t lock; // guards all below, and the life of the user
    pthread_cond_t changed;
    struct reload_state state;
    bool requested;
    bool building;
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

// Called with the lock held, which it gives back while the files are read.
static void build(struct reload *reload)
{
    reload->requested = false;
    reload->building = true;
    pthread_mutex_unlock(&reload->lock);
    struct snapshot *snapshot = snapshot_new(&reload->options);
    pthread_mutex_lock(&reload->lock);
    reload->building = false;
    if (reload->ending) {
        snapshot_unref(snapshot);
        return;
    }
    if (snapshot == NULL) {
        reload->state.failed++;
        log_error("reload failed, what was loaded before stays");
        return;
    }
    reload->state.built++;
    snapshot_facts(snapshot, &reload->state.facts);
    reload_log("reloaded context and databases", snapshot);
    reload->adopt(reload->user, snapshot);
}

static void *run(void *user)
{
    struct reload *reload = user;
    pthread_mutex_lock(&reload->lock);
    while (!reload->ending) {
        if (reload->requested)
            build(reload);
        else
            pthread_cond_wait(&reload->changed, &reload->lock);
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
    reload->options = *options;
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

void reload_state(struct reload *reload, struct reload_state *state)
{
    pthread_mutex_lock(&reload->lock);
    state->built = reload->state.built;
    state->failed = reload->state.failed;
    if (state->built != 0)
        state->facts = reload->state.facts;
    pthread_mutex_unlock(&reload->lock);
}

void reload_request(struct reload *reload)
{
    pthread_mutex_lock(&reload->lock);
    reload->requested = true;
    pthread_cond_signal(&reload->changed);
    pthread_mutex_unlock(&reload->lock);
}

void reload_end(struct reload *reload)
{
    if (reload == NULL)
        return;
    pthread_mutex_lock(&reload->lock);
    reload->ending = true;
    pthread_cond_signal(&reload->changed);
    bool building = reload->building;
    pthread_mutex_unlock(&reload->lock);
    if (building) {
        // Reading a large file takes seconds that the end of the process need not wait for: the
        // thread keeps its memory until then.
        pthread_detach(reload->thread);
        return;
    }
    pthread_join(reload->thread, NULL);
    pthread_cond_destroy(&reload->changed);
    pthread_mutex_destroy(&reload->lock);
    free(reload);
}
