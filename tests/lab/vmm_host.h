/* SPDX-License-Identifier: Apache-2.0
 * vmm_host.h - starts a cloister-vmm for a lab test, watches its events and console, plays the host
 * programs behind its sockets. Test tooling: every failure is a failed assertion of Check.
 */
#ifndef VMM_HOST_H
#define VMM_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vm_files { /* from the command line of the test */
    const char *vmm;
    const char *psp;
    const char *stage0;
    const char *image; /* directory of vmm-image */
};
extern struct vm_files vm_files;

#define VM_MAX_ARGS 64

struct vm {
    char dir[64]; /* scratch: sockets, logs, disks */
    pid_t pid;    /* of the process that was started */
    int status_fd;
    const char *args[VM_MAX_ARGS];
    size_t arg_count;
    uid_t uid;         /* 0: as root */
    char events[8192]; /* what came out of --status-fd so far */
    size_t events_len;
};

/* Writes a string to a new file in the VM's directory; returns its path (static storage of the VM's
 * argument list: lives until the process ends). */
const char *vm_path(struct vm *vm, const char *name);
void vm_write_file(const char *path, const void *data, size_t len);
void vm_copy_file(const char *from, const char *to);
void vm_pattern_file(const char *path, size_t size); /* bytes of vmm_pattern.h */
bool vm_is_pattern_file(const char *path, size_t size);

/* Usual arguments: stage0, the test's kernel and initrd, 256M, console and control in the
 * directory. `actions` is for vmm_guest.c. More may be added before vm_start(). */
void vm_init(struct vm *vm, unsigned cpus, const char *actions);
void vm_arg(struct vm *vm, const char *name, const char *value); /* value may be NULL */
void vm_replace_arg(struct vm *vm, const char *name, const char *value);
void vm_start(struct vm *vm);
void vm_stop_hard(struct vm *vm); /* SIGKILL, for what a failed test leaves */

int vm_wait(struct vm *vm);                          /* the exit status; 128 + n for a signal */
void vm_expect_exit(struct vm *vm, int exit_status); /* prints console and events when it differs */
void vm_expect_event(struct vm *vm, const char *text); /* once, somewhere among the events */
void vm_wait_console(struct vm *vm, const char *text); /* until it stands in the console's log */
bool vm_console_has(struct vm *vm, const char *text);
/* "<action> ok" of the guest, else fails with what it said. */
void vm_expect_action(struct vm *vm, const char *action);
pid_t vm_child(struct vm *vm); /* the jailed process */

/* Serves ports of vmm_pattern.h in threads that live as long as the process. */
void vm_serve_echo(struct vm *vm);
void vm_serve_sink(struct vm *vm, unsigned slow_us); /* sleeps between reads */
void vm_serve_source(struct vm *vm, size_t size);
int vm_dial(struct vm *vm, unsigned port); /* through host.sock; -1 when refused */
/* Sends a request, with a descriptor when fd >= 0, and returns the answer (static). */
const char *vm_control(struct vm *vm, const char *line, int fd);

#endif
