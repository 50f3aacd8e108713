/* SPDX-License-Identifier: Apache-2.0 */
/* settings_origin: where a value of keystay.conf came from. */
#pragma once

struct ks_settings_origin {
	const char *file; /* borrowed from the settings; NULL = built in */
	unsigned line;
};
