/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine_files: which files a module may get at, by Landlock. Its bare system calls: glibc has no names for them.
 *
 * Runs in: keystay-token.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "pkcs11/confine.h"

/* Of struct landlock_ruleset_attr as far as any kernel has it; the header of the machine that builds may be older. */
struct ruleset {
	uint64_t files;  /* version 1 */
	uint64_t net;    /* version 4: left alone, confine_calls.c sees to the network */
	uint64_t scoped; /* version 6 */
};

#define ABSTRACT_SOCKETS 1u
#define SIGNALS 2u
#define IOCTL_OF_DEVICES (1ull << 15) /* version 5 */

#define READING (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define DEVICES                                                                                                        \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE | IOCTL_OF_DEVICES)

/* What a rule for a single file may have. */
#define OF_FILES                                                                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | (1ull << 14) |    \
	 IOCTL_OF_DEVICES)

/* How many kinds of access each version knows. */
static uint64_t file_rights(int version)
{
	static const unsigned bits[] = { 0, 13, 14, 15, 15 };

	return (1ull << (version >= 5 ? 16 : bits[version])) - 1;
}

static int allow(int ruleset, const struct ks_confine_place *place, uint64_t known)
{
	static const uint64_t rights[] = {
		[KS_CONFINE_READ] = READING,
		[KS_CONFINE_DEVICE] = DEVICES,
		[KS_CONFINE_CHANGE] = UINT64_MAX,
	};
	KS_AUTO_CLOSE int fd = open(place->path, O_PATH | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return 0; /* not there, or out of reach already */
	uint64_t allowed = rights[place->access] & known;
	if (!S_ISDIR(status.st_mode))
		allowed &= OF_FILES;
	const struct landlock_path_beneath_attr rule = { .allowed_access = allowed, .parent_fd = fd };
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
		return 0;
	/* A file in memory (opensc_conf.c makes one) lies in no folder, and is kept from nobody. */
	return errno == EBADFD ? 0 : KS_ERR_SYSTEM;
}

int ks_confine_files(const struct ks_confine_place *places, size_t n_places)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version <= 0)
		return KS_ERR_UNSUPPORTED;
	struct ruleset rules = { .files = file_rights((int)version),
				 .scoped = version >= 6 ? ABSTRACT_SOCKETS | SIGNALS : 0 };
	size_t size = version >= 6 ? sizeof(rules) : sizeof(rules.files);
	KS_AUTO_CLOSE int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return KS_ERR_UNSUPPORTED;
	for (size_t i = 0; i < n_places; i++) {
		int r = allow(fd, &places[i], rules.files);
		if (r < 0)
			return r;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return KS_ERR_UNSUPPORTED;
	return 0;
}
