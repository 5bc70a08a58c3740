/* SPDX-License-Identifier: Apache-2.0
 * control.c - requests of the control socket: one JSON object a line (interfaces.md I-2).
 * Trust: the peer could open the socket, so it is the VM's owner; its text is still parsed
 * strictly. Threads: main. Memory: one small document.
 */
#include "base/io.h"
#include "base/json.h"
#include "vmm.h"

#include <stdio.h>
#include <string.h>

static enum cl_status attach_disk(struct vmm *v, const json_t *req, int *fd, struct cl_err *err)
{
    static const char *const keys[] = {"op", "slot", "path", NULL};
    const char *path = NULL;
    int64_t slot = 0;
    CL_TRY(cl_json_only_keys(req, "control", keys, err));
    CL_TRY(cl_json_get_int(req, "control", "slot", 1, VMM_DISKS, &slot, err));
    CL_TRY(cl_json_get_string(req, "control", "path", &path, err)); /* for the log only */
    if (*fd < 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "control: disk '%s': expected a file descriptor beside the request",
                          path);
    }
    enum cl_status st = vmm_blk_attach(&v->disk[slot - 1], *fd, false, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "control: '%s'", path);
    }
    *fd = -1; /* taken */
    return CL_OK;
}

static enum cl_status handle(struct vmm *v, const char *line, size_t len, int *fd,
                             struct cl_err *err)
{
    static const char *const stop_keys[] = {"op", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *req = NULL;
    const char *op = NULL;
    CL_TRY(cl_json_parse(line, len, "control", &req, err));
    CL_TRY(cl_json_get_string(req, "control", "op", &op, err));
    if (strcmp(op, "disk") == 0) {
        return attach_disk(v, req, fd, err);
    }
    if (strcmp(op, "stop") == 0) {
        CL_TRY(cl_json_only_keys(req, "control", stop_keys, err));
        vmm_status_end(&v->status, VMM_END_STOPPED, 0, "stopped by request");
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED, "control: op: expected disk or stop, got '%s'", op);
}

void vmm_control_handle(struct vmm *v, const char *line, size_t len, int fd, char *ret_answer,
                        size_t answer_size)
{
    CL_CLEANUP(cl_close_fdp) int own = fd;
    struct cl_err err = {0};
    if (handle(v, line, len, &own, &err) == CL_OK) {
        (void)snprintf(ret_answer, answer_size, "{\"ok\":true}\n");
        return;
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *answer = json_pack("{s:b, s:s}", "ok", 0, "error", err.msg);
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (answer == NULL || cl_json_compact(answer, &text, NULL) != CL_OK ||
        text.len + 2 > answer_size) {
        (void)snprintf(ret_answer, answer_size, "{\"ok\":false,\"error\":\"failed\"}\n");
        return;
    }
    (void)snprintf(ret_answer, answer_size, "%s\n", (const char *)text.data);
}
