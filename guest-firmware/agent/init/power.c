/* SPDX-License-Identifier: Apache-2.0
 * power.c - the end.
 */
#include "agent.h"

#include <sys/reboot.h>
#include <unistd.h>

void agent_power_off(void)
{
    sync(); /* volumes outlive us */
    (void)reboot(RB_POWER_OFF);
    (void)reboot(RB_AUTOBOOT); /* where power-off is not implemented */
    _exit(1);                  /* PID 1 that ends is a kernel panic, which the VMM reports */
}
