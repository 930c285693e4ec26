#include "common/base/check.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MAX_BYTES (256 << 10)
#define LINE_ROOM        4096

bool check_begin(struct check *check, const struct settings *settings)
{
    char *room = malloc(REPORT_MAX_BYTES);
    *check = (struct check){.out = buf_over(room, room == NULL ? 0 : REPORT_MAX_BYTES)};
    if (room == NULL)
        return false;
    check_heading(check, "settings that are not the default");
    size_t before = check->out.len;
    settings_put(settings, &check->out);
    if (check->out.len == before)
        check_line(check, "none");
    return true;
}

void check_heading(struct check *check, const char *name)
{
    buf_printf(&check->out, "%s:\n", name);
}

void check_line(struct check *check, const char *format, ...)
{
    char line[LINE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buf_printf(&check->out, "  %s\n", line);
}

void check_fail(struct check *check, const struct settings *settings, const char *name,
                const char *what)
{
    check->failed = true;
    (void)settings_complain(settings, name, what);
}

void check_away(struct check *check, const struct settings *settings, const char *name,
                const char *what)
{
    check->away = true;
    (void)settings_complain(settings, name, what);
}

static void fail_file(struct check *check, const struct settings *settings, const char *name,
                      const char *path, const char *why)
{
    char what[LINE_ROOM];
    snprintf(what, sizeof what, "%s: %s", path, why);
    check_fail(check, settings, name, what);
}

void check_readable(struct check *check, const struct settings *settings, const char *name,
                    const char *path)
{
    struct stat status;
    if (access(path, R_OK) != 0)
        fail_file(check, settings, name, path, strerror(errno));
    else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        fail_file(check, settings, name, path, strerror(EISDIR));
}

// Cuts the last part of a path off: what is left is the folder that holds it.
static void cut_name(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        memcpy(path, ".", 2);
    else
        slash[slash == path] = '\0';
}

void check_writable(struct check *check, const struct settings *settings, const char *name,
                    const char *path, unsigned folders)
{
    char folder[PATH_MAX];
    struct stat status;
    int length = snprintf(folder, sizeof folder, "%s", path);
    if (length < 0 || (size_t)length >= sizeof folder) {
        fail_file(check, settings, name, path, strerror(ENAMETOOLONG));
        return;
    }
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode) || access(path, W_OK) != 0)
            fail_file(check, settings, name, path,
                      strerror(S_ISDIR(status.st_mode) ? EISDIR : errno));
        return;
    }
    do
        cut_name(folder);
    while (folders-- != 0 && access(folder, F_OK) != 0 && strcmp(folder, ".") != 0);
    if (stat(folder, &status) != 0 || access(folder, W_OK | X_OK) != 0)
        fail_file(check, settings, name, path, strerror(errno));
    else if (!S_ISDIR(status.st_mode))
        fail_file(check, settings, name, path, strerror(ENOTDIR));
}

void check_pages(struct check *check, const char *address)
{
    if (*address == '\0')
        return;
    check_heading(check, "operations");
    check_line(check, "pages at http://%s", address);
}

int check_end(struct check *check)
{
    buf_printf(&check->out, "%s\n",
               check->failed ? "this would not run, see what is said on stderr"
               : check->away ? "this would wait for its servers, see what is said on stderr"
                             : "this would run");
    bool written = fwrite(check->out.data, 1, check->out.len, stdout) == check->out.len &&
                   fflush(stdout) == 0 && buf_ok(&check->out);
    free(check->out.data);
    return check->failed || check->away || !written ? 1 : 0;
}
