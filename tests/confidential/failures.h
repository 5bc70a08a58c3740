/* SPDX-License-Identifier: Apache-2.0
 * failures.h - a launch in which a call of KVM, of an allocation, of a mapping fails.
 */
#ifndef CONFIDENTIAL_FAILURES_H
#define CONFIDENTIAL_FAILURES_H

#include "world.h"

extern const unsigned failure_count;

/* The nth call of that kind fails, for every n: an error that says something, and nothing left
 * behind. init makes *w, done frees it. */
void failures_try(struct world *w, unsigned kind, void (*init)(void), void (*done)(void));

#endif
