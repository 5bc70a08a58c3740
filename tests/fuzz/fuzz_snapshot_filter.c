/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snapshot_filter.c - any filter of List.
 */
#include "filter.h"

#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snap_match m;
    if (snap_filter_match(data, size, &m, NULL) == CL_OK) {
        assert(m.ref.len == 0 || snap_kind_of(m.ref.data, m.ref.len) == SNAP_COMMITTED);
        assert(m.ref.len > 0 || m.parent.len == 0);
        assert(m.parent.len == 0 || snap_name_good(m.parent.data, m.parent.len));
    }
    return 0;
}
