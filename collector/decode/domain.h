// What is remembered of each exporter: templates, sampling rates and start time, per transport
// session and observation domain.
//
// The key is source address, source port, version and observation domain: RFC 7011, section 8 and
// RFC 3954, section 5.2 scope templates so. Exporters change their port, though (a restart, NAT),
// so what is not found under a port is taken from another port of the same address, version and
// domain, as long as all of these agree; several exporters behind one address commonly do not. Only
// from ports that sent data themselves: what anyone forges from some other port is worth nothing.
//
// Bounded: at most DOMAIN_COUNT_MAX domains, and DOMAIN_BYTES_MAX of them with all they hold; each
// bounded by itself too (template_table.h). Anyone can forge a source address, so a flood of new
// domains pushes out new domains: first go those that never had data decoded, then those that had,
// and last those that had it for DOMAIN_TENURE_NS; of equals the least recently used. Only one
// that was silent for DOMAIN_SILENT_NS goes before all.
// One thread.
#pragma once

#include "collector/decode/template_table.h"
#include "common/base/addr.h"
#include "common/base/ledger.h"

#define DOMAIN_COUNT_MAX     131072
#define DOMAIN_BYTES_MAX     (128u << 20)
#define DOMAIN_TEMPLATES_MAX TEMPLATE_TABLE_COUNT_MAX // of one domain
#define DOMAIN_PORTS_MAX     64                       // of one address, version and domain
#define DOMAIN_TENURE_NS     (UINT64_C(60) * 1000000000)
#define DOMAIN_SILENT_NS     (UINT64_C(3600) * 1000000000)

struct domain_key {
    struct addr source;
    uint16_t port;
    uint8_t version;
    uint32_t id; // observation domain, source id
};

struct domain;
struct domain_store;

// NULL only without memory. With `shared`, ports of one address are one exporter. The seed makes
// the table's order unknown to senders.
struct domain_store *domain_store_new(bool shared, uint64_t seed, struct ledger *ledger);
void domain_store_free(struct domain_store *store);

// What the store takes of memory, itself included.
size_t domain_store_bytes(const struct domain_store *store);

// Says what time it is, Unix nanoseconds; once for each datagram.
void domain_clock(struct domain_store *store, uint64_t now_ns);

// The domain of that key, or NULL. A domain stays valid until the next domain_make.
struct domain *domain_find(struct domain_store *store, const struct domain_key *key);

// The same, made when it is new; NULL only without memory.
struct domain *domain_make(struct domain_store *store, const struct domain_key *key);

enum domain_answer {
    DOMAIN_FOUND,
    DOMAIN_MISSING,   // no port of the exporter knows the template
    DOMAIN_AMBIGUOUS, // they know it with different layouts
    DOMAIN_UNPROVEN,  // only ports know it that never sent data
};

// The template of that id for a data set under `key`; `domain` is domain_find's answer.
enum domain_answer domain_template(struct domain_store *store, const struct domain_key *key,
                                   struct domain *domain, uint16_t id, const struct template **out);

// The template of that id in this very domain, or NULL.
const struct template *domain_own_template(const struct domain *domain, uint16_t id);

// Takes the template over, in place of one of the same id, or of another one when the domain is
// full (counted in the ledger). 0, or -1 without memory, when the template was freed.
int domain_put(struct domain_store *store, struct domain *domain, struct template *template);

// RFC 7011, section 8.1: one template; or all data or all options templates.
void domain_withdraw(struct domain_store *store, struct domain *domain, uint16_t id);
void domain_withdraw_all(struct domain_store *store, struct domain *domain, bool options);

// Compiles all templates again for that mapping (NULL: none), which then must live until the next
// call; templates that are put later are the caller's to compile.
void domain_store_map(struct domain_store *store, const struct mapping *mapping);

// Notes that data was decoded: the domain is used, and one worth keeping. True when it was the
// first: what it announced serves other ports from now on.
bool domain_touch(struct domain_store *store, struct domain *domain);

// All templates: of established domains first, of the least known ones last; until `visit` says
// false. Templates of the key's group, whatever its port.
typedef bool domain_visit(void *user, const struct domain_key *key,
                          const struct template *template);
void domain_visit_templates(const struct domain_store *store, domain_visit *visit, void *user);
void domain_visit_group(const struct domain_store *store, const struct domain_key *key,
                        domain_visit *visit, void *user);

// The start time of the exporter, 0: it did not say it; the domain may be NULL.
uint64_t domain_init_ms(const struct domain *domain);
void domain_set_init_ms(struct domain_store *store, struct domain *domain, uint64_t init_ms);

// The same for a record of that key: what observation domain 0 of its exporter says holds where its
// own domain says nothing (RFC 7011, section 3.1).
uint64_t domain_find_init_ms(struct domain_store *store, const struct domain_key *key,
                             const struct domain *domain);
