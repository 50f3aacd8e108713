/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_none: see sandbox.h. For builds without libseccomp: nothing is given up, and ks_sandbox_is_built() says so.
 *
 * Runs in: keystay-prove and its children.
 */
#include "lib/base/sandbox.h"

bool ks_sandbox_is_built(void)
{
	return false;
}

int ks_sandbox_make(enum ks_sandbox_kind kind, struct ks_sandbox_filter **ret_filter)
{
	(void)kind;
	*ret_filter = NULL;
	return 0;
}

void ks_sandbox_free(struct ks_sandbox_filter *filter)
{
	(void)filter;
}

int ks_sandbox_enter(const struct ks_sandbox_filter *filter)
{
	(void)filter;
	return 0;
}

int ks_sandbox_leave_files(int *ret_version)
{
	*ret_version = 0;
	return 0;
}

int ks_sandbox_limit(const struct ks_sandbox_limits *limits)
{
	(void)limits;
	return 0;
}
