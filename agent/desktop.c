/* SPDX-License-Identifier: Apache-2.0 */
/* desktop: see desktop.h. Runs in: keystay-agent. */
#include "agent/desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define LOGIND "org.freedesktop.login1"
#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER LOGIND ".Manager"
#define SESSION LOGIND ".Session"
#define SESSIONS_FOLDER MANAGER_PATH "/session"

#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define PROPERTIES BUS ".Properties"
#define LOCAL BUS ".Local" /* what sd-bus tells of its own connection */

/*
 * awake --PrepareForSleep(true), told--> going --ks_desktop_ready_to_sleep(), lock released--> ready
 *   ^                                      |                                                     |
 *   +--------PrepareForSleep(false)--------+-----------------------------------------------------+ lock taken again
 */
enum sleep_state { SLEEP_AWAKE, SLEEP_GOING, SLEEP_READY };

struct ks_desktop {
	ks_desktop_happened *happened;
	void *userdata;
	sd_bus *bus;   /* NULL: there is none */
	char *owner;   /* logind's unique name (":1.7"), NULL while nobody has the name */
	int delay_fd;  /* logind's lock: the machine does not sleep at once while it is open; -1 */
	bool no_delay; /* it was refused once; said once */
	enum sleep_state sleep;
};

KS_DEFINE_CLEANUP(struct ks_desktop *, ks_desktop_free)

static bool is_from_logind(const struct ks_desktop *desktop, sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);

	return sender && desktop->owner && strcmp(sender, desktop->owner) == 0;
}

/* --- sessions ---------------------------------------------------------------------------------------------------- */

/* The answer to ask_whose(). One that cannot be had is taken as "ours": a session that has ended meanwhile, most
 * likely; to lock once too often costs a PIN, not to lock may cost more. */
static bool is_ours(sd_bus_message *reply)
{
	uint32_t uid;

	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_enter_container(reply, SD_BUS_TYPE_VARIANT, "(uo)") < 0 ||
	    sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, "uo") < 0 ||
	    sd_bus_message_read(reply, "u", &uid) < 0) {
		ks_log_debug("whose session it is cannot be learned; taken as ours");
		return true;
	}
	return uid == geteuid();
}

static int on_whose_locked(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)error;
	struct ks_desktop *desktop = userdata;

	if (is_ours(reply))
		desktop->happened(KS_DESKTOP_SCREEN_LOCKED, desktop->userdata);
	return 0;
}

static int on_whose_inactive(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)error;
	struct ks_desktop *desktop = userdata;

	if (is_ours(reply))
		desktop->happened(KS_DESKTOP_INACTIVE, desktop->userdata);
	return 0;
}

/* Asked each time: a list of our sessions would have to be kept true over logind's restarts, for nothing. */
static void ask_whose(struct ks_desktop *desktop, const char *session, sd_bus_message_handler_t answer)
{
	int r = sd_bus_call_method_async(desktop->bus, NULL, desktop->owner, session, PROPERTIES, "Get", answer,
					 desktop, "ss", SESSION, "User");
	if (r < 0)
		ks_log_warning("logind cannot be asked whose session was locked: %s", strerror(-r));
}

static int on_lock(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)error;
	struct ks_desktop *desktop = userdata;

	if (is_from_logind(desktop, signal))
		ask_whose(desktop, sd_bus_message_get_path(signal), on_whose_locked);
	return 0;
}

/* One entry of a{sv}: a boolean, or anything else, which is skipped. */
static int read_property(sd_bus_message *signal, const char **ret_name, int *ret_value)
{
	const char *name;
	const char *contents;
	int value = -1;

	int r = sd_bus_message_read(signal, "s", &name);
	if (r >= 0)
		r = sd_bus_message_peek_type(signal, NULL, &contents);
	if (r >= 0)
		r = strcmp(contents, "b") == 0 ? sd_bus_message_read(signal, "v", "b", &value) :
						 sd_bus_message_skip(signal, "v");
	if (r < 0)
		return r;
	*ret_name = name;
	*ret_value = value;
	return 0;
}

