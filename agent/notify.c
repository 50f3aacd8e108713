/* SPDX-License-Identifier: Apache-2.0 */
/* notify: see notify.h. Runs in: keystay-agent. */
#include "agent/notify.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define SERVER "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define LOCAL "org.freedesktop.DBus.Local" /* what sd-bus tells of its own connection */

/* Of the specification: what wants an answer now. */
#define URGENCY_CRITICAL 2
#define URGENCY_NORMAL 1

#define ACCURACY_US 100000u

enum notice_state { ARMED, DUE, SHOWN };

struct ks_notice {
	struct ks_notice *next; /* the first is the oldest */
	struct ks_notifier *notifier;
	enum notice_state state;
	bool ended; /* SHOWN, and only the server's answer is awaited */
	sd_event_source *timer;
	sd_bus_slot *call; /* Notify is under way */
	uint32_t id;       /* the server's; 0 = not known */
	char token[65];    /* its label */
	char *summary;     /* owned */
	char *body;
};

struct ks_notifier {
	sd_event *event;
	sd_bus *bus; /* NULL = not connected */
	struct ks_notice *notices;
	uint64_t minute_ms; /* when the first of these was shown */
	unsigned n_in_minute;
	bool complained;
};

/* --- which tokens ------------------------------------------------------------------------------------------------ */

/* What modules say of tokens with a button. Smart cards, HSMs, TPMs and files have none. */
static const struct {
	const char *manufacturer, *model; /* patterns */
} tokens_with_touch[] = {
	{ "Yubico*", "*" },         /* ykcs11 "Yubico (www.yubico.com)"; OpenSC of its OpenPGP application "Yubico" */
	{ "*", "YubiKey*" },        /* ykcs11 "YubiKey YK5" */
	{ "Nitrokey*", "*" },       /* OpenPGP application of the Nitrokey 3 */
	{ "FSIJ", "*" },            /* OpenSC of Gnuk (Nitrokey Start), which has an acknowledge button */
	{ "OpenPGP project", "*" }, /* OpenSC of OpenPGP cards whose maker it does not know, Nitrokey 3 among them */
	{ "piv_II*", "*" },         /* OpenSC of every PIV application: YubiKey, Nitrokey 3, SoloKeys, cards */
};

enum ks_notify_touch ks_notify_touch_of(const struct ks_settings *settings, const struct ks_inventory_token *token)
{
	const struct ks_settings_token *section =
		ks_settings_token_for(settings, token->label, token->manufacturer, token->model, token->serial);

	if (section && section->touch != KS_SETTINGS_TOUCH_AUTO)
		return section->touch == KS_SETTINGS_TOUCH_YES ? KS_NOTIFY_TOUCH : KS_NOTIFY_NO_TOUCH;
	for (size_t i = 0; i < sizeof(tokens_with_touch) / sizeof(tokens_with_touch[0]); i++) {
		if (ks_text_match(tokens_with_touch[i].manufacturer, token->manufacturer) &&
		    ks_text_match(tokens_with_touch[i].model, token->model))
			return KS_NOTIFY_PERHAPS;
	}
	return KS_NOTIFY_NO_TOUCH;
}

/* --- words ------------------------------------------------------------------------------------------------------- */

/* The body may hold markup (specification, chapter "Markup"): what others say must not become any. */
static void put_text(struct ks_buffer *out, const char *text, size_t max)
{
	char escaped[256];

	ks_text_escape(ks_bytes_text(text), escaped, max < sizeof(escaped) ? max : sizeof(escaped));
	for (const char *at = escaped; *at; at++) {
		if (*at == '&')
			ks_buffer_printf(out, "&amp;");
		else if (*at == '<')
			ks_buffer_printf(out, "&lt;");
		else if (*at == '>')
			ks_buffer_printf(out, "&gt;");
		else if (*at == '"')
			ks_buffer_printf(out, "&quot;");
		else if (*at == '\'')
			ks_buffer_printf(out, "&apos;");
		else
			ks_buffer_put(out, ks_bytes(at, 1));
	}
}

static char *describe(const struct ks_inventory_token *token, const struct ks_notify_reason *reason)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };

	put_text(&body, token->label, 96);
	ks_buffer_printf(&body, ": ");
	put_text(&body, reason->program, 64);
	ks_buffer_printf(&body, " (pid %d) wants to sign in", (int)reason->pid);
	if (reason->server[0]) {
		ks_buffer_printf(&body, " to ");
		put_text(&body, reason->server, 256);
		ks_buffer_printf(&body, reason->server_proven ? " (proven)" : " (claimed, not proven)");
	}
	ks_buffer_printf(&body, " with the key ");
	put_text(&body, reason->key, 96);
	if (ks_buffer_error(&body) < 0)
		return NULL;
	return ks_text_copy(ks_buffer_bytes(&body));
}

