// What a process inherits: stdin, stdout and stderr, which it may have been started without, and
// the signals that end it. First things in main.
#pragma once

// First thing in main: keeps their numbers from what is opened later: one that is closed stays one
// that cannot be read (stdin) or written (the others).
void standard_keep(void);

// First thing in main: keeps SIGHUP waiting until somebody takes it: it asks for a reload, and may
// come before anything there is to be loaded. Threads that are started later inherit that.
void standard_hold_reload(void);

// Tells a service manager that what was started works (sd_notify(3)); nothing without one.
void standard_tell_ready(void);
