/* SPDX-License-Identifier: Apache-2.0
 * logfifo.h - stderr as the FIFO `log` of a bundle, which containerd reads (containerd-shim.md
 * 1.2). A line for which there is no reader, or no room, is lost: nothing waits for it.
 */
#ifndef SHIM_LOGFIFO_H
#define SHIM_LOGFIFO_H

/* Makes stderr the FIFO, if somebody reads it and it is not that already. Called again whenever
 * containerd may have been restarted. SIGPIPE must be ignored. */
void shim_log_attach(const char *bundle);

#endif