/* --- the life of a notice ---------------------------------------------------------------------------------------- */

static void notice_free(struct ks_notice *notice)
{
	struct ks_notice **link = &notice->notifier->notices;

	while (*link && *link != notice)
		link = &(*link)->next;
	if (*link)
		*link = notice->next;
	sd_event_source_disable_unref(notice->timer);
	sd_bus_slot_unref(notice->call);
	free(notice->summary);
	free(notice->body);
	free(notice);
}

/* Its answer is awaited by nobody: a notice that the person has closed already is an error of no interest. */
static void close_notice(const struct ks_notice *notice)
{
	sd_bus_message *call = NULL;
	sd_bus *bus = notice->notifier->bus;

	if (!bus || notice->id == 0)
		return;
	int r = sd_bus_message_new_method_call(bus, &call, SERVER, SERVER_PATH, SERVER, "CloseNotification");
	if (r >= 0)
		r = sd_bus_message_append(call, "u", notice->id);
	if (r >= 0)
		r = sd_bus_message_set_expect_reply(call, 0);
	if (r >= 0)
		r = sd_bus_send(bus, call, NULL);
	if (r < 0)
		ks_log_debug("the notice of a touch was not closed: %s", strerror(-r));
	sd_bus_message_unref(call);
}

static void complain(struct ks_notifier *notifier, const char *why)
{
	char shown[256];

	if (notifier->complained)
		return;
	notifier->complained = true;
	ks_text_escape(ks_bytes_text(why), shown, sizeof(shown));
	ks_log_info(
		"nothing is shown on the desktop, neither that a token wants a touch nor that a certificate expires: %s",
		shown);
}

static int on_shown(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
	(void)ret_error;
	struct ks_notice *notice = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	uint32_t id = 0;

	notice->call = sd_bus_slot_unref(notice->call);
	if (error)
		complain(notice->notifier, error->message ? error->message : error->name);
	else if (sd_bus_message_read(reply, "u", &id) >= 0)
		notice->id = id;
	if (notice->ended) {
		close_notice(notice);
		notice_free(notice);
	}
	return 0;
}

static int on_lost(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)signal;
	(void)error;
	struct ks_notifier *notifier = userdata;

	/* The next notice looks for it again. Those that are shown have gone with their server, or end by themselves. */
	for (struct ks_notice *notice = notifier->notices; notice; notice = notice->next)
		notice->id = 0;
	notifier->bus = sd_bus_close_unref(notifier->bus);
	return 0;
}

