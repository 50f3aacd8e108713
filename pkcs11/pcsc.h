/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcsc: the few functions of libpcsclite that watch readers and reset cards, when the module has loaded it; and how to wait for pcscd.
 *
 * Runs in: keystay-token. Nothing is linked: a worker without a smart card module has no PC/SC in it.
 */
#pragma once

#include <stdbool.h>
#include <winscard.h>

struct ks_pcsc {
	__typeof__(&SCardEstablishContext) establish;
	__typeof__(&SCardListReaders) list;
	__typeof__(&SCardGetStatusChange) wait;
	__typeof__(&SCardReleaseContext) release;
	__typeof__(&SCardConnect) connect;
	__typeof__(&SCardDisconnect) disconnect;
};

/* false when libpcsclite is not in this process. */
bool ks_pcsc_find(struct ks_pcsc *ret_pcsc);

/* Is this reader empty now, or within that time? Readers are slower to say so than cards are to fail. */
bool ks_pcsc_is_empty(const struct ks_pcsc *pcsc, const char *reader, unsigned patience_ms);

/* What pcscd says of a reader right now; SCARD_STATE_UNAWARE when it says nothing. */
DWORD ks_pcsc_state(const struct ks_pcsc *pcsc, const char *reader);

/* Resets the card in reader, so that it forgets that a PIN was given to it. false when that was not possible. */
bool ks_pcsc_reset(const struct ks_pcsc *pcsc, const char *reader);

/* Returns when pcscd can be reached, which may be never. false: nothing can be watched here. */
bool ks_pcsc_await(const struct ks_pcsc *pcsc);
