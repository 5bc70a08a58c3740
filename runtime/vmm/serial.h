/* SPDX-License-Identifier: Apache-2.0
 * serial.h - a 16550 for debugging: output only, present only with --console.
 * Trust: register values and text come from the guest; text goes to the console file as it is.
 * Threads: the caller serialises. Memory: one line.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMM_SERIAL_LINE 256u

struct vmm_serial {
    void (*put)(void *ctx, const uint8_t *text, size_t len); /* a line, or a full buffer */
    void (*irq)(void *ctx);                                  /* pulses the interrupt line */
    void *put_ctx;
    void *irq_ctx;
    uint8_t ier;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t scr;
    uint8_t divisor[2];
    bool fifo;
    bool thre_pending; /* the transmitter's interrupt has not been seen yet */
    size_t len;
    uint8_t line[VMM_SERIAL_LINE];
};

uint8_t vmm_serial_read(struct vmm_serial *s, unsigned reg);              /* reg 0..7 */
void vmm_serial_write(struct vmm_serial *s, unsigned reg, uint8_t value); /* reg 0..7 */
void vmm_serial_flush(struct vmm_serial *s);

#endif
