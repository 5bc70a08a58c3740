/* SPDX-License-Identifier: Apache-2.0
 * hidden.h - included before every C file of the ROM: all its symbols are in the one image, so no
 * address goes through a global offset table.
 */
#pragma GCC visibility push(hidden)
