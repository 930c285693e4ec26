// Runs a fuzz target over the files and directories named, as libFuzzer would do with -runs=0.
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static size_t count;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    if (file == NULL || fstat(fileno(file), &facts) != 0) {
        perror(path);
        exit(1);
    }
    size_t len = (size_t)facts.st_size;
    uint8_t *bytes = malloc(len == 0 ? 1 : len);
    if (bytes == NULL || fread(bytes, 1, len, file) != len) {
        perror(path);
        exit(1);
    }
    fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
    count++;
}

static void run_directory(const char *path, DIR *directory)
{
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char file[1024];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        run_file(file);
    }
    closedir(directory);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        if (directory != NULL)
            run_directory(argv[i], directory);
        else
            run_file(argv[i]);
    }
    printf("%zu inputs\n", count);
    return count == 0;
}
