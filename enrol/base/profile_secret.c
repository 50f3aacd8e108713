/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_secret: the secret of a profile: a password, a challenge, a token.
 *
 * Runs in: keystay-enroll. It goes from its file into locked memory and to the one server that it is for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enrol/base/profile.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* Set by systemd for the service alone (systemd.exec(5), CREDENTIALS). */
static char *find_credential(const struct ks_profile *profile, struct ks_enrol_problem *problem)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (!folder || folder[0] != '/') {
		(void)ks_enrol_problem_final(
			problem, KS_ERR_NOT_FOUND,
			"the secret of profile \"%s\" is the credential \"%s\", and this process was started "
			"without credentials; put LoadCredential=%s:FILE into its unit",
			profile->name, profile->secret_credential, profile->secret_credential);
		return NULL;
	}
	char *path = ks_path_join(folder, profile->secret_credential);
	if (!path)
		(void)ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	return path;
}

/* systemd lets a service read its credential by an access control list, which shows in the group's bits (acl(5)). */
static int check(int fd, const char *path, bool is_credential, struct ks_enrol_problem *problem)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return ks_enrol_problem_set(problem, KS_ERR_SYSTEM, "the secret file %s cannot be looked at", path);
	mode_t others = info.st_mode & (is_credential && info.st_uid == 0 ? 037 : 077);
	if (!S_ISREG(info.st_mode))
		return ks_enrol_problem_final(problem, KS_ERR_UNTRUSTED_PATH, "the secret file %s is no regular file",
					      path);
	if (info.st_uid != geteuid() && info.st_uid != 0)
		return ks_enrol_problem_final(problem, KS_ERR_UNTRUSTED_PATH,
					      "the secret file %s belongs to another user (uid %u)", path,
					      (unsigned)info.st_uid);
	if (others)
		return ks_enrol_problem_final(problem, KS_ERR_UNTRUSTED_PATH,
					      "the secret file %s is open to others; run: chmod 600 %s", path, path);
	return 0;
}

static int read_secret(const char *path, bool is_credential, struct ks_secret **ret_secret,
		       struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return ks_enrol_problem_final(problem, ks_error_from_errno(errno),
					      "the secret file %s cannot be read: %s", path,
					      ks_error_text(ks_error_from_errno(errno)));
	int r = check(fd, path, is_credential, problem);
	if (r < 0)
		return r;
	r = ks_secret_new(&secret);
	if (r == 0)
		r = ks_secret_read(secret, fd, true);
	if (r == KS_ERR_TOO_LARGE)
		return ks_enrol_problem_final(problem, r,
					      "the first line of the secret file %s is longer than %d bytes", path,
					      KS_SECRET_MAX);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "the secret file %s cannot be used: %s", path,
					    ks_error_text(r));
	if (ks_secret_bytes(secret).size == 0)
		return ks_enrol_problem_final(problem, KS_ERR_INVALID, "the secret file %s begins with an empty line",
					      path);
	*ret_secret = KS_STEAL(secret);
	return 0;
}

int ks_profile_secret(const struct ks_profile *profile, struct ks_secret **ret_secret, struct ks_enrol_problem *problem)
{
	*ret_secret = NULL;
	if (!profile->secret_file && !profile->secret_credential)
		return 0;
	bool is_credential = !profile->secret_file;
	KS_AUTO_FREE char *path = is_credential ? find_credential(profile, problem) :
						  ks_text_copy(ks_bytes_text(profile->secret_file));
	if (!path)
		return is_credential ? problem->code : ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	return read_secret(path, is_credential, ret_secret, problem);
}
