/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose: asks the agent which identities there are, and hands out those that fit, the best one first (client/best.h).
 *
 * For who leaves the choice to keystay: the engine's callback, `keystay tunnel auto`, and the name "auto" wherever a name
 * can be given. One LIST, and one GET for each identity that is handed out or whose issuers matter.
 *
 * Runs in: keystay, keystay-tunnel, keystay-explain and, by the plug-ins, any program.
 */
#pragma once

#include "client/best.h"
#include "client/client.h"

/* The name that means "the best one"; no key is called so (agent/names.c). */
#define KS_CHOOSE_AUTO "auto"

/* 1: taken, that is all. 0: the next one, please; this one cannot be used here. Negative: an error that ends it. Who
 * wants to keep *identity leaves NULL in its place. */
typedef int ks_choose_take(struct ks_client_identity **identity, const struct ks_best *verdict, void *userdata);

/* Calls take for each identity that fits and that the rules do not refuse to this server (NULL = not known), the best
 * one first, until one is taken. UNKNOWN_KEY when none was, with a sentence that says of each why. */
int ks_choose(enum ks_client_socket socket, const struct ks_best_asked *asked, const char *server, ks_choose_take *take,
	      void *userdata, struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* The best one while nothing is known of a server. ret_identity is given. */
int ks_choose_auto(enum ks_client_socket socket, struct ks_client_identity **ret_identity,
		   struct ks_client_error *ret_error) KS_WARN_UNUSED;
