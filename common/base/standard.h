// What a process inherits: stdin, stdout and stderr, which it may have been started without, and
// the signals that end it; and the service manager that started it. First things in main.
#pragma once

#include <stdint.h>

// First thing in main: keeps their numbers from what is opened later: one that is closed stays one
// that cannot be read (stdin) or written (the others).
void standard_keep(void);

// First thing in main: keeps SIGHUP waiting until somebody takes it: it asks for a reload, and may
// come before anything there is to be loaded. Threads that are started later inherit that.
void standard_hold_reload(void);

// Tells a service manager that what was started works (sd_notify(3)); nothing without one.
void standard_tell_ready(void);

// Life signs for a service manager that asked for them ($WATCHDOG_USEC, sd_watchdog_enabled(3)).
struct standard_pulse {
    int64_t every_ms; // 0: nobody asked
    int64_t next_ms;  // of the steady clock
};

// What was asked for: two signs in the time after which silence counts as death.
struct standard_pulse standard_pulse_asked(void);

// Gives a sign when one is due. The caller may then wait so long until the next call, at most
// most_ms.
int standard_pulse(struct standard_pulse *pulse, int most_ms);
