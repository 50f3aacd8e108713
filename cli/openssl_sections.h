/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_sections: writes an OpenSSL configuration (config(5)) that is the system's own with keystay's provider added.
 *
 * It includes the system's file by its absolute path and then opens some of its sections again: OpenSSL adds what
 * follows to a section that it knows, and a name that is set again moves to the section's end. So everything else of
 * the system (ssl_conf with its MinProtocol, engines, other providers) goes on as before. What is added, and why so:
 *
 *	- the default provider, explicitly: once a configuration activates any provider, OpenSSL no longer loads it by
 *	  itself, and every TLS connection would fail;
 *	- keystay after all others: asked first, it would be asked to make ephemeral keys too, which it cannot;
 *	- never the default provider where the system activates a FIPS one; other providers stay listed as they are
 *	  (OpenSSL 3.0 itself asks all but the last one in the order of their names, whatever the order in the file);
 *	- the tap, where it is wanted, before keystay, and as a wish in default_properties, added to the system's own; never
 *	  where the system has FIPS hashing;
 *	- the same for nodejs_conf, which is all that Node.js reads.
 *
 * Runs in: keystay. Reads configurations only: no provider is loaded, and libcrypto itself is not configured.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* The first line of each file that is ours, and how the second one begins: the system's file follows, if any. */
#define KS_OPENSSL_MARK "# Written by keystay (keystay env, keystay run), anew whenever needed: do not change it."
#define KS_OPENSSL_SYSTEM "# The system's configuration: "

/* What went wrong, or what will not work as hoped, for a person; "" = nothing. */
struct ks_openssl_note {
	char text[1024];
};

/* Appends the configuration for module and tap (absolute; tap may be NULL) on top of system (absolute, or NULL).
 * ret_warning may say that the system's own settings will keep programs from using keystay or the tap. CONFIG when system
 * cannot be read. */
int ks_openssl_sections_write(const char *system, const char *module, const char *tap, struct ks_buffer *buffer,
			      struct ks_openssl_note *ret_warning, struct ks_openssl_note *ret_error) KS_WARN_UNUSED;
