// Templates, option tables and sampling rates shared by the collectors of a fleet, through a
// JetStream key-value bucket: an exporter that announces them to one is decoded by all.
//
// What an exporter announces is put under a key of exporter and templates, when it is news and
// again from time to time; what others put comes back as announcements and is parsed like what the
// exporter sends, but never takes the place of that. A thread of its own does both. Bounded:
// announcements that wait, puts a second, and the bucket itself, which forgets what nobody
// announced for a week, and over SHARE_BUCKET_BYTES what nobody announced for longest.
#pragma once

#include "collector/decode/decode.h"
#include "common/sink/nats/option.h"

#define SHARE_BUCKET_BYTES (64 << 20)

struct lane;
struct share;

// Whether that is a bucket's name, or none at all: 0, or -1.
int share_check(const char *bucket);

// Makes one for the bucket, or NULL when that is "". Of the options it takes the access, and the
// replicas of a bucket that is made; texts are borrowed for its life. 0, or -1 after having logged
// why.
int share_open(struct share **out, const struct nats_options *options, const char *bucket);

// Starts the thread; `lanes` stays the caller's until share_end. 0, or -1 after having logged why.
// Without a share there is nothing to do.
int share_start(struct share *share, struct lane *const *lanes, unsigned count);

// Once more, announcements may come until the call. NULL is allowed.
void share_end(struct share *share);

// Takes a copy of an announcement to be put, first of all those of exporters that are proven to
// send data. Any thread; never waits for the network.
void share_put(struct share *share, const struct datagram *announcement, bool proven);
