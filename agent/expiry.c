/* SPDX-License-Identifier: Apache-2.0 */
/* expiry: see expiry.h. Runs in: keystay-agent. */
#include "agent/expiry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/doubts.h"
#include "agent/expiry_file.h"
#include "agent/notify.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/container.h"
#include "lib/base/lifetime.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/tls/verify_signature.h"

#define FILE_NAME "expiry"
#define FILE_MAX (KS_EXPIRY_LINES_MAX * (size_t)KS_EXPIRY_LINE_MAX)

/* "Never", for a timer that still has to tell when the clock is set. */
#define NEVER_S ((time_t)253402300799)

struct ks_expiry {
	struct ks_state *state; /* borrowed */
	struct ks_waiter waiter;
	int timer_fd;
	sd_event_source *source;
	char *file;
	struct ks_expiry_list told;
	struct ks_doubts doubts;
	uint64_t generation; /* of the keyring that was looked at last */
	bool complained;
};

/* --- the file ---------------------------------------------------------------------------------------------------- */

static void complain(struct ks_expiry *expiry, int error)
{
	if (expiry->complained)
		return;
	expiry->complained = true;
	ks_log_warning("%s: %s; warnings of certificates that expire come again after each start", expiry->file,
		       ks_error_text(error));
}

static void read_file(struct ks_expiry *expiry)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;

	int r = ks_path_read_file(expiry->file, FILE_MAX, &text, &size);
	if (r == 0)
		r = ks_expiry_file_read(ks_bytes(text, size), &expiry->told);
	if (r == KS_ERR_MALFORMED)
		ks_log_warning("%s makes no sense and is written anew", expiry->file);
	else if (r < 0 && r != KS_ERR_NOT_FOUND)
		complain(expiry, r);
}

static int write_temporary(const char *path, struct ks_bytes text)
{
	(void)unlink(path); /* left behind by an agent that was killed while it wrote */
	KS_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ks_error_from_errno(errno);
	return write(fd, text.data, text.size) == (ssize_t)text.size ? 0 : KS_ERR_SYSTEM;
}

static void write_file(struct ks_expiry *expiry)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	KS_AUTO_FREE char *temporary = ks_text_format("%s.new", expiry->file);

	ks_expiry_file_write(&expiry->told, ks_clock_wall_s(), &text);
	int r = temporary ? ks_buffer_error(&text) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = write_temporary(temporary, ks_buffer_bytes(&text));
	if (r == 0 && rename(temporary, expiry->file) < 0)
		r = ks_error_from_errno(errno);
	if (r < 0)
		complain(expiry, r);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

/* What there is to say of one certificate. */
struct finding {
	struct ks_expiry_line line;
	uint64_t not_before;
	struct ks_lifetime_plan plan;
};

/* Those that no TLS client uses are no business of ours. */
static bool find(const struct ks_identity *identity, uint64_t now_s, struct finding *ret_finding)
{
	const struct ks_certificate *leaf = identity->certificate;

	if (!leaf || !ks_certificate_allows(leaf, "clientAuth"))
		return false;
	struct finding finding = { .not_before = (uint64_t)ks_certificate_not_before(leaf),
				   .line.not_after = (uint64_t)ks_certificate_not_after(leaf) };
	if (now_s > finding.line.not_after)
		return false;
	finding.plan = ks_lifetime_plan(finding.not_before, finding.line.not_after, now_s);
	finding.line.told = finding.plan.passed;
	if (finding.plan.passed && ks_sha256(ks_certificate_der(leaf), finding.line.hash) < 0)
		return false;
	*ret_finding = finding;
	return true;
}

static bool is_news(const struct ks_expiry *expiry, const struct finding *finding)
{
	return finding->plan.passed &&
	       (finding->plan.passed & ~ks_expiry_list_told(&expiry->told, finding->line.hash)) != 0;
}

static void warn(const struct ks_expiry *expiry, const struct ks_identity *identity, const struct finding *finding)
{
	char words[KS_LIFETIME_TEXT_MAX], key[257], token[129];

	ks_lifetime_words(finding->not_before, finding->line.not_after, ks_clock_wall_s(), words);
	ks_text_escape(ks_bytes_text(identity->name), key, sizeof(key));
	ks_text_escape(ks_bytes_text(identity->n_locations > 0 ? identity->locations[0].token_label : ""), token,
		       sizeof(token));
	ks_log_warning("the certificate of \"%s\" on token \"%s\" %s: renew it in time", key, token, words);
	const struct ks_notify_certificate what = { .title = "A certificate expires",
						    .key = identity->name,
						    .token = identity->locations[0].token_label,
						    .words = words,
						    .advice = "Renew it in time" };
	ks_notify_of_certificate(expiry->state, &what);
}

