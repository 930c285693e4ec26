// A MaxMind database, compiled: its tree walked once into prefixes, its records into what is used
// of them.
//
// GeoLite2's and GeoIP2's layouts are understood (country, city, ASN, ISP and Enterprise), and flat
// ones (country_code, country; asn, as_name and the like), whatever type the file claims. The file
// is copied before it is parsed, so that one that is replaced in place cannot hurt. Used by one
// thread while a snapshot is built.
#pragma once

#include "common/base/fault.h"
#include "common/base/intern.h"
#include "common/enrich/lpm.h"
#include "common/enrich/place.h"

#include <stddef.h>
#include <stdint.h>

#define GEO_NAME_MAX PLACE_NAME_MAX // bytes of an AS name; longer ones are cut

enum geo_kind {
    GEO_ASN,
    GEO_COUNTRY,
};

struct geo {
    struct lpm_entry *entries; // sorted as lpm_new wants; values are numbers of `values`
    size_t entry_count;
    struct intern *values; // GEO_ASN: see geo_asn; GEO_COUNTRY: the two letters
    uint64_t built;        // Unix seconds
};

// Reads the file. 0, or -1 with the fault filled; call geo_fini in either case.
int geo_load(struct geo *geo, enum geo_kind kind, const char *path, struct fault *fault);
void geo_fini(struct geo *geo);

// The AS number of a value of a GEO_ASN database, 0 when it has only a name; and that name.
uint32_t geo_asn(const struct intern *values, uint32_t value, struct span *name);