static int connect_bus(struct ks_notifier *notifier)
{
	if (notifier->bus)
		return 0;
	int r = sd_bus_open_user(&notifier->bus);
	if (r >= 0)
		r = sd_bus_match_signal(notifier->bus, NULL, LOCAL, NULL, LOCAL, "Disconnected", on_lost, notifier);
	if (r >= 0)
		r = sd_bus_attach_event(notifier->bus, notifier->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		notifier->bus = sd_bus_close_unref(notifier->bus);
	return r;
}

static int call_notify(struct ks_notice *notice)
{
	struct ks_notifier *notifier = notice->notifier;

	int r = connect_bus(notifier);
	if (r < 0)
		return r;
	return sd_bus_call_method_async(notifier->bus, &notice->call, SERVER, SERVER_PATH, SERVER, "Notify", on_shown,
					notice, "susssasa{sv}i", "keystay", 0u, "dialog-password", notice->summary,
					notice->body, 0, 2, "urgency", "y", URGENCY_CRITICAL, "transient", "b", 1,
					(int)KS_TOUCH_NOTICE_LASTS_MS);
}

/* A program that signs without end must not cover the screen. */
static bool is_too_many(struct ks_notifier *notifier)
{
	uint64_t now_ms = ks_clock_monotonic_ms();

	if (notifier->n_in_minute == 0 || now_ms - notifier->minute_ms >= 60000) {
		notifier->minute_ms = now_ms;
		notifier->n_in_minute = 0;
	}
	return ++notifier->n_in_minute > KS_TOUCH_NOTICES_PER_MINUTE;
}

static bool has_another(const struct ks_notice *notice)
{
	for (const struct ks_notice *other = notice->notifier->notices; other; other = other->next) {
		if (other != notice && other->state == SHOWN && !other->ended &&
		    strcmp(other->token, notice->token) == 0)
			return true;
	}
	return false;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_notice *notice = userdata;

	notice->timer = sd_event_source_disable_unref(notice->timer);
	notice->state = DUE;
	if (has_another(notice))
		return 0;
	notice->state = SHOWN;
	if (is_too_many(notice->notifier))
		return 0;
	int r = call_notify(notice);
	if (r < 0)
		complain(notice->notifier, strerror(-r));
	return 0;
}

static bool arm(struct ks_notice *notice)
{
	notice->state = ARMED;
	return sd_event_add_time_relative(notice->notifier->event, &notice->timer, CLOCK_MONOTONIC,
					  KS_TOUCH_NOTICE_MS * 1000ull, ACCURACY_US, on_time, notice) >= 0;
}

/* The token goes on with the next signature, which may want a touch of its own. */
static void arm_next(struct ks_notifier *notifier, const char *token)
{
	for (struct ks_notice *notice = notifier->notices; notice; notice = notice->next) {
		if (notice->state == DUE && strcmp(notice->token, token) == 0) {
			(void)arm(notice);
			return;
		}
	}
}

static struct ks_notifier *notifier_of(struct ks_state *state)
{
	if (!state->notifier) {
		state->notifier = calloc(1, sizeof(*state->notifier));
		if (state->notifier)
			state->notifier->event = state->event;
	}
	return state->notifier;
}

struct ks_notice *ks_notify_begin(struct ks_state *state, const struct ks_inventory_token *token,
				  const struct ks_notify_reason *reason)
{
	enum ks_notify_touch touch = ks_notify_touch_of(state->settings, token);

	if (touch == KS_NOTIFY_NO_TOUCH || !notifier_of(state))
		return NULL;
	struct ks_notice *notice = calloc(1, sizeof(*notice));
	if (!notice)
		return NULL;
	notice->notifier = state->notifier;
	(void)ks_text_print(notice->token, sizeof(notice->token), "%s", token->label);
	notice->summary = strdup(touch == KS_NOTIFY_TOUCH ? "Touch your token" : "Touch your token if it blinks");
	notice->body = describe(token, reason);
	struct ks_notice **link = &state->notifier->notices;
	while (*link)
		link = &(*link)->next;
	*link = notice;
	if (!notice->summary || !notice->body || !arm(notice)) {
		notice_free(notice);
		return NULL;
	}
	return notice;
}

bool ks_notify_end(struct ks_notice *notice)
{
	if (!notice)
		return false;
	struct ks_notifier *notifier = notice->notifier;
	bool was_shown = notice->state == SHOWN;
	bool was_told = was_shown && notice->id != 0;
	char token[65];

	(void)ks_text_print(token, sizeof(token), "%s", notice->token);
	notice->ended = true;
	if (!notice->call) {
		close_notice(notice);
		notice_free(notice);
	}
	if (was_shown)
		arm_next(notifier, token);
	return was_told;
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

static int on_certificate_shown(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
	(void)ret_error;
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	if (error)
		complain(userdata, error->message ? error->message : error->name);
	return 0;
}

void ks_notify_of_certificate(struct ks_state *state, const struct ks_notify_certificate *what)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	struct ks_notifier *notifier = notifier_of(state);

	put_text(&body, what->key, 96);
	ks_buffer_printf(&body, " on token ");
	put_text(&body, what->token, 96);
	ks_buffer_printf(&body, ": its certificate %s. %s.", what->words, what->advice);
	KS_AUTO_FREE char *text = ks_buffer_steal_text(&body);
	if (!notifier || !text)
		return;
	int r = connect_bus(notifier);
	if (r >= 0)
		r = sd_bus_call_method_async(notifier->bus, NULL, SERVER, SERVER_PATH, SERVER, "Notify",
					     on_certificate_shown, notifier, "susssasa{sv}i", "keystay", 0u,
					     "dialog-warning", what->title, text, 0, 1, "urgency", "y", URGENCY_NORMAL,
					     -1);
	if (r < 0)
		complain(notifier, strerror(-r));
}

void ks_notify_free_all(struct ks_state *state)
{
	struct ks_notifier *notifier = state->notifier;

	if (!notifier)
		return;
	while (notifier->notices)
		notice_free(notifier->notices);
	sd_bus_close_unref(notifier->bus); /* not flushed: that could block; notices end by themselves */
	free(notifier);
	state->notifier = NULL;
}
