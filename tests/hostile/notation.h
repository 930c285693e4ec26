// Datagrams in a short notation: hexadecimal, with lengths and headers filled in on request.
//
//   0a0b 0c          bytes; blanks are free
//   "text"           its bytes
//   5*(0a0b)         repeated
//   5*(@0100)        two bytes that count up: 0100 0101 0102 0103 0104
//   v9(7: ...)       a NetFlow v9 header of source id 7, and what follows
//   ipfix(7: ...)    an IPFIX header of domain 7; its length is that of what follows
//   set(100: ...)    a set of id 100 (hexadecimal), its length filled in
//   v5(2: ...)       a NetFlow v5 header that announces 2 records
//   sflow(2: ...)    an sFlow header that announces 2 samples
//   item(1: ...)     an sFlow sample or record of format 1 (hexadecimal), its length filled in
//
// Headers are those of an export at 1700000000 s, uptime 10000 ms, sequence number 1, agent
// 10.9.8.7. For tests: a mistake in the notation ends the program.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NOTATION_BYTES_MAX 65535

// Writes the bytes of `text` at `out`, which has room for NOTATION_BYTES_MAX. Returns their number.
// `where` names the text in messages.
size_t notation_read(uint8_t *out, const char *text, const char *where);
