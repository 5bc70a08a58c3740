/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg_ports.h - QEMU's fw_cfg device at its ports. Trust: see fw_cfg.h.
 */
#ifndef STAGE0_FW_CFG_PORTS_H
#define STAGE0_FW_CFG_PORTS_H

#include "fw_cfg.h"

struct s0_fw_cfg fw_cfg_ports(void);

#endif
