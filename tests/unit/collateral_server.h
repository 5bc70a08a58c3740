/* SPDX-License-Identifier: Apache-2.0
 * collateral_server.h - AMD's KDS and a PCCS on a loopback port, in a process of its own. The first
 * part of a URL's path chooses how it behaves: http://127.0.0.1:PORT/ok/vcek/v1/Milan/crl.
 */
#ifndef CL_TEST_COLLATERAL_SERVER_H
#define CL_TEST_COLLATERAL_SERVER_H

#include <stdint.h>
#include <sys/types.h>

/*   ok          as the real services            hex        CRLs as hex, as a PCCS gives them
 *   slow        as ok, after 300 ms             busy       429 with Retry-After: 1 once, then as ok
 *   busy503     503 without Retry-After, once   later      429 with Retry-After: 3600
 *   stall       headers and half of the body    silent     accepts and says nothing
 *   cut         closes in the middle            big        1 MiB and one byte
 *   endless     a body without a length and without an end
 *   headers     300 KiB of headers              garbage    200 with a page of HTML
 *   empty       200 with nothing                missing    404
 *   error       500                             redirect   302 to another host
 *   moved       301 to the same host            down       closes at once
 *   product     another product's chain; another platform's TCB info
 *   chain       an AMD chain that signed nothing here
 *   chip        another chip's certificate
 *   forged      a CRL and TCB info that their issuers did not sign
 *   expired     TCB info that has expired       nochain    no issuer chain in the headers
 *   twochains   the header twice                badchain   a chain that is no PEM
 */
struct collateral_server {
    pid_t pid;
    uint16_t port;
    volatile uint32_t *requests; /* how many there were, shared with the server's process */
};

/* cw_init() comes first. Ends the test on failure. */
void server_start(struct collateral_server *s);
/* The same over TLS, with a certificate for 127.0.0.1 of its own, which is written to a file. */
void server_start_tls(struct collateral_server *s, const char *cert_path);
void server_stop(struct collateral_server *s);

#endif
