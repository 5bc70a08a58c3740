/* SPDX-License-Identifier: Apache-2.0
 * signatures.h - whether a manifest that the host brings has a signature that the policy wants.
 * Trust: the host gives signatures and what they sign; only one that a key of the rule made is
 *        believed, and then only what it says. Threads: one. Memory: bounded by
 *        cloister/image_signature.h and CL_OCI_MAX_MANIFEST.
 * Spec: docs/interfaces.md I-4.6.
 */
#ifndef AGENT_SIGNATURES_H
#define AGENT_SIGNATURES_H

#include "agent/image.h"
#include "cloister/image_signature.h"

/* Asks for the signatures of `manifest` until one fits the rule. A signature of an index counts
 * when the host gives that index and it names the manifest for this platform.
 * now: seconds since 1970, as this guest's clock has it.
 * Returns CL_OK; CL_ERR_REJECTED "signature.<check>: expected <x>, got <y>" of the signature that
 *         got furthest, or that there is none; other errors likewise, and none is a yes. */
CL_NODISCARD enum cl_status agent_image_signed(const struct cl_image_rule *rule,
                                               const struct agent_image_ops *ops,
                                               const uint8_t manifest[static CL_SHA256_SIZE],
                                               int64_t now, struct cl_err *err);

#endif