/* A locked screen is known by LockedHint, which GNOME's and KDE's lockers set, however they came to lock it; the
 * signal Lock is what asks them to (loginctl lock-session). */
static int on_properties(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)error;
	struct ks_desktop *desktop = userdata;
	const char *session = sd_bus_message_get_path(signal);

	if (!is_from_logind(desktop, signal) || sd_bus_message_skip(signal, "s") < 0 ||
	    sd_bus_message_enter_container(signal, SD_BUS_TYPE_ARRAY, "{sv}") < 0)
		return 0;
	while (sd_bus_message_enter_container(signal, SD_BUS_TYPE_DICT_ENTRY, "sv") > 0) {
		const char *name;
		int value;
		if (read_property(signal, &name, &value) < 0)
			return 0;
		if (strcmp(name, "LockedHint") == 0 && value == 1)
			ask_whose(desktop, session, on_whose_locked);
		else if (strcmp(name, "Active") == 0 && value == 0)
			ask_whose(desktop, session, on_whose_inactive);
		if (sd_bus_message_exit_container(signal) < 0)
			return 0;
	}
	return 0;
}

/* --- sleep ------------------------------------------------------------------------------------------------------- */

static void release_delay(struct ks_desktop *desktop)
{
	if (desktop->delay_fd >= 0)
		(void)close(desktop->delay_fd);
	desktop->delay_fd = -1;
}

static int on_delay(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)error;
	struct ks_desktop *desktop = userdata;
	int fd = -1;

	release_delay(desktop);
	if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "h", &fd) >= 0)
		desktop->delay_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (desktop->delay_fd < 0 && !desktop->no_delay) {
		const sd_bus_error *why = sd_bus_message_get_error(reply);
		char shown[256];
		ks_text_escape(ks_bytes_text(why && why->message ? why->message : "no reason was given"), shown,
			       sizeof(shown));
		ks_log_warning("logind gives no lock that delays sleep (%s); the machine may sleep before the tokens "
			       "are locked",
			       shown);
		desktop->no_delay = true;
	}
	if (desktop->sleep == SLEEP_READY) /* it came too late for this sleep */
		release_delay(desktop);
	return 0;
}

static void take_delay(struct ks_desktop *desktop)
{
	int r = sd_bus_call_method_async(desktop->bus, NULL, desktop->owner, MANAGER_PATH, MANAGER, "Inhibit", on_delay,
					 desktop, "ssss", "sleep", "keystay", "Tokens are locked before sleep",
					 "delay");
	if (r < 0)
		ks_log_warning("logind cannot be asked to wait for us before sleep: %s", strerror(-r));
}

static int on_sleep(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)error;
	struct ks_desktop *desktop = userdata;
	int going;

	if (!is_from_logind(desktop, signal) || sd_bus_message_read(signal, "b", &going) < 0)
		return 0;
	if (going && desktop->sleep == SLEEP_AWAKE) {
		desktop->sleep = SLEEP_GOING;
		desktop->happened(KS_DESKTOP_SLEEP, desktop->userdata);
	} else if (!going) {
		desktop->sleep = SLEEP_AWAKE;
		if (desktop->delay_fd < 0)
			take_delay(desktop);
	}
	return 0;
}

void ks_desktop_ready_to_sleep(struct ks_desktop *desktop)
{
	if (!desktop || desktop->sleep != SLEEP_GOING)
		return;
	desktop->sleep = SLEEP_READY;
	release_delay(desktop);
}

/* --- logind and the bus ------------------------------------------------------------------------------------------ */

/* Nobody else can have the name from now on, or NULL: logind has stopped. */
static void set_owner(struct ks_desktop *desktop, const char *owner)
{
	free(desktop->owner);
	desktop->owner = owner && owner[0] ? ks_text_copy(ks_bytes_text(owner)) : NULL;
	desktop->sleep = SLEEP_AWAKE;
	if (desktop->owner)
		take_delay(desktop);
}

static int on_owner_changed(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)error;
	const char *sender = sd_bus_message_get_sender(signal);
	const char *name;
	const char *owner;

	if (sender && strcmp(sender, BUS) == 0 && sd_bus_message_read(signal, "sss", &name, NULL, &owner) >= 0 &&
	    strcmp(name, LOGIND) == 0)
		set_owner(userdata, owner);
	return 0;
}

