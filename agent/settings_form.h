/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_form: forms of values that several tables have: is this text one of them?
 *
 * Runs in: keystay-agent. Pure. As ks_settings_row.is_good: false may set *ret_why.
 */
#pragma once

#include <stdbool.h>

#define KS_SETTINGS_EXPECTED_PEM "the absolute path of a PEM file"

bool ks_settings_form_text(const char *value, const char **ret_why);
bool ks_settings_form_path(const char *value, const char **ret_why);
bool ks_settings_form_yes_no(const char *value, const char **ret_why);
bool ks_settings_form_name(const char *value, const char **ret_why);       /* as sections have */
bool ks_settings_form_credential(const char *value, const char **ret_why); /* below $CREDENTIALS_DIRECTORY */
bool ks_settings_form_deadline(const char *value, const char **ret_why);   /* 1 s to 10 min */
