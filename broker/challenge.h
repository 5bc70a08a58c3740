/* SPDX-License-Identifier: Apache-2.0
 * challenge.h - stateless challenges: the cookie is expiry, kind of evidence and randomness, the
 * nonce a MAC over cookie, TEE and protocol version. Nothing is stored before a client has proven
 * something. The MAC key is made when the broker starts and never written: a restart ends all
 * challenges, so that a nonce spent before it cannot be spent again after it.
 */
#ifndef CL_BROKER_CHALLENGE_H
#define CL_BROKER_CHALLENGE_H

#include "base/secret.h"
#include "cloister/rcar.h"

#include <stdbool.h>

#define CL_COOKIE_SIZE 16u
#define CL_COOKIE_TEXT_SIZE 33u
#define CL_NONCE_TEXT_SIZE 45u /* base64 of 32 bytes */

struct cl_challenge {
    struct cl_secret key;
};

CL_NODISCARD enum cl_status cl_challenge_init(struct cl_challenge *c, struct cl_err *err);
void cl_challenge_done(struct cl_challenge *c);
/* family: number of the kind of evidence that will be shown, for the attest request does not say.
 */
CL_NODISCARD enum cl_status cl_challenge_cookie(int64_t expires, unsigned family,
                                                char ret[static CL_COOKIE_TEXT_SIZE],
                                                struct cl_err *err);
CL_NODISCARD enum cl_status cl_challenge_nonce(const struct cl_challenge *c, const char *cookie,
                                               const char *tee, enum cl_rcar_version v,
                                               char ret[static CL_NONCE_TEXT_SIZE],
                                               struct cl_err *err);
/* False unless the text is 32 lower-case hex digits. */
bool cl_challenge_cookie_parse(const char *text, uint8_t ret[static CL_COOKIE_SIZE],
                               int64_t *ret_expires, unsigned *ret_family);

#endif
