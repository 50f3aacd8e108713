/* SPDX-License-Identifier: Apache-2.0 */
/* question: see question.h. Runs in: keystay. */
#include "cli/question.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "cli/prompt.h"
#include "lib/base/cleanup.h"

bool ks_question_yes(const char *question, bool *ret_nobody)
{
	KS_AUTO_CLOSE int terminal = -1;
	char line[16];
	size_t size = 0;
	char c = '\0';

	*ret_nobody = ks_prompt_open(&terminal) < 0;
	if (*ret_nobody)
		return false;
	(void)dprintf(terminal, "%s [y/N] ", question);
	while (read(terminal, &c, 1) == 1 && c != '\n') {
		if (size < sizeof(line) - 1)
			line[size++] = c;
	}
	line[size] = '\0';
	return c == '\n' && (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
}
