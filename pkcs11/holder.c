/* SPDX-License-Identifier: Apache-2.0 */
/* holder: see holder.h. Runs in: keystay-token. */
#include "pkcs11/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define LIBRARY "/libpcsclite.so"
#define NAMED_MAX 4 /* more names make no better sentence */
#define GNUPG "scdaemon"
#define OWN_NAME "keystay-token" /* of other modules and agents: it never takes a card for itself */

static FILE *open_of(const char *pid, const char *name)
{
	char path[64];

	return ks_text_print(path, sizeof(path), "/proc/%s/%s", pid, name) ? fopen(path, "re") : NULL;
}

static bool is_ours(const char *pid)
{
	char path[64];
	struct stat status;

	return isdigit((unsigned char)pid[0]) && atoi(pid) != getpid() &&
	       ks_text_print(path, sizeof(path), "/proc/%s", pid) && stat(path, &status) == 0 &&
	       status.st_uid == getuid();
}

/* pcscd itself has another file of a similar name. */
static bool uses_smart_cards(const char *pid)
{
	KS_AUTO_FREE char *line = NULL;
	size_t size = 0;
	FILE *maps = open_of(pid, "maps");
	bool found = false;

	while (maps && !found && getline(&line, &size, maps) > 0)
		found = strstr(line, LIBRARY) != NULL;
	if (maps)
		(void)fclose(maps);
	return found;
}

static void read_name(const char *pid, char ret_name[64])
{
	char raw[32] = "";
	FILE *comm = open_of(pid, "comm");

	if (comm) {
		if (!fgets(raw, sizeof(raw), comm))
			raw[0] = '\0';
		(void)fclose(comm);
	}
	raw[strcspn(raw, "\n")] = '\0';
	ks_text_escape(ks_bytes_text(raw), ret_name, 64);
}

static size_t append(char *text, size_t size, size_t used, const char *more)
{
	if (used < size)
		(void)ks_text_print(text + used, size - used, "%s", more);
	return strlen(text);
}

/* "scdaemon (process 123), firefox (process 456)"; "" when none is seen. */
static void list_holders(char *text, size_t size, bool *ret_gnupg)
{
	const struct dirent *entry;
	size_t used = 0;
	int n = 0;
	DIR *processes = opendir("/proc");

	text[0] = '\0';
	*ret_gnupg = false;
	while (processes && n < NAMED_MAX && (entry = readdir(processes)) != NULL) {
		char name[64], one[128];
		if (!is_ours(entry->d_name) || !uses_smart_cards(entry->d_name))
			continue;
		read_name(entry->d_name, name);
		if (strcmp(name, OWN_NAME) == 0)
			continue;
		*ret_gnupg = *ret_gnupg || strcmp(name, GNUPG) == 0;
		(void)ks_text_print(one, sizeof(one), "%s%s (process %s)", n > 0 ? ", " : "", name, entry->d_name);
		used = append(text, size, used, one);
		n++;
	}
	if (processes)
		(void)closedir(processes);
}

void ks_holder_explain(struct ks_problem *problem)
{
	char holders[256];
	bool gnupg;
	size_t used = strlen(problem->text);

	list_holders(holders, sizeof(holders), &gnupg);
	used = append(problem->text, sizeof(problem->text), used, "; another program uses the card exclusively");
	if (holders[0] != '\0') {
		used = append(problem->text, sizeof(problem->text), used, ", perhaps one of these: ");
		used = append(problem->text, sizeof(problem->text), used, holders);
	}
	(void)append(problem->text, sizeof(problem->text), used,
		     gnupg ? "; run: gpgconf --kill scdaemon" : "; close it, then try again");
}
