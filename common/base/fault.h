// Why an operator's file was refused: one line, file:line: what, got, wanted.
//
// The caller owns it; who finds the fault fills it once, who called decides to log or to exit.
#pragma once

#define FAULT_TEXT_MAX 512

struct fault {
    char text[FAULT_TEXT_MAX]; // empty: no fault
};

// Cut when it is too long; what is no text for a terminal becomes question marks (utf8_mask).
// Always returns -1, so that a function can end with it.
int fault_set(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
