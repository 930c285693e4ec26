#include "collector/decode/netflow_walk.h"

#define HELD_TRIES_MAX 16 // held sets of other ports that a template turns out not to serve

// True when it was what proved its port.
static bool decode_held(const struct netflow_walk *walk, const struct held *held)
{
    const struct datagram datagram = {.source = walk->key.source,
                                      .port = held->message.port,
                                      .received_ns = held->message.received_ns};
    struct decode_run run = *walk->run;
    struct netflow_walk past = {.run = &run, .store = walk->store, .dialect = walk->dialect};
    const struct netflow_set set = {.id = held->set_id, .body = cursor_over(held->data, held->len)};
    run.datagram = &datagram;
    past.key = walk->key;
    past.key.port = held->message.port;
    past.export_ns = held->message.export_ns;
    past.uptime_ms = held->message.uptime_ms;
    past.sequence = held->message.sequence;
    past.domain = domain_find(past.store, &past.key);
    walk_base(&past);
    walk_data(&past, &set);
    return past.learned;
}

// Whether the template of a held set is known now. Templates of this message are in its own domain;
// that they serve another port's sets too takes a look at all ports, which is done for so many.
static bool is_answered(const struct netflow_walk *walk, const struct held *held,
                        unsigned *tries_left)
{
    const struct template *template;
    struct domain_key key = walk->key;
    key.port = held->message.port;
    if (walk->domain == NULL || domain_own_template(walk->domain, held->set_id) == NULL)
        return false;
    if (key.port == walk->key.port)
        return true;
    if (*tries_left == 0)
        return false;
    bool found = domain_template(walk->store, &key, domain_find(walk->store, &key), held->set_id,
                                 &template) == DOMAIN_FOUND;
    *tries_left -= !found;
    return found;
}

static bool decode_answered(struct netflow_walk *walk)
{
    unsigned tries_left = HELD_TRIES_MAX;
    bool proven = false;
    struct held *next;
    for (struct held *held = walk->run->exporter->held.first; held != NULL; held = next) {
        next = held->next;
        if (!is_answered(walk, held, &tries_left))
            continue;
        proven |= decode_held(walk, held);
        hold_release(walk->run->hold, held);
        walk->domain = domain_find(walk->store, &walk->key); // decoding may have cost it
    }
    return proven;
}

// What the exporter sent before the templates of this message, as far as they were all it lacked;
// once more for other ports, when their port was proven by the first of it.
void walk_held(struct netflow_walk *walk)
{
    if (decode_answered(walk))
        (void)decode_answered(walk);
}
