/* SPDX-License-Identifier: Apache-2.0 */
/* drivers: all protocols (driver.h). Runs in: keystay-enroll. */
#include <string.h>

#include "enrol/drivers/driver.h"

static const struct ks_enrol_driver *const drivers[] = {
	&ks_enrol_est, &ks_enrol_scep, &ks_enrol_cmp, &ks_enrol_vault, &ks_enrol_stepca, &ks_enrol_exec,
};

const struct ks_enrol_driver *ks_enrol_driver_of(const char *protocol)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (strcmp(drivers[i]->protocol, protocol) == 0)
			return drivers[i];
	}
	return NULL;
}

void ks_enrol_answer_deinit(struct ks_enrol_answer *answer)
{
	ks_buffer_deinit(&answer->certificates);
	ks_buffer_deinit(&answer->anchors);
	ks_buffer_deinit(&answer->pending);
}
