// goflow2plus -status: asks a running collector for its exporters and prints them as a table.
#pragma once

// 0, or 1 after one line on stderr.
int status_print(const char *address);
