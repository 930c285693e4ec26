#include "tests/common/sink/file_case.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int file_case_set_up(void **state)
{
    struct file_case *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    snprintf(f->directory, sizeof f->directory, "/tmp/file_test.XXXXXX");
    if (mkdtemp(f->directory) == NULL)
        return -1;
    snprintf(f->path, sizeof f->path, "%s/out", f->directory);
    snprintf(f->moved, sizeof f->moved, "%s/out.1", f->directory);
    *state = f;
    return 0;
}

int file_case_tear_down(void **state)
{
    struct file_case *f = *state;
    unlink(f->path);
    unlink(f->moved);
    rmdir(f->directory);
    free(f);
    return 0;
}

struct sink *file_case_open(const char *path, bool blocking)
{
    struct sink_options options = {
        .path = path, .separator = "\n", .buffer_bytes = 1, .blocking = blocking};
    struct sink *sink = SINK_FILE.open(&options);
    assert_non_null(sink);
    return sink;
}

void assert_balance(const struct ledger *ledger)
{
    assert_true(ledger_balanced(ledger));
}

int file_case_write(struct sink_writer *writer, unsigned owner, unsigned number, size_t len)
{
    const struct flow_view view = {.flow = NULL};
    uint8_t *room = sink_room(writer, len);
    assert_non_null(room);
    int head = snprintf((char *)room, len, "%u %u %zu ", owner, number, len);
    memset(room + head, 'x', len - (size_t)head);
    writer->ledger->flows_made++;
    return sink_write(writer, &view, room, len);
}

static bool is_right(struct file_reading *r, const char *line, size_t got)
{
    unsigned owner = 0;
    unsigned number = 0;
    size_t len = 0;
    int head = 0;
    if (sscanf(line, "%u %u %zu %n", &owner, &number, &len, &head) != 3 || owner >= THREADS)
        return false;
    bool ordered = number > r->last[owner];
    r->last[owner] = number;
    return ordered && got == len + 1 && (size_t)head + strspn(line + head, "x") == len;
}

void *file_case_read(void *user)
{
    struct file_reading *r = user;
    char *line = NULL;
    size_t room = 0;
    ssize_t got = 0;
    while ((got = getline(&line, &room, r->in)) > 0) {
        r->wrong += !is_right(r, line, (size_t)got);
        if (r->slow && r->lines % 256 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        r->lines++;
    }
    free(line);
    return NULL;
}

unsigned file_case_lines(const char *path)
{
    struct file_reading reading = {.in = fopen(path, "r")};
    assert_non_null(reading.in);
    file_case_read(&reading);
    fclose(reading.in);
    assert_int_equal(reading.wrong, 0);
    return reading.lines;
}
off_t file_case_size(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

struct rlimit file_case_limit(rlim_t bytes)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = bytes, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    return before;
}