/* Returns whether anything was told. */
static bool look_at(struct ks_expiry *expiry, const struct ks_identity *identity, const struct finding *finding,
		    bool *was_read)
{
	if (!is_news(expiry, finding))
		return false;
	if (!*was_read)
		read_file(expiry);
	*was_read = true;
	if (!is_news(expiry, finding))
		return false;
	warn(expiry, identity, finding);
	if (ks_expiry_list_add(&expiry->told, &finding->line) < 0)
		complain(expiry, KS_ERR_NO_MEMORY);
	return true;
}

static void arm(const struct ks_expiry *expiry, uint64_t when_s)
{
	const struct itimerspec value = { .it_value.tv_sec = when_s < (uint64_t)NEVER_S ? (time_t)when_s : NEVER_S };

	if (timerfd_settime(expiry->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &value, NULL) < 0)
		ks_log_error("nobody is warned of certificates that expire: the kernel refuses a timer");
}

/* What a CA said holds until its time is over: then the keyring is made anew. */
static void look_at_revocation(struct ks_expiry *expiry, const struct ks_identity *identity, uint64_t *next_s)
{
	const struct ks_revocation_finding *finding = &identity->revocation;
	bool is_limited = finding->until_s > 0 && finding->until_s < INT64_MAX &&
			  finding->state != KS_REVOCATION_OUTDATED;

	const struct ks_notify_certificate what = { .title = "A certificate was revoked",
						    .key = identity->name,
						    .token = identity->locations[0].token_label,
						    .words = "was revoked, and signs nothing any more",
						    .advice = "Get another one" };
	if (ks_doubts_look(&expiry->doubts, identity))
		ks_notify_of_certificate(expiry->state, &what);
	if (is_limited && (uint64_t)finding->until_s + 1 < *next_s)
		*next_s = (uint64_t)finding->until_s + 1;
}

static void on_news(struct ks_waiter *waiter)
{
	struct ks_expiry *expiry = KS_CONTAINER(waiter, struct ks_expiry, waiter);
	struct ks_state *state = expiry->state;
	uint64_t now_s = ks_clock_wall_s();
	uint64_t next_s = UINT64_MAX;
	bool was_read = false, any = false;

	/* A module that has not told everything yet may have the newer certificate. Most news are of no key. */
	if (!ks_state_is_settled(state) || state->generation == expiry->generation)
		return;
	expiry->generation = state->generation;
	for (size_t i = 0; i < ks_keyring_count(state->keyring); i++) {
		const struct ks_identity *identity = ks_keyring_at(state->keyring, i);
		struct finding finding;
		look_at_revocation(expiry, identity, &next_s);
		if (!find(identity, now_s, &finding))
			continue;
		any |= look_at(expiry, identity, &finding, &was_read);
		uint64_t over_s = finding.line.not_after + 1;
		uint64_t next_here_s = finding.plan.next < over_s ? finding.plan.next : over_s;
		next_s = next_here_s < next_s ? next_here_s : next_s;
	}
	if (any)
		write_file(expiry);
	arm(expiry, next_s);
}

/* A moment was reached, or somebody has set the clock (ECANCELED): which certificate is the best may be another one. */
static int on_timer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)events;
	const struct ks_expiry *expiry = userdata;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0 && errno == EAGAIN)
		return 0;
	ks_state_news(expiry->state);
	return 0;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

void ks_expiry_free(struct ks_expiry *expiry)
{
	if (!expiry)
		return;
	ks_state_wait_no_more(&expiry->waiter);
	sd_event_source_disable_unref(expiry->source);
	if (expiry->timer_fd >= 0)
		(void)close(expiry->timer_fd);
	ks_expiry_list_deinit(&expiry->told);
	ks_doubts_deinit(&expiry->doubts);
	free(expiry->file);
	free(expiry);
}

int ks_expiry_new(struct ks_state *state, const char *folder, struct ks_expiry **ret_expiry)
{
	struct ks_expiry *expiry = calloc(1, sizeof(*expiry));

	if (!expiry)
		return KS_ERR_NO_MEMORY;
	expiry->state = state;
	expiry->waiter.changed = on_news;
	expiry->file = ks_path_join(folder, FILE_NAME);
	expiry->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!expiry->file || expiry->timer_fd < 0 ||
	    sd_event_add_io(state->event, &expiry->source, expiry->timer_fd, EPOLLIN, on_timer, expiry) < 0) {
		ks_expiry_free(expiry);
		return KS_ERR_SYSTEM;
	}
	ks_state_wait(state, &expiry->waiter);
	*ret_expiry = expiry;
	return 0;
}
