/* SPDX-License-Identifier: Apache-2.0
 * run_corpus.c - stands in for libFuzzer's main() in ordinary builds: runs every seed of a folder
 * once.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = malloc(1u << 22);
    size_t len = data != NULL ? fread(data, 1, 1u << 22, f) : 0;
    (void)fclose(f);
    int rc = data == NULL;
    if (data != NULL) {
        uint8_t *exact =
            malloc(len > 0 ? len : 1); /* exact size, so that a sanitizer sees one byte too many */
        if (exact != NULL) {
            memcpy(exact, data, len);
            (void)LLVMFuzzerTestOneInput(exact, len);
        }
        free(exact);
    }
    free(data);
    return rc;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
            char path[4096];
            if (e->d_name[0] == '.') {
                continue;
            }
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            if (run_file(path) != 0) {
                return 1;
            }
            count++;
        }
        (void)closedir(dir);
    }
    printf("%u seeds ran\n", count);
    return count > 0 ? 0 : 1;
}