static int on_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)error;
	const char *owner;

	if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "s", &owner) >= 0)
		set_owner(userdata, owner);
	else
		ks_log_info("there is no logind: tokens stay unlocked when the screen is locked or the machine "
			    "sleeps");
	return 0;
}

static int on_lost(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)signal;
	(void)error;
	struct ks_desktop *desktop = userdata;

	/* Without a word from logind its lock would only delay each sleep. */
	release_delay(desktop);
	set_owner(desktop, NULL);
	ks_log_warning("the connection to the system bus is lost: until the agent is started again, tokens stay "
		       "unlocked when the screen is locked or the machine sleeps");
	return 0;
}

/* Told of a match that the bus refuses; sd-bus would give up the whole connection. */
static int on_match(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	const sd_bus_error *why = sd_bus_message_get_error(reply);

	if (why)
		ks_log_warning("the system bus refuses to tell of logind's signals (%s)", why->name);
	return 0;
}

static int add_matches(struct ks_desktop *desktop)
{
	static const struct {
		const char *rule;
		sd_bus_message_handler_t handler;
	} matches[] = {
		{ "type='signal',sender='" LOGIND "',path_namespace='" SESSIONS_FOLDER "',interface='" SESSION
		  "',member='Lock'",
		  on_lock },
		{ "type='signal',sender='" LOGIND "',path_namespace='" SESSIONS_FOLDER "',interface='" PROPERTIES
		  "',member='PropertiesChanged',arg0='" SESSION "'",
		  on_properties },
		{ "type='signal',sender='" LOGIND "',path='" MANAGER_PATH "',interface='" MANAGER
		  "',member='PrepareForSleep'",
		  on_sleep },
		{ "type='signal',sender='" BUS "',path='" BUS_PATH "',interface='" BUS
		  "',member='NameOwnerChanged',arg0='" LOGIND "'",
		  on_owner_changed },
	};
	int r = sd_bus_match_signal(desktop->bus, NULL, LOCAL, NULL, LOCAL, "Disconnected", on_lost, desktop);

	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]) && r >= 0; i++)
		r = sd_bus_add_match_async(desktop->bus, NULL, matches[i].rule, matches[i].handler, on_match, desktop);
	return r;
}

/* The calls are answered in their order, so that nothing is missed between the matches and the owner's name. */
static int connect_bus(struct ks_desktop *desktop, sd_event *event)
{
	int r = sd_bus_open_system(&desktop->bus);

	if (r >= 0)
		r = sd_bus_attach_event(desktop->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = add_matches(desktop);
	if (r >= 0)
		r = sd_bus_call_method_async(desktop->bus, NULL, BUS, BUS_PATH, BUS, "GetNameOwner", on_owner, desktop,
					     "s", LOGIND);
	return r;
}

int ks_desktop_watch(sd_event *event, ks_desktop_happened *happened, void *userdata, struct ks_desktop **ret_desktop)
{
	KS_CLEANUP(ks_desktop_freep) struct ks_desktop *desktop = calloc(1, sizeof(*desktop));

	if (!desktop)
		return KS_ERR_NO_MEMORY;
	*desktop = (struct ks_desktop){ .happened = happened, .userdata = userdata, .delay_fd = -1 };
	int r = connect_bus(desktop, event);
	if (r == -ENOMEM)
		return KS_ERR_NO_MEMORY;
	if (r < 0) {
		desktop->bus = sd_bus_close_unref(desktop->bus);
		ks_log_info("there is no system bus (%s): tokens stay unlocked when the screen is locked or the "
			    "machine sleeps",
			    strerror(-r));
	}
	*ret_desktop = KS_STEAL(desktop);
	return 0;
}

void ks_desktop_free(struct ks_desktop *desktop)
{
	if (!desktop)
		return;
	sd_bus_close_unref(desktop->bus); /* not flushed: that could block */
	release_delay(desktop);
	free(desktop->owner);
	free(desktop);
}
