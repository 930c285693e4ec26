// -allow: whose datagrams are taken. All others are refused before anything is remembered of them.
//
// Immutable once made: any thread may read; a reload makes a new one. References are counted.
#pragma once

#include "common/base/addr.h"
#include "common/base/fault.h"

#include <stdbool.h>
#include <stddef.h>

struct allow;

// Reads "CIDR,CIDR" or "@FILE", a file of one CIDR a line with # comments. NULL and a fault, for a
// file as file:line: what, got, wanted.
struct allow *allow_new(const char *text, struct fault *fault);

struct allow *allow_ref(struct allow *allow);
void allow_unref(struct allow *allow); // NULL is allowed

bool allow_admits(const struct allow *allow, const struct addr *source);
size_t allow_count(const struct allow *allow);
