/* SPDX-License-Identifier: Apache-2.0
 * check_main.h - runs one Check suite as a program. Forking is left on, so that a crash is one
 * failed test.
 */
#ifndef CL_TEST_CHECK_MAIN_H
#define CL_TEST_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
