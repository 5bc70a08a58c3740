/* SPDX-License-Identifier: Apache-2.0
 * proxy.h - which proxy of the environment a request goes through.
 */
#ifndef IMAGE_PROXY_H
#define IMAGE_PROXY_H

#include <stdbool.h>

/* The host is one of NO_PROXY's list: "*", names with the names below them (".example" and
 * "example" alike), addresses, and blocks of addresses ("10.0.0.0/8", "fd00::/8"). list: NULL for
 * none. host: without brackets. */
bool image_proxy_excluded(const char *list, const char *host);
/* The proxy's URL for a host, borrowed of the environment (https_proxy or HTTPS_PROXY, http_proxy
 * for plain HTTP; no_proxy or NO_PROXY), or NULL for none. Loopback never has one. */
const char *image_proxy_for(bool https, const char *host);

#endif
