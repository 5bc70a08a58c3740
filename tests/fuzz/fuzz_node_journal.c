/* SPDX-License-Identifier: Apache-2.0
 * fuzz_node_journal.c - journals of `cloister node`: the input is what stands behind the checksum,
 * which is made to fit; what is taken must be the same when it is written again.
 */
#undef NDEBUG
#include "journal.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static json_t *decode(const void *data, size_t len)
{
    json_t *txn = NULL;
    struct cl_err err = {0};
    return node_journal_decode(data, len, &txn, &err) == CL_OK ? txn : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_buf sealed = {0};
    struct cl_buf again = {0};
    struct cl_err err = {0};
    char sha256[NODE_HEX_SIZE];
    json_decref(decode(data, len));
    if (node_sha256(data, len, sha256, &err) == CL_OK &&
        cl_buf_printf(&sealed, &err, "cloister-node-journal/1 %s\n", sha256) == CL_OK &&
        cl_buf_append(&sealed, data, len, &err) == CL_OK) {
        json_t *txn = decode(sealed.data, sealed.len);
        if (txn != NULL) {
            assert(node_journal_encode(txn, &again, &err) == CL_OK);
            json_t *second = decode(again.data, again.len);
            assert(second != NULL && json_equal(txn, second));
            json_decref(second);
        }
        json_decref(txn);
    }
    cl_buf_done(&sealed);
    cl_buf_done(&again);
    return 0;
}
