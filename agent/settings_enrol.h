/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_enrol: [profile] sections: how the certificate of a key is enrolled and renewed.
 *
 * Runs in: keystay-agent, which checks them, answers with them (profiles.c), and takes one thing from them: which server
 * the CA of a key is. keystay-enroll does what they say (enrol/).
 */
#pragma once

#include "agent/settings_private.h"

extern const struct ks_settings_row ks_settings_enrol_rows[KS_PROFILE_N];

/* Reports what does not go together in a [profile]. */
void ks_settings_enrol_check(const struct ks_settings_section *section, struct ks_settings_report *report);

/* Does this row say something to the protocol of a [profile]? Where it does not, its built-in value is none. */
bool ks_settings_enrol_row_speaks(const struct ks_settings_section *section, size_t row);

/* Reports a profile = that no section has. */
void ks_settings_enrol_check_name(const struct ks_settings_value *value, const struct ks_settings_sections *profiles,
				  struct ks_settings_report *report);

/* Fills in what a key's rules take from its profile: enrol_host, unless [enforce] names other servers, and enrol_ca.
 * NO_MEMORY. */
int ks_settings_enrol_type(struct ks_settings *settings, const char *profile, struct ks_rules *rules) KS_WARN_UNUSED;
