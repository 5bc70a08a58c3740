/* SPDX-License-Identifier: Apache-2.0
 * bench_init.c - /init of the guests that bench_boot starts: says on the console that it runs, how
 * much memory the kernel leaves, waits a moment (somebody looks at the VMM), and powers off. Test
 * tooling; PID 1 of a throw-away guest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0) {
        _exit(1);
    }
    (void)tcdrain(STDOUT_FILENO);
}

int main(void)
{
    char line[128];
    char out[160];
    say("BENCH init\n");
    (void)mount("proc", "/proc", "proc", 0, NULL);
    FILE *f = fopen("/proc/meminfo", "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "MemTotal", 8) == 0 || strncmp(line, "MemAvailable", 12) == 0) {
            (void)snprintf(out, sizeof(out), "BENCH %s", line);
            say(out);
        }
    }
    say("BENCH idle\n");
    (void)sleep(4);
    return reboot(RB_POWER_OFF);
}
