/* SPDX-License-Identifier: Apache-2.0
 * serial.c - as much of a 16550 as Linux's 8250 driver probes and prints with. Trust: serial.h.
 */
#include "serial.h"

#define REG_DATA 0u
#define REG_IER 1u
#define REG_IIR_FCR 2u
#define REG_LCR 3u
#define REG_MCR 4u
#define REG_LSR 5u
#define REG_MSR 6u
#define REG_SCR 7u

#define IER_THRI 0x02u
#define IIR_NONE 0x01u
#define IIR_THRI 0x02u
#define IIR_FIFO 0xc0u
#define LCR_DLAB 0x80u
#define LSR_IDLE 0x60u
#define MCR_LOOPBACK 0x10u
#define MSR_READY 0xb0u /* DCD, DSR, CTS */

void vmm_serial_flush(struct vmm_serial *s)
{
    if (s->len > 0 && s->put != NULL) {
        s->put(s->put_ctx, s->line, s->len);
    }
    s->len = 0;
}

static void transmitter_empty(struct vmm_serial *s)
{
    if ((s->ier & IER_THRI) != 0) {
        s->thre_pending = true;
        if (s->irq != NULL) {
            s->irq(s->irq_ctx);
        }
    }
}

static void put_byte(struct vmm_serial *s, uint8_t value)
{
    if ((s->mcr & MCR_LOOPBACK) != 0) {
        return;
    }
    s->line[s->len++] = value;
    if (value == '\n' || s->len == sizeof(s->line)) {
        vmm_serial_flush(s);
    }
    transmitter_empty(s);
}

/* Loopback ties the modem's outputs to its inputs; the driver probes for it. */
static uint8_t modem_status(const struct vmm_serial *s)
{
    if ((s->mcr & MCR_LOOPBACK) == 0) {
        return MSR_READY;
    }
    uint8_t m = s->mcr;
    return (uint8_t)((m & 1) << 5 | (m & 2) << 3 | (m & 4) << 4 | (m & 8) << 4);
}

static uint8_t identify(struct vmm_serial *s)
{
    uint8_t fifo = s->fifo ? IIR_FIFO : 0;
    if (s->thre_pending) {
        s->thre_pending = false;
        return IIR_THRI | fifo;
    }
    return IIR_NONE | fifo;
}

uint8_t vmm_serial_read(struct vmm_serial *s, unsigned reg)
{
    bool dlab = (s->lcr & LCR_DLAB) != 0;
    switch (reg) {
    case REG_DATA:
        return dlab ? s->divisor[0] : 0;
    case REG_IER:
        return dlab ? s->divisor[1] : s->ier;
    case REG_IIR_FCR:
        return identify(s);
    case REG_LCR:
        return s->lcr;
    case REG_MCR:
        return s->mcr;
    case REG_LSR:
        return LSR_IDLE;
    case REG_MSR:
        return modem_status(s);
    case REG_SCR:
        return s->scr;
    default:
        return 0xff;
    }
}

void vmm_serial_write(struct vmm_serial *s, unsigned reg, uint8_t value)
{
    bool dlab = (s->lcr & LCR_DLAB) != 0;
    switch (reg) {
    case REG_DATA:
        if (dlab) {
            s->divisor[0] = value;
        } else {
            put_byte(s, value);
        }
        break;
    case REG_IER:
        if (dlab) {
            s->divisor[1] = value;
        } else {
            s->ier = value & 0x0f;
            transmitter_empty(s); /* it always is */
        }
        break;
    case REG_IIR_FCR:
        s->fifo = (value & 1) != 0;
        break;
    case REG_LCR:
        s->lcr = value;
        break;
    case REG_MCR:
        s->mcr = value & 0x1f;
        break;
    case REG_SCR:
        s->scr = value;
        break;
    default:
        break;
    }
}
