#include "collector/monitor/stranger_list.h"

#include "common/base/loss.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(const void *a, const void *b)
{
    const struct stranger *x = a;
    const struct stranger *y = b;
    const uint8_t left[] = {x->listener, x->payload, x->version, x->source.len};
    const uint8_t right[] = {y->listener, y->payload, y->version, y->source.len};
    int result = memcmp(left, right, sizeof left);
    return result != 0 ? result : memcmp(x->source.bytes, y->source.bytes, sizeof x->source.bytes);
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = ((const struct stranger *)a)->last_ns;
    uint64_t y = ((const struct stranger *)b)->last_ns;
    return x > y ? -1 : x < y;
}

static void merge(struct stranger *into, const struct stranger *from)
{
    uint64_t count = into->count + from->count;
    uint64_t first_ns = into->first_ns < from->first_ns ? into->first_ns : from->first_ns;
    if (from->last_ns > into->last_ns)
        *into = *from;
    into->count = count;
    into->first_ns = first_ns;
}

static void merge_same(struct stranger_list *list)
{
    size_t kept = 0;
    qsort(list->items, list->count, sizeof list->items[0], compare_keys);
    for (size_t i = 0; i < list->count; i++) {
        if (kept != 0 && stranger_same(&list->items[kept - 1], &list->items[i]))
            merge(&list->items[kept - 1], &list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

int stranger_list_init(struct stranger_list *list, struct survey *const *surveys, unsigned count,
                       size_t room)
{
    size_t most = 0;
    *list = (struct stranger_list){.count = 0};
    for (unsigned i = 0; i < count; i++)
        most += surveys[i]->stranger_count;
    list->items = calloc(most + 1, sizeof list->items[0]);
    if (list->items == NULL)
        return -1;
    for (unsigned i = 0; i < count; i++)
        for (size_t j = 0; j < surveys[i]->stranger_count; j++)
            list->items[list->count++] = surveys[i]->strangers[j];
    merge_same(list);
    qsort(list->items, list->count, sizeof list->items[0], compare_times);
    list->left_out = list->count > room ? list->count - room : 0;
    list->count -= list->left_out;
    return 0;
}

void stranger_list_fini(struct stranger_list *list)
{
    free(list->items);
}

const char *stranger_payload_text(char room[static 32], const struct stranger *one)
{
    static const char *const texts[] = {
        [STRANGER_UNKNOWN] = "no known protocol",
        [STRANGER_NOTHING] = "no bytes",
        [STRANGER_NETFLOW] = "NetFlow",
        [STRANGER_IPFIX] = "IPFIX",
        [STRANGER_SFLOW] = "sFlow",
        [STRANGER_SYSLOG] = "syslog",
        [STRANGER_SNMP] = "SNMP",
        [STRANGER_TEXT] = "text",
    };
    if (one->version == 0)
        return texts[one->payload];
    snprintf(room, 32, "%s v%u", texts[one->payload], one->version);
    return room;
}

// The listener that would take it; NULL when none does.
static const struct listener *taker_of(const struct stranger *one, const struct listener *listeners,
                                       int listener_count)
{
    for (int i = 0; i < listener_count; i++)
        if ((one->takers & 1 << listeners[i].uri.scheme) != 0)
            return &listeners[i];
    return NULL;
}

const char *stranger_advice(char room[static 128], const struct stranger *one,
                            const struct listener *listeners, int listener_count)
{
    const struct listener *taker = taker_of(one, listeners, listener_count);
    bool flows = one->payload == STRANGER_NETFLOW || one->payload == STRANGER_SFLOW;
    if (one->why == STRANGER_NOT_ALLOWED)
        return "-allow does not name the sender";
    if (one->why == STRANGER_MALFORMED)
        return "cut short or malformed";
    if (one->takers == 0)
        return flows ? "this version is not read: let it send another"
                     : "not flows: send elsewhere";
    if (taker == NULL)
        return (one->takers & 1 << DECODE_SFLOW) != 0 ? "add sflow://:6343 to -listen"
                                                      : "add netflow://:2055 to -listen";
    snprintf(room, 128, "send them to port %u", taker->uri.port);
    return room;
}

const char *stranger_text(char room[static STRANGER_TEXT_MAX], const struct stranger *one,
                          const struct listener *listeners, int listener_count)
{
    char address[ADDR_TEXT_MAX];
    char payload[32];
    char advice[128];
    struct buf text = buf_over(room, STRANGER_TEXT_MAX - 1);
    buf_printf(&text, "%s: %llu %s of %s", addr_string(address, &one->source),
               (unsigned long long)one->count, one->count == 1 ? "datagram" : "datagrams",
               stranger_payload_text(payload, one));
    if (one->listener < listener_count)
        buf_printf(&text, " at %s port %u", listen_scheme_name(listeners[one->listener].uri.scheme),
                   listeners[one->listener].uri.port);
    buf_printf(&text, ": %s", stranger_advice(advice, one, listeners, listener_count));
    room[text.len] = '\0';
    return room;
}

void stranger_put_text(FILE *out, const struct stranger_list *list,
                       const struct listener *listeners, int listener_count)
{
    char text[STRANGER_TEXT_MAX];
    if (list->count != 0)
        fputs("SENDERS REFUSED, the latest first\n", out);
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "  %s (last %s)\n",
                stranger_text(text, &list->items[i], listeners, listener_count),
                loss_time((int64_t)list->items[i].last_ns).text);
    if (list->left_out != 0)
        fprintf(out, "  and %zu more\n", list->left_out);
}

static void put_one(FILE *out, const struct stranger *one, const struct listener *listeners,
                    int listener_count)
{
    static const char *const whys[] = {[STRANGER_NOT_ALLOWED] = "not allowed",
                                       [STRANGER_NOT_TAKEN] = "protocol not taken here",
                                       [STRANGER_MALFORMED] = "malformed"};
    char address[ADDR_TEXT_MAX];
    char payload[32];
    char advice[128];
    fprintf(out, "{\"sender\":\"%s\",\"sends\":\"%s\",\"why\":\"%s\"",
            addr_string(address, &one->source), stranger_payload_text(payload, one),
            whys[one->why]);
    if (one->listener < listener_count)
        fprintf(out, ",\"scheme\":\"%s\",\"port\":%u",
                listen_scheme_name(listeners[one->listener].uri.scheme),
                listeners[one->listener].uri.port);
    fprintf(out, ",\"datagrams\":%llu,\"do\":\"%s\",\"first\":\"%s\",\"last\":\"%s\"}",
            (unsigned long long)one->count, stranger_advice(advice, one, listeners, listener_count),
            loss_time((int64_t)one->first_ns).text, loss_time((int64_t)one->last_ns).text);
}

void stranger_put_json(FILE *out, const struct stranger_list *list,
                       const struct listener *listeners, int listener_count)
{
    fputc('[', out);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        put_one(out, &list->items[i], listeners, listener_count);
    }
    fputc(']', out);
}
